#!/usr/bin/env python3
"""The one way in: `manage.py up` serves, `manage.py test` checks all, `help` lists the rest."""

import os
import sys

if sys.version_info < (3, 11):  # noqa: UP036 - whoever starts this may have an older one
    sys.exit(
        "chatsite needs Python 3.11 or newer; this is Python {}.{}. Install a newer one and start "
        "with it, for example: python3.11 manage.py up".format(*sys.version_info)
    )


def main() -> None:
    """Go on inside our own environment, which is made first where it is missing."""
    from chatsite import bootstrap, keyfiles

    bootstrap.enter(sys.argv)

    from django.core.management import execute_from_command_line

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatsite.settings")
    try:
        execute_from_command_line(sys.argv)
    except keyfiles.KeyFileError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()

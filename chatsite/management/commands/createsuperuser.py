"""`python3 manage.py createsuperuser`: Django's own, which works before the first `up` too."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.management.commands import createsuperuser

from chatsite import preparation


class Command(createsuperuser.Command):
    """Makes the database's tables first where they are missing, for scripts that set up."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Prepare, then do what Django does."""
        preparation.migrate(self.stdout.write)
        return super().execute(*args, **options)

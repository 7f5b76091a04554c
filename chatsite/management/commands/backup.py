"""`python3 manage.py backup FILE`: everything but the keys, while the server runs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from chat.operations.backups import archive, making


class Command(BaseCommand):
    """Writes one file; nothing that goes wrong leaves half of one under its name."""

    help = (
        "Writes a backup of the database and of the files that people brought to the new file "
        "FILE, while servers run. API keys are in it only as they are sealed in the database; the "
        "sealing keys are not, and nor are sessions: keep a copy of the data folder's keys "
        "elsewhere. `restore` puts it back."
    )
    requires_system_checks = []  # Django 6.1's open the database, which makes an empty one

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the argument."""
        parser.add_argument("file", metavar="FILE", type=Path)

    def handle(self, *, file: Path, **_: Any) -> None:
        """Write it and say what is in it."""
        os.umask(0o077)
        target = file.expanduser().absolute()
        try:
            manifest = making.make(target)
        except archive.BackupError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"Backed up to {target}: the database and {len(manifest.files) - 1} files, "
            f"{target.stat().st_size / 1e6:.1f} MB."
        )
        self.stdout.write(_of_keys())


def _of_keys() -> str:
    """Where the keys are that the backup is worth little without."""
    if settings.SEALING_KEY_FILE is None:
        where = "the variable CHATSITE_SECRET_KEYS"
    else:
        where = f"the file {settings.SEALING_KEY_FILE.path}"
    return (
        f"The sealing keys are not in it. Stored API keys cannot be opened without {where}: keep "
        "a copy of that, and not beside the backup."
    )

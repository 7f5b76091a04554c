"""`python3 manage.py restore FILE`: put a backup in place, and lose nothing if that fails."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from chat.operations.backups import archive, restoring
from chatsite import preparation


class Command(BaseCommand):
    """Checks everything first; what was there is kept aside."""

    help = (
        "Restores the backup FILE into the data folder (CHATSITE_DATA_DIR), or into the database "
        "that DATABASE_URL names. No server may run. All of the backup is unpacked and checked "
        "before anything changes, and what was there before is kept. The keys of the data folder "
        "stay as they are: put the sealing keys of the backup's time there before or after."
    )
    requires_system_checks = []  # Django 6.1's open the database, which makes an empty one

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("file", metavar="FILE", type=Path)
        parser.add_argument(
            "--replace",
            action="store_true",
            help="replace the data that is there; it is kept aside",
        )

    def handle(self, *, file: Path, replace: bool, **_: Any) -> None:
        """Restore, alone."""
        os.umask(0o077)
        try:
            with preparation.held_data_folder():
                done = restoring.restore(file.expanduser().absolute(), is_replacing=replace)
        except archive.BackupError as error:
            raise CommandError(str(error)) from error
        self._tell(done)

    def _tell(self, done: restoring.Restored) -> None:
        manifest = done.manifest
        self.stdout.write(
            f"Restored what was backed up on {manifest.made_at:%Y-%m-%d %H:%M} UTC by version "
            f"{manifest.version}: the database and {len(manifest.files) - 1} files."
        )
        if done.kept:
            self.stdout.write(f"What was there before is in {done.kept}; delete it when you can.")
        if settings.SEALING_KEY_FILE is not None:
            self.stdout.write(
                "Stored API keys need the sealing keys of that time in "
                f"{settings.SEALING_KEY_FILE.path}."
            )
        self.stdout.write(
            "Now `manage.py up` serves it; everybody signs in again. Then `manage.py doctor` says "
            "whether all is well, the stored keys included."
        )

"""`python3 manage.py rotate_keys`: another sealing key, while servers run."""

from __future__ import annotations

import time
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from admin_models import resealing
from chatsite.keyfiles import KeyFile

REST: Final = 60
"""Seconds after which nobody still saves what was sealed before a key file changed."""


class Command(BaseCommand):
    """Adds a key and seals everything anew; each step alone leaves everything readable."""

    help = (
        "Makes a new sealing key and seals the stored API keys with it. Servers may run: they "
        "notice by themselves. Older sealing keys are kept, for backups of the database, until "
        "--retire. No key is ever written to the terminal."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--retire",
            action="store_true",
            help="make no new key; drop the older ones, with which nothing is sealed any more",
        )

    def handle(self, *, retire: bool, **_: Any) -> None:
        """Do it, alone: a second one waits for the first."""
        file = settings.SEALING_KEY_FILE
        if file is None:
            self._reseal_only()
            return
        with file.held():
            if retire:
                self._retire(file)
            else:
                self._rotate(file)

    def _rotate(self, file: KeyFile) -> None:
        before = len(file.keys())
        file.add()
        self._tell(resealing.reseal(keys_before=before, keys_after=before + 1))
        self.stdout.write(
            f"There is a new sealing key in {file.path}; running servers notice by themselves. "
            "The older ones are kept: a backup of the database that was made before now needs "
            "them. When none will be needed: rotate_keys --retire"
        )

    def _retire(self, file: KeyFile) -> None:
        count = len(file.keys())
        if count == 1:
            self.stdout.write("There is one sealing key, and no older one to drop.")
            return
        if file.age(time.time()) < REST:
            raise CommandError(
                f"The newest sealing key is younger than {REST} seconds; somebody may still be "
                "saving what an older one sealed. Try again in a minute."
            )
        self._tell(resealing.reseal(keys_before=count, keys_after=1))
        file.drop_all_but_newest()
        self.stdout.write(
            f"The older sealing keys in {file.path} are gone ({count - 1}). A backup of the "
            "database from before the last rotation cannot be read with what is left."
        )

    def _reseal_only(self) -> None:
        """The operator keeps the keys; ours is only to use the newest."""
        count = len(settings.SEALING_KEYS)
        self._tell(resealing.reseal(keys_before=count, keys_after=count))
        self.stdout.write(
            "The sealing keys are those of CHATSITE_SECRET_KEYS, which this command cannot change. "
            "To rotate: add a new key behind the others for every process and restart them; then "
            "move it to the front, restart, and run this command. After that the others may go."
        )

    def _tell(self, outcome: resealing.Outcome) -> None:
        self.stdout.write(f"Sealed anew with the newest sealing key: {outcome.resealed}.")
        for where in outcome.unreadable:
            self.stderr.write(f"No sealing key opens {where}; it must be entered again.")

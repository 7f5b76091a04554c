"""`python3 manage.py rebuild_totals`: the sums of the ledger, counted anew."""

from __future__ import annotations

from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser

from chat.ledger import totals
from chat.ledger.totals import Difference

SHOWN: Final = 20
"""Differences that are told one by one."""


class Command(BaseCommand):
    """Makes the totals anew, or says whether they are right."""

    help = (
        "Counts the whole ledger and makes the totals that pages show from it; after a change of "
        "TIME_ZONE, for example. Nobody can write to the ledger meanwhile: answers that end wait."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--check",
            action="store_true",
            help="change nothing; say what differs from a full count, and fail if anything does",
        )

    def handle(self, *, check: bool, **_: Any) -> None:
        """Do one or the other."""
        if not check:
            totals.rebuild()
            self.stdout.write("The totals were made anew from the ledger.")
            return
        found = totals.differences()
        for difference in found[:SHOWN]:
            self.stdout.write(_told(difference))
        if found:
            raise CommandError(
                f"Totals that differ from the ledger: {len(found)}. rebuild_totals makes them anew."
            )
        self.stdout.write("The totals are equal to a full count of the ledger.")


def _told(difference: Difference) -> str:
    key = " ".join(f"{name}={value}" for name, value in difference.key.items())
    names = sorted({*difference.kept, *difference.counted})
    counts = ", ".join(
        f"{name} {difference.kept.get(name, 0)} instead of {difference.counted.get(name, 0)}"
        for name in names
        if difference.kept.get(name, 0) != difference.counted.get(name, 0)
    )
    return f"{difference.table} {key}: {counts}"

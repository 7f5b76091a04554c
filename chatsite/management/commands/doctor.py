"""`python3 manage.py doctor`: examine everything and say what to do."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from chat.operations.doctor import examining
from chat.operations.doctor.findings import Finding, State


class Command(BaseCommand):
    """One line a check, and what to do on the next."""

    help = (
        "Examines the installation: packages, files, settings, database, keys, totals, and what "
        "runs beside it; servers may run meanwhile. Says of each what to do. Leaves with 1 if "
        "something is an error. No secret is in what it says."
    )
    requires_system_checks = []  # they are among what is examined

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("--json", action="store_true", help="a list of objects, for programs")
        parser.add_argument(
            "--thorough",
            action="store_true",
            help="also count a ledger of more than 100,000 rows, which holds up answers meanwhile",
        )

    def handle(self, *, thorough: bool, **options: Any) -> None:
        """Tell what is found as it is found."""
        found: list[Finding] = []
        for finding in examining.findings(is_thorough=thorough):
            found.append(finding)
            if not options["json"]:
                self._tell(finding)
        if options["json"]:
            self.stdout.write(json.dumps([asdict(finding) for finding in found], indent=2))
        if any(finding.state is State.ERROR for finding in found):
            sys.exit(1)

    def _tell(self, finding: Finding) -> None:
        colour = {State.OK: self.style.SUCCESS, State.ERROR: self.style.ERROR}
        state = colour.get(finding.state, self.style.WARNING)(f"{finding.state.value:<8}")
        self.stdout.write(f"{state} {finding.check}: {finding.said}")
        if finding.remedy:
            self.stdout.write(f"         → {finding.remedy}")
        self.stdout.flush()

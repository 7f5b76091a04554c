"""`python3 manage.py bench streams`: what the streaming path costs, measured."""

from __future__ import annotations

import signal
from argparse import ArgumentTypeError
from pathlib import Path
from typing import Any

import msgspec
from django.core.management.base import BaseCommand, CommandError, CommandParser

from chatsite.bench import report, rows, streams
from chatsite.bench.processes import ProcessFailed

SHOWN_TROUBLES = 20
FASTEST = 10_000
"""Tokens a second; a faster service would only measure itself."""


class Command(BaseCommand):
    """Measures with a server, a relay, a service and readers of its own, all on 127.0.0.1."""

    help = (
        "Measures what passing on many answers at once costs, beside a bare relay in the same run. "
        "Fails only if answers are wrong or missing, never for being slow."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare what can be measured."""
        kinds = parser.add_subparsers(dest="kind", metavar="streams", required=True)
        measured = kinds.add_parser("streams", help="many answers at once, then long ones")
        measured.add_argument("--streams", type=_count, default=100, help="answers at once (100)")
        measured.add_argument("--tokens", type=_count, default=200, help="tokens of each (200)")
        measured.add_argument("--rate", type=_rate, default=50, help="tokens a second of each (50)")
        measured.add_argument("--rounds", type=_count, default=2, help="how often (2)")
        measured.add_argument(
            "--long", type=int, default=20_000, help="tokens of a long answer (20000); 0: none"
        )
        measured.add_argument("--json", metavar="FILE", help="write everything to this file")
        measured.add_argument(
            "--profile", metavar="FILE", help="one more round under py-spy, collapsed stacks"
        )
        # The bench calls itself for these, because their database is that of the server it started.
        making = kinds.add_parser("make-rows")
        making.add_argument("base_url")
        making.add_argument("count", type=_count)
        kinds.add_parser("check-rows")

    def handle(self, *, kind: str, **options: Any) -> None:
        """Do what is asked."""
        match kind:
            case "make-rows":
                self._answer(rows.make(options["base_url"], options["count"]))
            case "check-rows":
                self._answer(list(rows.troubles()))
            case _:
                self._measure(options)

    def _answer(self, found: object) -> None:
        self.stdout.write(msgspec.json.encode(found).decode())

    def _measure(self, options: dict[str, Any]) -> None:
        wanted = msgspec.convert(options, streams.Options)
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            measured = streams.measure(wanted, self._say)
        except ProcessFailed as failure:
            raise CommandError(str(failure)) from failure
        except KeyboardInterrupt:
            raise CommandError("Interrupted.", returncode=130) from None
        self._show(report.report_on(wanted, measured), options["json"])

    def _show(self, found: report.Report, file: str | None) -> None:
        self.stdout.write(report.table(found))
        if file:
            Path(file).write_bytes(msgspec.json.format(msgspec.json.encode(found)))
        if found.troubles:
            shown = "\n".join(found.troubles[:SHOWN_TROUBLES])
            raise CommandError(f"{len(found.troubles)} answers were not right:\n{shown}")

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ArgumentTypeError("must be at least 1")
    return number


def _rate(text: str) -> float:
    number = float(text)
    if not 0 < number <= FASTEST:
        raise ArgumentTypeError(f"must be above 0 and at most {FASTEST}")
    return number

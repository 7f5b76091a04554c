"""`python3 manage.py bench streams`, `bench client`, `bench week`, `bench ledger`: what streaming
costs, whether the figures of usage are right, and how long they take."""

from __future__ import annotations

import signal
from argparse import ArgumentTypeError
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from django.core.management.base import BaseCommand, CommandError, CommandParser

from chatsite.bench import client, ledger, report, rows, streams, week, week_rows
from chatsite.bench.processes import ProcessFailed

SHOWN_TROUBLES = 20
FASTEST = 10_000
"""Tokens a second; a faster service would only measure itself."""


class Command(BaseCommand):
    """Measures with a server, a relay, a service and readers of its own, all on 127.0.0.1."""

    help = (
        "Measures what passing on many answers at once costs, beside a bare relay in the same run; "
        "what our client costs, beside others; and whether the figures of a week of synthetic use "
        "are those of the bench's own bookkeeping, and how long sums of a large ledger take. "
        "Fails only if something is wrong or missing, "
        "never for being slow."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare what can be measured."""
        names = "{streams,client,week,ledger}"
        kinds = parser.add_subparsers(dest="kind", metavar=names, required=True)
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
        read = kinds.add_parser("client", help="one long stream, read by our client and by others")
        read.add_argument("--chunks", type=_count, default=20_000, help="of the stream (20000)")
        read.add_argument("--rounds", type=_count, default=5, help="how often (5)")
        read.add_argument("--json", metavar="FILE", help="write everything to this file")
        used = kinds.add_parser("week", help="a week of synthetic use, and its figures")
        used.add_argument("--turns", type=_count, default=300, help="asked over sockets (300)")
        used.add_argument("--past", type=_count, default=2_000, help="of the days before (2000)")
        used.add_argument("--people", type=_count, default=12, help="who ask (12)")
        used.add_argument("--seed", type=int, default=1, help="another week of the same kind (1)")
        used.add_argument("--json", metavar="FILE", help="write everything to this file")
        summed = kinds.add_parser("ledger", help="the sums of a large ledger")
        summed.add_argument("--rows", type=_count, default=1_000_000, help="of it (1000000)")
        summed.add_argument("--json", metavar="FILE", help="write everything to this file")
        # The bench calls itself for these, because their database is that of the server it started.
        making = kinds.add_parser("make-rows")
        making.add_argument("base_url")
        making.add_argument("count", type=_count)
        kinds.add_parser("check-rows")
        making = kinds.add_parser("make-week")
        making.add_argument("base_url")
        making.add_argument("week", type=int, nargs=4)
        kinds.add_parser("time-ledger").add_argument("rows", type=_count)
        kinds.add_parser("check-week").add_argument("today")

    def handle(self, *, kind: str, **options: Any) -> None:
        """Do what is asked."""
        match kind:
            case "make-rows":
                self._answer(rows.make(options["base_url"], options["count"]))
            case "check-rows":
                self._answer(list(rows.troubles()))
            case "make-week":
                self._answer(week_rows.make(options["base_url"], week_rows.Week(*options["week"])))
            case "check-week":
                self._answer(week_rows.found(options["today"]))
            case "time-ledger":
                self._answer(ledger.timed(options["rows"]))
            case "ledger":
                self._sum_a_ledger(options)
            case "week":
                self._live_a_week(options)
            case "client":
                self._measure_client(options)
            case _:
                self._measure_streams(options)

    def _answer(self, found: object) -> None:
        self.stdout.write(msgspec.json.encode(found).decode())

    def _measure_client(self, options: dict[str, Any]) -> None:
        wanted = msgspec.convert(options, client.Options)
        with _interruptible():
            measured = client.measure(wanted, self._say)
        self._show(client.table(measured), measured, measured.troubles, options["json"])

    def _measure_streams(self, options: dict[str, Any]) -> None:
        wanted = msgspec.convert(options, streams.Options)
        with _interruptible():
            measured = streams.measure(wanted, self._say)
        found = report.report_on(wanted, measured)
        self._show(report.table(found), found, found.troubles, options["json"])

    def _live_a_week(self, options: dict[str, Any]) -> None:
        wanted = msgspec.convert(options, week_rows.Week)
        with _interruptible():
            measured = week.measure(wanted, self._say)
        self._show(week.table(measured), measured, measured.troubles, options["json"])

    def _sum_a_ledger(self, options: dict[str, Any]) -> None:
        with _interruptible():
            measured = ledger.measure(options["rows"], self._say)
        self._show(ledger.table(measured), measured, measured.troubles, options["json"])

    def _show(self, table: str, found: object, troubles: list[str], file: str | None) -> None:
        self.stdout.write(table)
        if file:
            Path(file).write_bytes(msgspec.json.format(msgspec.json.encode(found)))
        if troubles:
            shown = "\n".join(troubles[:SHOWN_TROUBLES])
            raise CommandError(f"{len(troubles)} things were not right:\n{shown}")

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


@contextmanager
def _interruptible() -> Iterator[None]:
    """Turn what ends a bench early into an error of the command."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except ProcessFailed as failure:
        raise CommandError(str(failure)) from failure
    except KeyboardInterrupt:
        raise CommandError("Interrupted.", returncode=130) from None


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

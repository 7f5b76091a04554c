"""`bench week`: a week of synthetic use through the real product, and then its figures against the
bench's own bookkeeping.

The questions of today go over sockets to a real server, which is killed once in between; the days
before are written as the ledger writes every row, with the time of then. What the product says is
asked three times: of the sums that its dashboard shows, over HTTP of its API, and of the dashboard.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Any, Final

import msgspec

from chatsite.bench import processes, week_figures, week_http, week_people, week_plan
from chatsite.bench.processes import Child, ProcessFailed
from chatsite.bench.week_figures import ALL, ERRORS, Figures
from chatsite.bench.week_plan import CUT_SHORT, Ending, Entry, Turn
from chatsite.bench.week_rows import Found, Made, Place, Week

STARTS_WITHIN: Final = 120.0
AFTER_THE_KILL: Final = 5
"""One question in so many is asked after the server was killed and started again."""

Say = Callable[[str], None]


class Measured(msgspec.Struct):
    """What was asked, what the bookkeeping comes to and what the product says; and every figure
    that differs, with every answer that did not end as planned."""

    seconds: float
    endings: dict[str, int]
    expected: Figures
    by_sums: Figures
    by_api: Figures
    by_page: Figures
    troubles: list[str]


def measure(week: Week, say: Say) -> Measured:
    """Run the bench, telling its steps. Raises ProcessFailed if a part of it does not work."""
    with tempfile.TemporaryDirectory(prefix="chatsite-week-") as folder, ExitStack() as stack:
        began = time.monotonic()
        say(f"Writing {week.past} requests of the days before …")
        scene = _Scene(Path(folder), stack, week)
        troubles = scene.live(say)
        say("Comparing the figures …")
        found = scene.found()
        if found.is_day_over:
            raise ProcessFailed("Midnight came in between: start the bench again.")
        by_api, by_page = asyncio.run(scene.told())
    expected = week_figures.of_entries(_entries(scene.made, scene.turns, found))
    troubles += _differences("sums", expected, found.figures)
    troubles += _differences("API", week_http.as_told(expected), by_api)
    troubles += _differences("dashboard", week_http.as_shown(expected), by_page)
    if found.wrong_totals:
        troubles.append(f"{found.wrong_totals} totals are not what the rows come to")
    return Measured(
        seconds=time.monotonic() - began,
        endings=Counter(str(turn.ending) for turn in scene.turns),
        expected=expected,
        by_sums=found.figures,
        by_api=by_api,
        by_page=by_page,
        troubles=troubles,
    )


def table(measured: Measured) -> str:
    """The figures of the whole week and of its errors, for a terminal."""
    columns = (measured.expected, measured.by_sums, measured.by_api, measured.by_page)
    rows = [["", "bookkeeping", "sums", "API", "dashboard"]]
    for part in (ALL, ERRORS):
        names = sorted({name for figures in columns for name in figures.get(part, {})})
        rows += [[name, *(each.get(part, {}).get(name, "") for each in columns)] for name in names]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.rjust, row, widths)).rstrip() for row in rows]
    figures = sum(len(names) for names in measured.expected.values())
    asked = ", ".join(f"{count} {ending}" for ending, count in sorted(measured.endings.items()))
    return "\n".join(
        [
            *lines,
            "",
            f"{figures} figures by day, model, person and kind; asked over sockets: {asked}; "
            f"{measured.seconds:.0f} seconds",
            "",
        ]
    )


def _differences(where: str, expected: Figures, told: Figures) -> list[str]:
    return [f"{where}: {each}" for each in week_figures.differences(expected, told)]


def _entries(made: Made, turns: Iterable[Turn], found: Found) -> Iterator[Entry]:
    """The whole week in the ledger, as it has to be."""
    yield from made.entries
    for turn in turns:
        said = found.texts.get(turn.number, "") if turn.ending in CUT_SHORT else ""
        yield week_plan.entry_of(turn, made.today, said)


class _Scene:
    """The synthetic service, the real server and its database, until `stack` closes."""

    def __init__(self, folder: Path, stack: ExitStack, week: Week) -> None:
        self._folder = folder
        self._stack = stack
        self._variables = {
            "CHATSITE_DATA_DIR": str(folder / "data"),
            "DATABASE_URL": f"sqlite:///{folder}/data/chatsite.sqlite3",
            "REDIS_URL": "",
            "CHATSITE_PRIVATE_HOSTS": "127.0.0.1",  # the service that we start ourselves
            "CHATSITE_SEND_RATE": "1000000/s",  # nobody types as fast as this
        }
        given = [str(number) for number in msgspec.structs.astuple(week)]
        said = self._command("make-week", self._start_upstream(), *given)
        self.made = msgspec.json.decode(said, type=Made)
        self.turns = week_plan.turns(week.turns, week.people, week.seed)
        self._server, self._site = self._start_server("server")

    def live(self, say: Say) -> list[str]:
        """Ask everything; a sentence for each answer that did not end as planned."""
        asked = list(zip(self.turns, self.made.places, strict=True))
        killed = [each for each in asked if each[0].ending is Ending.KILLED]
        others = [each for each in asked if each[0].ending is not Ending.KILLED]
        cut = len(others) - len(others) // AFTER_THE_KILL
        say(f"Asking {cut} questions …")
        troubles = asyncio.run(week_people.ask_all(self._site, others[:cut]))
        troubles += self._kill(killed, say)
        say(f"Asking {len(others) - cut} more …")
        return troubles + asyncio.run(week_people.ask_all(self._site, others[cut:]))

    def _kill(self, killed: Sequence[tuple[Turn, Place]], say: Say) -> list[str]:
        """Kill the server while it answers, and start it again."""
        say(f"Killing the server in the middle of {len(killed)} answers …")
        troubles = asyncio.run(week_people.begin_all(self._site, killed))
        self._server.process.kill()
        self._server.process.wait()
        self._server, self._site = self._start_server("server-again")
        return troubles + asyncio.run(week_people.see_all(self._site, killed))

    def found(self) -> Found:
        """What the product's own sums say."""
        return msgspec.json.decode(self._command("check-week", self.made.today), type=Found)

    async def told(self) -> tuple[Figures, Figures]:
        """What the API and the dashboard say."""
        made, week = self.made, week_plan.days(date.fromisoformat(self.made.today))
        api = await week_http.told_by_api(self._site, made.token, week)
        return api, await week_http.shown_on_page(self._site, made.operator, week)

    def _start_upstream(self) -> str:
        listener, address = processes.listening()
        with listener:
            words = ("-m", "chatsite.bench.week_upstream", str(listener.fileno()))
            command = processes.python(*words)
            self._start("upstream", command, listener=listener)
        return f"http://{address}/v1"

    def _start_server(self, name: str) -> tuple[Child, str]:
        command = processes.python("manage.py", "up", "--no-model", "--port", "0")
        process = self._start(name, command, variables=self._variables)
        return process, process.expect(r"Serving on (\S+)/", STARTS_WITHIN)[1]

    def _start(self, name: str, command: list[str], **more: Any) -> Child:
        return self._stack.enter_context(processes.running(name, command, self._folder, **more))

    def _command(self, *words: str) -> bytes:
        command = processes.python("manage.py", "bench", *words)
        return processes.answer_of(command, variables=self._variables)

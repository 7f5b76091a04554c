"""What the live page shows of the processes that it hears of."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Final

from django.utils import timezone
from django.utils.translation import gettext, ngettext

from chat.operations import live, numbers
from chat.operations.live import Held, Known, Report
from chat.operations.plots import Band, Plot, Step
from chat.turns import log

SILENCE: Final = 3 * live.INTERVAL
"""Seconds after which a process that reports nothing is not counted any more."""
HISTORY: Final = 60
"""Reports that a page draws: two minutes."""


@dataclass(frozen=True, slots=True)
class Process:
    """A process in words. What it has not said is a dash."""

    name: str
    state: str
    state_label: str
    since: datetime
    answers: str
    sockets: str
    rate: str
    memory: str
    delay: str
    worst_delay: str


@dataclass(frozen=True, slots=True)
class Meter:
    """A figure of all processes."""

    title: str
    value: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Board:
    """All of the page."""

    meters: Sequence[Meter]
    processes: Sequence[Process]
    plots: Sequence[Plot]
    at: datetime


@dataclass(slots=True)
class Watcher:
    """What an open page has heard, and what was two minutes ago."""

    reports: dict[int, Report] = field(default_factory=dict)
    history: deque[tuple[str, float, int]] = field(default_factory=lambda: deque(maxlen=HISTORY))

    def hear(self, told: Mapping[str, Any]) -> None:
        """Take in the report of a process."""
        heard = Report(**told)
        self.reports[heard.worker] = heard

    def board(self, found: Known) -> Board:
        """What the page shows now; who is silent is not counted."""
        now = time.time()
        self.reports = {pk: told for pk, told in self.reports.items() if now - told.at < SILENCE}
        told = list(self.reports.values())
        rate = sum(each.rate for each in told)
        self.history.append((f"{timezone.localtime():%H:%M:%S}", rate, found.streaming))
        return Board(
            meters=_meters(found, told, rate),
            processes=[_process(held, self.reports.get(held.worker)) for held in found.workers],
            plots=_plots(list(self.history)),
            at=timezone.now(),
        )


def first() -> Board:
    """What a page shows before its socket is open: the tables, and how this process does."""
    watcher = Watcher()
    if (told := live.latest()) is not None:
        watcher.hear(asdict(told))
    return watcher.board(live.known())


def _meters(found: Known, told: Sequence[Report], rate: float) -> list[Meter]:
    people = {pk for each in told for pk in each.people}
    sockets = sum(each.sockets for each in told)
    waiting = ngettext(
        "%(n)s waits for its first word", "%(n)s wait for their first words", found.queued
    )
    pages = ngettext("%(n)s open page", "%(n)s open pages", sockets)
    processes = ngettext("of %(n)s process", "of %(n)s processes", len(told))
    worst = max((each.worst_delay for each in told), default=0.0)
    return [
        Meter(gettext("Answers"), f"{found.streaming:,}", waiting % {"n": f"{found.queued:,}"}),
        Meter(gettext("Tokens a second"), numbers.short(round(rate, 1)), gettext("estimated")),
        Meter(gettext("People connected"), f"{len(people):,}", pages % {"n": f"{sockets:,}"}),
        Meter(
            gettext("Event-loop delay"),
            numbers.seconds(worst) if told else numbers.NONE,
            gettext("the worst of ten seconds"),
        ),
        Meter(
            gettext("Memory"),
            _bytes(sum(each.memory for each in told)),
            processes % {"n": len(told)},
        ),
    ]


def _process(held: Held, told: Report | None) -> Process:
    state, label = _state(held, told)
    answers = f"{held.streaming:,} + {held.queued:,}"
    if told is None:
        dash = numbers.NONE
        name = gettext("process %(number)s") % {"number": held.worker}
        return Process(name, state, label, held.started_at, answers, *[dash] * 5)
    return Process(
        name=told.name,
        state=state,
        state_label=label,
        since=held.started_at,
        answers=f"{told.streaming:,} + {told.queued:,}",
        sockets=f"{told.sockets:,}",
        rate=numbers.rate(told.rate),
        memory=_bytes(told.memory),
        delay=numbers.seconds(told.delay),
        worst_delay=numbers.seconds(told.worst_delay),
    )


def _state(held: Held, told: Report | None) -> tuple[str, str]:
    if timezone.now() - held.heartbeat_at > log.SILENCE:
        return "not_ok", gettext("gone")
    if told is None:
        return "waiting", gettext("not heard of yet")
    return "ok", gettext("working")


def _bytes(number: int) -> str:
    return f"{number / 2**20:,.0f} MiB" if number else numbers.NONE


def _plots(history: Iterable[tuple[str, float, int]]) -> list[Plot]:
    rows = list(history)
    missing = HISTORY - len(rows)
    steps = [Step("", "")] * missing + [
        Step(at[3:], at, rank=int(number % 10 == 0)) for number, (at, _r, _a) in enumerate(rows)
    ]
    rates: list[float | None] = [None] * missing + [rate for _at, rate, _answers in rows]
    answers: list[float | None] = [None] * missing + [float(many) for _at, _rate, many in rows]
    return [
        Plot(
            name="live-rate",
            title=gettext("Tokens a second"),
            description=gettext("Tokens a second of all answers, in the last two minutes."),
            kind="lines",
            steps=steps,
            bands=[Band("p50", gettext("tokens a second"), rates)],
            written=numbers.short,
            is_whole=True,
        ),
        Plot(
            name="live-answers",
            title=gettext("Answers being written"),
            description=gettext("Answers that were being written, in the last two minutes."),
            kind="lines",
            steps=steps,
            bands=[Band("p50", gettext("answers"), answers)],
            written=numbers.short,
            is_whole=True,
        ),
    ]

"""What a bench measured, as figures beside their goals."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from statistics import median

import msgspec

from chatsite.bench.load import Delay, Outcome
from chatsite.bench.streams import Measured, Options

PACKAGES = ("django", "channels", "daphne", "httpx", "httpx-sse", "aiohttp", "comrak", "nh3")
Measure = Callable[[Outcome], float | None]


class Figure(msgspec.Struct):
    """One number of ours, that of the relay where it has one, and the most that ours should be."""

    name: str
    unit: str
    ours: float | None
    relay: float | None = None
    goal: float | None = None

    @property
    def verdict(self) -> str:
        """Whether the goal is reached, in a word; empty if there is nothing to say."""
        if self.ours is None or self.goal is None:
            return ""
        return "reached" if self.ours <= self.goal else "missed"


class Report(msgspec.Struct):
    """Everything about one bench. `troubles` are answers that were wrong or are missing."""

    machine: dict[str, str]
    options: Options
    figures: list[Figure]
    troubles: list[str]
    measured: Measured


def report_on(options: Options, measured: Measured) -> Report:
    """Sum up; what was measured several times is given by its median."""
    outcomes = [*measured.relay, *measured.ours, *measured.short, *measured.long]
    troubles = [trouble for outcome in outcomes for trouble in outcome.troubles]
    return Report(
        machine=_machine(),
        options=options,
        figures=[*_speed(measured), *_memory(measured), *_long(measured), *_load(measured)],
        troubles=[*troubles, *measured.troubles],
        measured=measured,
    )


def table(report: Report) -> str:
    """The figures, for a terminal."""
    rows = [["", "", "ours", "relay", "goal", ""], *map(_row, report.figures)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(_line(row, widths) for row in rows)


def _row(figure: Figure) -> list[str]:
    goal = "" if figure.goal is None else f"≤ {figure.goal:g}"
    numbers = [_shown(figure.ours), _shown(figure.relay), goal]
    return [figure.name, figure.unit, *numbers, figure.verdict]


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    aligned = [
        cell.rjust(width) if 2 <= place <= 4 else cell.ljust(width)
        for place, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return "  ".join(aligned).rstrip()


def _shown(number: float | None) -> str:
    if number is None:
        return ""
    return f"{number:.2f}" if abs(number) < 10 else f"{number:,.0f}"


# ── the figures ────────────────────────────────────────────────────────────────────────────────


def _speed(measured: Measured) -> list[Figure]:
    both = _Both(measured)
    cpu = both.figure("server CPU a token", "us", _cpu)
    return [
        cpu,
        Figure("  compared with the relay", "", _ratio(cpu.ours, cpu.relay), 1, goal=0.5),
        both.figure("first text, p50", "ms", lambda outcome: _p50(outcome.first_text), 30),
        both.figure("first text, p99", "ms", lambda outcome: _p99(outcome.first_text), 150),
        both.figure("age of text, p50", "ms", lambda outcome: _p50(outcome.text_age)),
        both.figure("age of text, p99", "ms", lambda outcome: _p99(outcome.text_age)),
        both.figure("sent a token", "bytes", _bytes),
        both.figure("frames an answer", "", lambda outcome: outcome.frames / outcome.answers),
    ]


def _memory(measured: Measured) -> list[Figure]:
    """Later rounds find memory that earlier ones have left: only the first is looked at."""
    first, *later = measured.ours
    relay = measured.relay[0]
    most = max(outcome.rss_peak_kib for outcome in (first, *later, *measured.long))
    return [
        Figure("memory at the start", "MiB", measured.rss_started_kib / 1024),
        Figure(
            "memory, idle", "MiB", first.rss_before_kib / 1024, relay.rss_before_kib / 1024, 100
        ),
        Figure("memory an idle socket", "KiB", _kib_a_socket(first), _kib_a_socket(relay), 100),
        Figure("memory, peak", "MiB", most / 1024, measured.relay[-1].rss_peak_kib / 1024),
    ]


def _long(measured: Measured) -> list[Figure]:
    if not measured.long:
        return []
    figures = []
    for name, unit, of in (("sent a token", "bytes", _bytes), ("server CPU a token", "us", _cpu)):
        short, long = _median(of, measured.short), _median(of, measured.long)
        figures += [
            Figure(f"long answer: {name}", unit, long),
            Figure("  compared with a short one", "", _ratio(long, short), goal=1.2),
        ]
    return figures


def _load(measured: Measured) -> list[Figure]:
    """How busy everybody was: where one of the others is near 100 %, the rest means little."""
    both = _Both(measured)
    return [
        both.figure("server busy", "%", lambda each: _busy(each, each.server_cpu_seconds)),
        both.figure("service busy", "%", lambda each: _busy(each, each.upstream_cpu_seconds)),
        both.figure("readers busy", "%", lambda each: _busy(each, each.readers_cpu_seconds)),
    ]


class _Both:
    """Makes figures of what was measured of our server and of the relay."""

    def __init__(self, measured: Measured) -> None:
        self._measured = measured

    def figure(self, name: str, unit: str, of: Measure, goal: float | None = None) -> Figure:
        """The medians of `of`."""
        ours, relay = _median(of, self._measured.ours), _median(of, self._measured.relay)
        return Figure(name, unit, ours, relay, goal)


def _median(of: Measure, outcomes: Sequence[Outcome]) -> float | None:
    known = [number for number in map(of, outcomes) if number is not None]
    return median(known) if known else None


def _ratio(part: float | None, whole: float | None) -> float | None:
    return part / whole if part is not None and whole else None


def _cpu(outcome: Outcome) -> float | None:
    return _ratio(outcome.server_cpu_seconds * 1e6, outcome.tokens)


def _bytes(outcome: Outcome) -> float | None:
    return _ratio(outcome.bytes, outcome.tokens)


def _p50(delay: Delay | None) -> float | None:
    return delay.p50 if delay else None


def _p99(delay: Delay | None) -> float | None:
    return delay.p99 if delay else None


def _busy(outcome: Outcome, cpu_seconds: float) -> float:
    return 100 * cpu_seconds / outcome.seconds


def _kib_a_socket(outcome: Outcome) -> float:
    return (outcome.rss_open_kib - outcome.rss_before_kib) / outcome.answers


def _machine() -> dict[str, str]:
    packages = {name: version(name) for name in PACKAGES}
    cores = str(len(os.sched_getaffinity(0)))
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    return {"system": system, "cores": cores, "python": sys.version.split()[0], **packages}

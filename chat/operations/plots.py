"""Plots as SVG, drawn here: bars on bars, and lines. Colours and sizes are the style sheet's.

A plot is as wide as its place and as high as `HEIGHT`: what is drawn is stretched, what is written
is not, so that a telephone shows fewer labels and not smaller ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from chat.operations.numbers import NONE, short

HEIGHT: Final = 180
"""Pixels from the lowest value to the highest."""
_WIDTH: Final = 1000
"""Parts of the width, whatever it is in pixels."""
_ROUND: Final = (1, 2, 2.5, 5, 10)
_MOST_LABELS: Final = 6
_GAP: Final = 0.2
"""Of a step that is left free beside its bar."""
_RADIUS: Final = 2.5
"""Pixels of a point that no line leads to."""


@dataclass(frozen=True, slots=True)
class Band:
    """Values of one kind, one for each step; None where there is none. `key` is its colour's."""

    key: str
    label: str
    values: Sequence[float | None]


@dataclass(frozen=True)
class Step:
    """A step of the time that a plot shows."""

    label: str
    """On the axis, short."""
    name: str
    """In a table, whole."""
    rank: int = 0
    """The higher, the sooner the axis names it."""
    url: str = ""
    """Where more is said of it."""

    @cached_property
    def heading(self) -> SafeString:
        """Of its row in the table of every plot that shows it."""
        name = format_html('<a href="{}">{}</a>', self.url, self.name) if self.url else self.name
        return format_html('<th scope="row">{}</th>', name)


@dataclass(frozen=True, slots=True)
class Plot:
    """What is drawn. `written` puts a value into words, `on_axis` a round one; `is_whole` says
    that there are no halves."""

    name: str
    title: str
    description: str
    kind: Literal["bars", "lines"]
    steps: Sequence[Step]
    bands: Sequence[Band]
    written: Callable[[float], str]
    on_axis: Callable[[float], str] = short
    is_whole: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not any(value for band in self.bands for value in band.values)

    @property
    def svg(self) -> SafeString:
        """The drawing, without the table that belongs beside it."""
        return _svg(self)

    @property
    def rows(self) -> SafeString:
        """The same as rows of a table: a step, and the value of each band."""
        row = f"<tr>{{}}{'<td>{}</td>' * len(self.bands)}</tr>"
        return format_html_join("\n", row, (_row(self, at) for at in _filled(self)))


def ticks(low: float, high: float, *, is_whole: bool = False, about: int = 4) -> list[float]:
    """Round numbers at equal distances, from `low` (0 at the most) to `high` (0 at the least) or
    beyond; for nothing at all from 0 to 1."""
    low, high = min(low, 0.0), max(high, 0.0)
    if low == high:
        high = 1.0
    wanted = (high - low) / about
    scale = 10.0 ** math.floor(math.log10(wanted))
    step = next(scale * part for part in _ROUND if scale * part >= wanted * (1 - 1e-9))
    if is_whole:
        step = max(1.0, math.ceil(step))
    first = math.floor(low / step + 1e-9)
    last = max(math.ceil(high / step - 1e-9), first + 1)
    return [number * step for number in range(first, last + 1)]


def named(steps: Sequence[Step]) -> list[int]:
    """The steps that an axis has room to name: those of the highest rank, evenly among them."""
    for rank in sorted({step.rank for step in steps}, reverse=True):
        found = [at for at, step in enumerate(steps) if step.rank >= rank]
        if len(found) >= 3 or rank == min(step.rank for step in steps):
            every = -(-len(found) // _MOST_LABELS)
            return found[::every]
    return []


def bar(part: float, key: str = "reported") -> SafeString:
    """A lying bar, for a table: `part` of all the width, from 0 to 1."""
    return bars([(part, key)])


def bars(parts: Iterable[tuple[float, str]]) -> SafeString:
    """A lying bar of several parts, each from 0 to 1 of all the width, with its colour's key."""
    pieces, at = [], 0.0
    for part, key in parts:
        width = min(max(part, 0.0), 1.0 - at)
        pieces.append((f"{at * 100:.2f}", f"{width * 100:.2f}", key))
        at += width
    drawn = format_html_join("", '<rect x="{}%" width="{}%" height="8" data-band="{}"/>', pieces)
    return format_html('<svg class="lying" height="8" aria-hidden="true">{}</svg>', drawn)


def _filled(plot: Plot) -> list[int]:
    """The steps in which there is anything."""
    return [at for at in range(len(plot.steps)) if any(band.values[at] for band in plot.bands)]


def _row(plot: Plot, at: int) -> tuple[str, ...]:
    values = (band.values[at] for band in plot.bands)
    cells = (NONE if value is None else plot.written(value) for value in values)
    return (plot.steps[at].heading, *cells)


def _svg(plot: Plot) -> SafeString:
    scale = _Scale.of(plot)
    drawn = _bars(plot, scale) if plot.kind == "bars" else _lines(plot, scale)
    return format_html(
        '<svg class="drawing" role="img" height="{}" aria-labelledby="{}-title {}-desc">'
        '<title id="{}-title">{}</title><desc id="{}-desc">{}</desc>{}{}{}{}</svg>',
        HEIGHT + 24, plot.name, plot.name, plot.name, plot.title, plot.name, plot.description,
        _grid(plot, scale), drawn, _axis(plot), _hints(plot),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Scale:
    """Where a value stands, in pixels from the top."""

    ticks: Sequence[float]

    @classmethod
    def of(cls, plot: Plot) -> _Scale:
        low, high = _range(plot)
        return cls(ticks(low, high, is_whole=plot.is_whole))

    def y(self, value: float) -> float:
        """Of a value."""
        low, high = self.ticks[0], self.ticks[-1]
        return round((high - value) / (high - low) * HEIGHT, 2)


def _range(plot: Plot) -> tuple[float, float]:
    """The lowest and the highest that is drawn."""
    if plot.kind == "lines":
        values = [value for band in plot.bands for value in band.values if value is not None]
        return min(values, default=0.0), max(values, default=0.0)
    stacks = [_stack(plot, at) for at in range(len(plot.steps))]
    return (
        min((sum(value for value in stack if value < 0) for stack in stacks), default=0.0),
        max((sum(value for value in stack if value > 0) for stack in stacks), default=0.0),
    )


def _stack(plot: Plot, at: int) -> list[float]:
    return [band.values[at] or 0.0 for band in plot.bands]


def _grid(plot: Plot, scale: _Scale) -> SafeString:
    """A line and a number at each round value; the one at 0 is stronger."""
    lines = [
        (_short(scale.y(tick)), "zero" if not tick else "", plot.on_axis(tick) if tick else "0")
        for tick in scale.ticks
    ]
    return format_html_join(
        "",
        '<line class="grid {1}" x1="0" x2="100%" y1="{0}" y2="{0}"/>'
        '<text class="value" x="-8" y="{0}" dy="4">{2}</text>',
        lines,
    )


def _axis(plot: Plot) -> SafeString:
    """The names of steps, each under the middle of its step; narrow places show every other."""
    many = len(plot.steps)
    shown = [
        (_short((at + 0.5) / many * 100), HEIGHT + 17, "minor" if number % 2 else "",
         plot.steps[at].label)
        for number, at in enumerate(named(plot.steps))
    ]  # fmt: skip
    return format_html_join("", '<text class="when {2}" x="{0}%" y="{1}">{3}</text>', shown)


def _bars(plot: Plot, scale: _Scale) -> SafeString:
    paths: dict[str, list[str]] = {band.key: [] for band in plot.bands}
    width = _WIDTH / max(len(plot.steps), 1)
    for at in range(len(plot.steps)):
        left = (at + _GAP / 2) * width
        for key, top, height in _pieces(plot, at, scale):
            wide = _short(width * (1 - _GAP))
            paths[key].append(f"M{_short(left)} {_short(top)}h{wide}v{_short(height)}h-{wide}z")
    return _stretched((key, "".join(path)) for key, path in paths.items())


def _pieces(plot: Plot, at: int, scale: _Scale) -> Iterator[tuple[str, float, float]]:
    """The pieces of a bar with key, top and height: upwards, and downwards what is below zero."""
    above = below = 0.0
    for band, value in zip(plot.bands, _stack(plot, at), strict=True):
        start = above if value > 0 else below
        top, bottom = sorted((scale.y(start), scale.y(start + value)))
        if bottom > top:
            yield band.key, top, bottom - top
        if value > 0:
            above += value
        else:
            below += value


def _lines(plot: Plot, scale: _Scale) -> SafeString:
    many = max(len(plot.steps), 1)
    paths, points = [], []
    for band in plot.bands:
        path = []
        for run in _runs(band.values):
            placed = [((at + 0.5) / many, scale.y(value)) for at, value in run]
            path.append("M" + "L".join(f"{_short(x * _WIDTH)} {_short(y)}" for x, y in placed))
            if len(placed) == 1:
                points.append((_short(placed[0][0] * 100), _short(placed[0][1]), _RADIUS, band.key))
        paths.append((band.key, "".join(path)))
    dots = format_html_join("", '<circle cx="{}%" cy="{}" r="{}" data-band="{}"/>', points)
    return format_html("{}{}", _stretched(paths), dots)


def _runs(values: Sequence[float | None]) -> Iterator[list[tuple[int, float]]]:
    """Values that follow each other without a gap, with their places."""
    run: list[tuple[int, float]] = []
    for at, value in enumerate(values):
        if value is not None:
            run.append((at, value))
        elif run:
            yield run
            run = []
    if run:
        yield run


def _stretched(paths: Iterable[tuple[str, str]]) -> SafeString:
    drawn = format_html_join(
        "", '<path data-band="{}" d="{}"/>', [(key, path) for key, path in paths if path]
    )
    return format_html(
        '<svg viewBox="0 0 {} {}" width="100%" height="{}" preserveAspectRatio="none">{}</svg>',
        _WIDTH, HEIGHT, HEIGHT, drawn,
    )  # fmt: skip


def _hints(plot: Plot) -> SafeString:
    """What a pointer that rests on a step is told."""
    many = len(plot.steps)
    wide = _short(100 / max(many, 1))
    hints = [(_short(at / many * 100), wide, HEIGHT, _told(plot, at)) for at in _filled(plot)]
    return format_html_join(
        "",
        '<rect class="hint" x="{}%" width="{}%" height="{}"><title>{}</title></rect>',
        hints,
    )


def _told(plot: Plot, at: int) -> str:
    values = [(band.label, band.values[at]) for band in plot.bands]
    lines = [f"{label}: {plot.written(value)}" for label, value in values if value is not None]
    return "\n".join([plot.steps[at].name, *lines])


def _short(number: float) -> SafeString:
    """A coordinate, as short as it can be written."""
    return mark_safe(f"{number:.2f}".rstrip("0").rstrip("."))  # noqa: S308  # digits

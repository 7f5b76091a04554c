"""The sums of the ledger as a table: by hour or day, and by what one asks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

from django.contrib.auth.models import User

from admin_models.models import Environment, Team
from chat.figures import sources, spans
from chat.figures.sources import SUM, Source
from chat.figures.spans import DAY, Dimension, Narrowing, Span
from chat.figures.sums import COLUMNS as COLUMN_OF
from chat.figures.sums import StepName, teams_of_people
from chat.models.totals import SUMMED
from chat.operations.exports.columns import Column, Kind, Row, moment
from chat.operations.exports.tables import Mark

COLUMNS: Final = (
    Column("begins_at", Kind.MOMENT),
    Column("date"),
    Column("step"),
    Column("by"),
    Column("key"),
    Column("name"),
    Column("confidence"),
    Column("currency"),
    *(Column(name, Kind.AMOUNT if name == "cost" else Kind.INTEGER) for name in SUMMED),
)
_COST: Final = SUMMED.index("cost")

_Key = tuple[datetime, str, str, str]
"""When it begins, what it is of, confidence, currency: by these the table is sorted."""


@dataclass(frozen=True, slots=True)
class SumsOf:
    """The sums of a time; without `by` of everything. See docs/usage-export.md for what is in them.

    Hours are those of UTC, days those of the installation's time zone.
    """

    span: Span
    narrowing: Narrowing
    step: StepName
    by: Dimension | None = None

    @property
    def columns(self) -> Sequence[Column]:
        return COLUMNS

    def batches(self, after: Mark | None = None) -> Iterator[Sequence[Row]]:
        """A day at a time, with at most three queries for the sums and one for names."""
        behind = None if after is None else _read(after)
        narrowing = self.narrowing.resolved()
        teams = teams_of_people() if self.by is Dimension.TEAM else None
        for part in self._days(behind[0] if behind else self.span.begin):
            found = self._added(part, narrowing, teams)
            keys = sorted(key for key in found if behind is None or key > behind)
            names = _names(self.by, {key[1] for key in keys})
            if rows := [self._row(key, names.get(key[1], ""), found[key]) for key in keys]:
                yield rows

    def mark(self, row: Row) -> Mark:
        begins_at, _date, _step, _by, key, _name, confidence, currency = row[:8]
        assert isinstance(begins_at, datetime)  # noqa: S101  # for the type checker
        return moment(begins_at), key, confidence, currency

    def _days(self, begin: datetime) -> Iterator[Span]:
        """The span from a moment on, cut where hours or days are not."""
        begin = max(begin, self.span.begin)
        while begin < self.span.end:
            end = min(self._midnight_after(begin), self.span.end)
            yield Span(begin, end)
            begin = end

    def _midnight_after(self, at: datetime) -> datetime:
        if self.step == "day":
            return spans.begin_of(spans.day_of(at) + DAY)
        return at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + DAY

    def _added(
        self, part: Span, narrowing: Narrowing, teams: Mapping[int, list[int]] | None
    ) -> Mapping[_Key, list[Any]]:
        found: defaultdict[_Key, list[Any]] = defaultdict(lambda: [0] * len(SUMMED))
        column = None if self.by is None else COLUMN_OF[self.by]
        columns = {"step", "confidence", "currency"} | ({column} if column else set())
        for source in self._sources(part, narrowing):
            for row in source.grouped(*sorted(columns)):
                values = [row[SUM + name] for name in SUMMED]
                for key in _keys(row[column] if column else "", teams):
                    place = _begin(row["step"]), key, row["confidence"], row["currency"]
                    found[place] = [a + b for a, b in zip(found[place], values, strict=True)]
        return found

    def _sources(self, part: Span, narrowing: Narrowing) -> list[Source]:
        is_of_people = narrowing.is_personal or self.by in (Dimension.PERSON, Dimension.TEAM)
        if self.step == "day":
            return (sources.of_people if is_of_people else sources.of_days)(part, narrowing)
        return (sources.of_hours_of_people if is_of_people else sources.of_hours)(part, narrowing)

    def _row(self, key: _Key, name: str, values: Sequence[Any]) -> Row:
        begins_at, of, confidence, currency = key
        told = list(values)
        if not currency:
            told[_COST] = None  # without a price there is no cost, which is not a cost of nothing
        day = f"{spans.day_of(begins_at):%Y-%m-%d}"
        return begins_at, day, self.step, self.by or "", of, name, confidence, currency, *told


def _keys(value: str | int, teams: Mapping[int, list[int]] | None) -> Iterable[str]:
    """As what a value is told: of a person who is none, or in no team, nothing."""
    values = [value] if teams is None else teams.get(int(value), [0])
    return [str(each or "") for each in values]


def _begin(step: datetime | date) -> datetime:
    return step if isinstance(step, datetime) else spans.begin_of(step)


def _read(mark: Mark) -> _Key:
    match mark:
        case (str(at), str(key), str(confidence), str(currency)):
            begins_at = datetime.fromisoformat(at)
            if begins_at.tzinfo is not None:
                return begins_at, key, confidence, currency
    raise ValueError("no mark of a sum")


def _names(by: Dimension | None, keys: Iterable[str]) -> Mapping[str, str]:
    """What keys are called, as far as they are there."""
    numbers = [int(key) for key in keys if key.isdecimal()]
    rows: Iterable[tuple[Any, str]]
    match by:
        case Dimension.ENVIRONMENT:
            rows = Environment.objects.filter(env_id__in=keys).values_list("env_id", "name")
        case Dimension.PERSON:
            rows = User.objects.filter(pk__in=numbers).values_list("pk", "username")
        case Dimension.TEAM:
            rows = Team.objects.filter(pk__in=numbers).values_list("pk", "name")
        case _:
            rows = ((key, key) for key in keys)
    return {str(key): name for key, name in rows}

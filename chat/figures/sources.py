"""Where the sums of a time come from: whole hours and days from the totals, the rest from the rows.

A total and a row are asked for the same columns, so that who adds them up need not know which it
was.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any, Final

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import (
    Aggregate,
    BigIntegerField,
    CharField,
    Count,
    F,
    Func,
    Q,
    QuerySet,
    Sum,
    TextField,
)
from django.db.models.functions import Coalesce

from chat.figures import spans
from chat.figures.spans import Narrowing, Span
from chat.models import DayTotal, HourTotal, SiteDayTotal, Status, Usage
from chat.models.amounts import AmountField
from chat.models.totals import PLACE, SUMMED

SUM: Final = "sum_"
_KEY: Final = "key_"
"""Before the names of what is summed and of what it is summed by: tables have such columns."""

_IS_REQUEST: Final = Q(corrects__isnull=True)
_ADDED: Final = (
    "prompt_tokens",
    "completion_tokens",
    "cached_tokens",
    "reasoning_tokens",
    "total_tokens",
    "units",
    "cost",
)
_COUNTED: Final = {
    "requests": _IS_REQUEST,
    "questions": _IS_REQUEST & Q(kind=Usage.Kind.CHAT, step=0),
    "corrections": ~_IS_REQUEST,
    "done": _IS_REQUEST & Q(final_status=Status.DONE),
    "stopped": _IS_REQUEST & Q(final_status=Status.STOPPED),
    "failed": _IS_REQUEST & Q(final_status=Status.FAILED),
    "interrupted": _IS_REQUEST & Q(final_status=Status.INTERRUPTED),
    "uncosted": _IS_REQUEST & Q(cost__isnull=True) & ~Q(currency=""),
}


def _number(name: str) -> Any:
    return AmountField() if name == "cost" else BigIntegerField()


SUMS_OF_TOTALS: Final[Mapping[str, Any]] = {
    SUM + name: Coalesce(Sum(name), 0, output_field=_number(name)) for name in SUMMED
}
SUMS_OF_ROWS: Final[Mapping[str, Any]] = {
    **{SUM + name: Coalesce(Sum(name), 0, output_field=_number(name)) for name in _ADDED},
    **{SUM + name: Count("pk", filter=which) for name, which in _COUNTED.items()},
}
"""The full count of what the totals keep."""
OF_ROWS: Final[Mapping[str, Any]] = {
    **{name: F(name) for name in (*PLACE, "confidence", "currency")},
    "model_name": F("requested_model"),
    "user_pk": Coalesce(F("user_id"), 0, output_field=BigIntegerField()),
}
"""What the columns of the totals are called in the ledger."""


class UtcHour(Func):
    """The hour of a moment, as text to the letter `YYYY-MM-DD HH`."""

    output_field = CharField()
    form, length = "YYYY-MM-DD HH24", 13

    def as_sqlite(self, compiler: Any, connection: BaseDatabaseWrapper, **more: Any) -> Any:
        """Moments are texts there; Django's own truncation would call Python for every row."""
        template = f"SUBSTR(%(expressions)s, 1, {self.length})"
        return self.as_sql(compiler, connection, template=template, **more)

    def as_postgresql(self, compiler: Any, connection: BaseDatabaseWrapper, **more: Any) -> Any:
        template = f"TO_CHAR(%(expressions)s AT TIME ZONE 'UTC', '{self.form}')"
        return self.as_sql(compiler, connection, template=template, **more)


class UtcMinute(UtcHour):
    """The same to the minute; made into a moment in a fraction of the time that Django needs."""

    form, length = "YYYY-MM-DD HH24:MI", 16


class JoinedText(Aggregate):
    """Texts of several rows, one after the other, in any order."""

    output_field = TextField()
    template = "%(function)s(%(expressions)s, '')"
    function = "GROUP_CONCAT"

    def as_postgresql(self, compiler: Any, connection: BaseDatabaseWrapper, **more: Any) -> Any:
        return self.as_sql(compiler, connection, function="STRING_AGG", **more)


def moment_of(text: str) -> datetime:
    """The beginning of what `UtcHour` or `UtcMinute` name."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


Step = datetime | date


@dataclass(frozen=True, slots=True)
class Source:
    """Rows or totals of a part of a time.

    `step` is the hour or day of all of them, or else the column that has it is `step_column`.
    """

    rows: QuerySet[Any]
    is_ledger: bool
    step: Step | None = None
    step_column: Any = None

    def grouped(self, *columns: str, summed: Collection[str] = SUMMED) -> Iterator[dict[str, Any]]:
        """What `summed` of the rows comes to, for each combination of `columns` and, where there is
        one, `step`. One query."""
        sums = SUMS_OF_ROWS if self.is_ledger else SUMS_OF_TOTALS
        wanted = {SUM + name: sums[SUM + name] for name in summed}
        for row in self._by(columns).annotate(**wanted):
            yield self._told(row)

    def people_by_step(self) -> Iterator[tuple[Step, int]]:
        """How many people there are in each step. One query."""
        person = self._column("user_pk")
        known = Count(person, distinct=True, filter=~Q(**{_KEY + "person": 0}))
        rows = self.rows.order_by().alias(**{_KEY + "person": person})
        if self.step is not None:
            yield self.step, rows.aggregate(people=known)["people"]
            return
        for row in rows.values(**{_KEY + "step": self.step_column}).annotate(people=known):
            yield self._told(row)["step"], row["people"]

    def people(self, *columns: str) -> Iterator[dict[str, Any]]:
        """Each person (`user_pk`) of each combination of `columns`, once. One query."""
        for row in self._by(("user_pk", *columns)).distinct():
            yield self._told(row)

    def _by(self, columns: Sequence[str]) -> QuerySet[Any]:
        keys = {_KEY + name: self._column(name) for name in columns if not self._is_known(name)}
        return self.rows.order_by().values(**keys)

    def _is_known(self, name: str) -> bool:
        return name == "step" and self.step is not None

    def _column(self, name: str) -> Any:
        if name == "step":
            return self.step_column
        return OF_ROWS[name] if self.is_ledger else F(name)

    def _told(self, row: dict[str, Any]) -> dict[str, Any]:
        told = {name.removeprefix(_KEY): value for name, value in row.items()}
        if self.step is not None:
            told["step"] = self.step
        elif isinstance(told.get("step"), str):
            told["step"] = moment_of(told["step"])
        return told


# Which they are


def of_days(span: Span, narrowing: Narrowing) -> list[Source]:
    """The sources of a time, of everybody, that know of days."""
    core = spans.whole_days(span)
    first, last = spans.day_of(core.begin), spans.day_of(core.end)
    days = SiteDayTotal.objects.filter(narrowing.condition(), day__gte=first, day__lt=last)
    at_edges = [
        replace(source, step=spans.day_of(edge.begin))
        for edge in edges(span, core)
        for source in of_hours(edge, narrowing)
    ]
    totals = Source(days, is_ledger=False, step_column=F("day"))
    return at_edges if core.is_empty else [totals, *at_edges]


def of_hours(span: Span, narrowing: Narrowing) -> list[Source]:
    """The sources of a time, of everybody, that know of hours."""
    core = spans.whole_hours(span)
    hours = HourTotal.objects.filter(narrowing.condition(), at__gte=core.begin, at__lt=core.end)
    totals = Source(hours, is_ledger=False, step_column=F("at"))
    return _around(totals, core, span, narrowing, spans.hour_of)


def of_people(span: Span, narrowing: Narrowing) -> list[Source]:
    """The sources that know of people and of days."""
    core = spans.whole_days(span)
    first, last = spans.day_of(core.begin), spans.day_of(core.end)
    days = DayTotal.objects.filter(narrowing.condition(), day__gte=first, day__lt=last)
    totals = Source(days, is_ledger=False, step_column=F("day"))
    return _around(totals, core, span, narrowing, spans.day_of)


def of_hours_of_people(span: Span, narrowing: Narrowing) -> list[Source]:
    """The source that knows of people and of hours: the ledger itself."""
    rows = ledger_rows(span, narrowing)
    return [Source(rows, is_ledger=True, step_column=UtcHour(F("created_at")))]


def ledger_rows(span: Span, narrowing: Narrowing) -> QuerySet[Usage]:
    """The rows of a time."""
    condition = narrowing.condition(model="requested_model", person="user_id")
    return Usage.objects.filter(condition, created_at__gte=span.begin, created_at__lt=span.end)


def edges(span: Span, core: Span) -> list[Span]:
    """What is left of `span` without `core`, its whole hours or days: nothing, a beginning, an end,
    or both. Each lies within one hour or day."""
    parts = (Span(span.begin, min(core.begin, span.end)), Span(core.end, span.end))
    return [part for part in parts if not part.is_empty]


def _around(
    totals: Source,
    core: Span,
    span: Span,
    narrowing: Narrowing,
    step_of: Callable[[datetime], Step],
) -> list[Source]:
    at_edges = [
        Source(ledger_rows(edge, narrowing), is_ledger=True, step=step_of(edge.begin))
        for edge in edges(span, core)
    ]
    return at_edges if core.is_empty else [totals, *at_edges]

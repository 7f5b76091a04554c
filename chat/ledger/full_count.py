"""What the totals have to be: the whole ledger, counted by the database."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from typing import Any, Final

from django.db.models import Count, F, Max, Min, Model, QuerySet

from chat.figures import spans, speeds
from chat.figures.sources import OF_ROWS, SUM, Source, UtcHour, moment_of
from chat.figures.spans import Span
from chat.ledger import beginning
from chat.ledger.counting import KEYS, Key
from chat.models import (
    DaySpeeds,
    DayTotal,
    HourTotal,
    SiteDaySpeeds,
    SiteDayTotal,
    Status,
    Usage,
)
from chat.models.totals import SUMMED

_PLACE: Final = ("env_id", "group_name", "requested_model", "agent", "kind")


def of(table: type[Model]) -> Iterator[tuple[Key, Mapping[str, Any]]]:
    """What each total of `table` has to be, by its key; of failures those that have rows."""
    if table is HourTotal:
        return _sums(table, _hours())
    if table in (SiteDayTotal, DayTotal):
        return (found for day in days() for found in _sums(table, _day(day)))
    if table in (SiteDaySpeeds, DaySpeeds):
        return (found for day in days() for found in _speeds(table, day))
    return _failures()


def days() -> Iterable[date]:
    """The days from that of the first row to that of the last, as far as no row was deleted."""
    begin = spans.begin_of(beginning.first_day())
    times = Usage.objects.filter(created_at__gte=begin).aggregate(
        first=Min("created_at"), last=Max("created_at")
    )
    if times["first"] is None:
        return ()
    return spans.days(Span(times["first"], times["last"] + timedelta(microseconds=1)))


def requests_of(day: date) -> int:
    """How many requests there were. One query."""
    return _rows_of(day).filter(corrects__isnull=True).count()


def _rows_of(day: date) -> QuerySet[Usage]:
    begin, end = spans.begin_of(day), spans.begin_of(day + spans.DAY)
    return Usage.objects.filter(created_at__gte=begin, created_at__lt=end)


def _rows_of_whole_hours() -> QuerySet[Usage]:
    return Usage.objects.filter(created_at__gte=beginning.first_hour())


def _hours() -> Source:
    return Source(_rows_of_whole_hours(), is_ledger=True, step_column=UtcHour(F("created_at")))


def _day(day: date) -> Source:
    return Source(_rows_of(day), is_ledger=True, step=day)


def _sums(table: type[Model], source: Source) -> Iterator[tuple[Key, Mapping[str, Any]]]:
    columns = ("step", *KEYS[table][1:])
    for row in source.grouped(*columns):
        yield tuple(row[name] for name in columns), {name: row[SUM + name] for name in SUMMED}


def _speeds(table: type[Model], day: date) -> Iterator[tuple[Key, Mapping[str, Any]]]:
    timed = _rows_of(day).filter(first_token_seconds__isnull=False, corrects__isnull=True)
    columns = [OF_ROWS[name] for name in KEYS[table][1:]]
    facts = ("first_token_seconds", "duration_seconds", "completion_tokens")
    counts: defaultdict[Key, defaultdict[str, Counter[int]]]
    counts = defaultdict(lambda: defaultdict(Counter))
    for row in timed.order_by().values_list(*columns, *facts).iterator():
        key = (day, *row[: len(columns)])
        for measure, value in speeds.measured(*row[len(columns) :]):
            counts[key][measure.value][speeds.bucket_of(value)] += 1
    for key, of_it in counts.items():
        yield key, {name: speeds.text_of(found) for name, found in of_it.items()}


def _failures() -> Iterator[tuple[Key, Mapping[str, Any]]]:
    rows = _rows_of_whole_hours().order_by()
    failed = rows.filter(final_status=Status.FAILED, corrects__isnull=True)
    ways = failed.annotate(hour=UtcHour(F("created_at"))).values_list(
        "hour", *_PLACE, "error_stage", "error_code"
    )
    for hour, *way, answers in ways.annotate(Count("pk")):
        yield (moment_of(hour), *way, True), {"answers": answers}

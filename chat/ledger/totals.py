"""The totals: kept with every row that the ledger gets, and made anew from it where need be."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache
from itertools import chain
from typing import Any, Final

from django.db import connection, transaction
from django.db.models import DateField, Max, Model, QuerySet, Sum

from chat.figures import spans, speeds
from chat.ledger import beginning, counting, full_count
from chat.ledger.counting import COUNTED, KEYS, Counts, Key
from chat.models import DaySpeeds, DayTotal, Failure, HourTotal, SiteDayTotal, Usage
from chat.models.amounts import AmountField

_SUMMED: Final = (HourTotal, SiteDayTotal, DayTotal, Failure)
"""Of numbers; the others keep texts."""
AT_ONCE: Final = 500
"""Texts that one statement adds to."""

# Kept


def add(rows: Collection[Usage], failures: Collection[Failure] = ()) -> None:
    """Add `rows`, and `failures` without rows, to the totals; in the transaction that writes them.

    One statement for each table that gets something, and two more where a text became long; it
    locks its rows in the order of their keys, so that no two writers each wait for the other.
    """
    for table, added in counting.additions(rows, failures).of.items():
        _upsert(table, added)


def failure(at: datetime, **members: Any) -> Failure:
    """An answer that failed at a moment without a row in the ledger, for `add`. Not saved."""
    return Failure(at=spans.hour_of(at), was_called=False, answers=1, **members)


def forget_person(user_pk: int) -> None:
    """Add the totals of a person to those of nobody who is known; in the transaction that takes
    the person off the rows."""
    for table in (DayTotal, DaySpeeds):
        keys, theirs = KEYS[table], table.objects.filter(user_pk=user_pk)
        place = keys.index("user_pk")
        found = dict(_counts_in(theirs))
        theirs.delete()
        _upsert(
            table, {(*key[:place], 0, *key[place + 1 :]): counts for key, counts in found.items()}
        )


def _upsert(table: type[Model], additions: Mapping[Key, Counts]) -> None:
    if not additions:
        return
    rows = [_written(table, *addition) for addition in sorted(additions.items(), key=_by_key)]
    if table in _SUMMED:
        with connection.cursor() as cursor:
            cursor.executemany(_statement(table, 1), rows)
        return
    for begin in range(0, len(rows), AT_ONCE):
        _append(table, rows[begin : begin + AT_ONCE])


def _append(table: type[Model], rows: Sequence[Sequence[Any]]) -> None:
    """Add to texts, and write those anew that became long: they are locked for us now."""
    with connection.cursor() as cursor:
        lengths = " + ".join(f"LENGTH({name})" for name in COUNTED[table])
        cursor.execute(
            f"{_statement(table, len(rows))} RETURNING id, {lengths}", [*chain.from_iterable(rows)]
        )
        long = [pk for pk, length in cursor.fetchall() if length > speeds.LONG]
    if long:
        shortened = table._default_manager.in_bulk(long).values()
        for total in shortened:
            for name in COUNTED[table]:
                setattr(total, name, _shorter(getattr(total, name)))
        table._default_manager.bulk_update(shortened, COUNTED[table])


def _shorter(text: str) -> str:
    return speeds.text_of(speeds.counts_of(text))


def _by_key(addition: tuple[Key, Counts]) -> Key:
    return addition[0]


def _written(table: type[Model], key: Key, counts: Counts) -> list[Any]:
    """The values of a row, as the database takes them."""
    nothing = 0 if table in _SUMMED else ""
    row = [*key, *(counts.get(name, nothing) for name in COUNTED[table])]
    for position, convert in _converted(table).items():
        row[position] = convert(row[position], connection)
    return row


@cache
def _converted(table: type[Model]) -> Mapping[int, Callable[..., Any]]:
    """How the values of some columns are written; names and numbers are as they are."""
    fields = [table._meta.get_field(name) for name in (*KEYS[table], *COUNTED[table])]
    return {
        position: field.get_db_prep_save
        for position, field in enumerate(fields)
        if isinstance(field, AmountField | DateField)
    }


@lru_cache
def _statement(table: type[Model], rows: int) -> str:
    """SQLite and PostgreSQL understand it alike; the names are our own columns."""
    name, keys, counted = table._meta.db_table, KEYS[table], COUNTED[table]
    columns, plus = (*keys, *counted), "+" if table in _SUMMED else "||"
    row = f"({', '.join('%s' for _ in columns)})"
    sums = ", ".join(f"{each} = {name}.{each} {plus} excluded.{each}" for each in counted)
    return (
        f"INSERT INTO {name} ({', '.join(columns)}) "  # noqa: S608  # see above
        f"VALUES {', '.join([row] * rows)} ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {sums}"
    )


# Made anew


@dataclass(frozen=True, slots=True)
class Difference:
    """A total that is not what the rows of the ledger come to; counts without those of nothing."""

    table: str
    key: Mapping[str, Any]
    kept: Mapping[str, Any]
    counted: Mapping[str, Any]


def rebuild() -> None:
    """Make every total anew from the ledger. Nobody writes to the ledger meanwhile.

    How many answers failed without a row there is known from nowhere else: that is left alone.
    """
    with _alone():
        for table in KEYS:
            _remade(table).delete()
            _upsert(table, dict(full_count.of(table)))


def differences() -> list[Difference]:
    """Which totals are not what a full count of the ledger comes to. Nobody writes meanwhile."""
    with _alone():
        return [difference for table in KEYS for difference in _differences(table)]


def rebuild_if_needed() -> bool:
    """Make the totals anew if there are none, or if their days are those of another time zone,
    which shows in the newest; returns whether they were made. Who finds them right stops nobody."""
    if _are_newest_days_right():
        return False
    with _alone():
        is_needed = not _are_newest_days_right()
        if is_needed:
            rebuild()
    return is_needed


NEWEST: Final = 3
"""So many days are looked at."""


def _are_newest_days_right() -> bool:
    newest = Usage.objects.aggregate(at=Max("created_at"))["at"]
    if newest is None:
        return not _remade(DayTotal).exists()
    day, first = spans.day_of(newest), beginning.first_day()
    days = [day - number * spans.DAY for number in range(NEWEST)]
    kept = DayTotal.objects.filter(day__gte=days[-1]).values_list("day")
    requests = dict(kept.annotate(Sum("requests")).order_by())
    return all(
        requests.get(each, 0) == full_count.requests_of(each) for each in days if each >= first
    )


@contextmanager
def _alone() -> Generator[None, None, None]:
    """A transaction during which nobody else adds to the ledger. On SQLite every one of ours is."""
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute(f"LOCK TABLE {Usage._meta.db_table} IN EXCLUSIVE MODE")
        yield


def _remade(table: type[Model]) -> QuerySet[Any]:
    """Those totals that can be made anew: those of which no row was deleted for its age."""
    rows = table._default_manager.filter(**beginning.since(table))
    return rows.filter(was_called=True) if table is Failure else rows


def _differences(table: type[Model]) -> Iterator[Difference]:
    kept = {key: _something(counts) for key, counts in _kept(table)}
    counted = {key: _something(counts) for key, counts in full_count.of(table)}
    for key in kept | counted:
        if kept.get(key, {}) != counted.get(key, {}):
            named = dict(zip(KEYS[table], key, strict=True))
            of_it = (kept.get(key, {}), counted.get(key, {}))
            yield Difference(table._meta.db_table, named, *of_it)


def _kept(table: type[Model]) -> Iterator[tuple[Key, Counts]]:
    for key, counts in _counts_in(_remade(table)):
        yield key, counts if table in _SUMMED else {n: _shorter(text) for n, text in counts.items()}


def _counts_in(rows: QuerySet[Any]) -> Iterator[tuple[Key, Counts]]:
    keys, counted = KEYS[rows.model], COUNTED[rows.model]
    for row in rows.values_list(*keys, *counted).iterator():
        yield row[: len(keys)], dict(zip(counted, row[len(keys) :], strict=True))


def _something(counts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: count for name, count in counts.items() if count}

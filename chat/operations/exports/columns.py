"""The columns of a table, and what a value of each kind is as text."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum, auto
from typing import Any

Value = int | float | str | Decimal | datetime | None
Row = tuple[Value, ...]


class Kind(Enum):
    """What the values of a column are, or None; texts are never None."""

    TEXT = auto()
    INTEGER = auto()
    NUMBER = auto()
    """A float."""
    AMOUNT = auto()
    """A Decimal of `chat.models.amounts.PLACES` places."""
    MOMENT = auto()
    """A datetime that knows its time zone."""


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    kind: Kind = Kind.TEXT


Writer = Callable[[Sequence[Column], Iterable[Sequence[Row]]], Generator[bytes, None, None]]
"""Writes a file of some columns, from rows in batches."""


def plain(value: Value) -> Any:
    """A value as formats have it that know neither moments nor exact numbers: those are texts."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        return moment(value)
    return value


def moment(value: datetime) -> str:
    """A moment in UTC as ISO 8601 has it, to the microsecond."""
    return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"

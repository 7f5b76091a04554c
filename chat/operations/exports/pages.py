"""A table page by page, for programs that ask again from where the last page ended."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from itertools import chain, islice

from chat.operations.exports.columns import Row
from chat.operations.exports.tables import Mark, Table


class WrongCursor(ValueError):
    """What was sent is no cursor of this table."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows, and the cursor of the next page; "" where this is the last."""

    rows: list[Row]
    next: str


def read(table: Table, cursor: str, length: int) -> Page:
    """At most `length` rows behind `cursor`, from the beginning without one. Raises WrongCursor."""
    try:
        batches = table.batches(_mark_of(cursor) if cursor else None)
        rows = list(islice(chain.from_iterable(batches), length + 1))
    except ValueError as error:
        raise WrongCursor from error
    is_last = len(rows) <= length
    return Page(rows[:length], "" if is_last else _cursor_of(table.mark(rows[length - 1])))


def _cursor_of(mark: Mark) -> str:
    return urlsafe_b64encode(json.dumps(mark).encode()).decode().rstrip("=")


def _mark_of(cursor: str) -> Mark:
    """Raises ValueError."""
    padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
    mark = json.loads(urlsafe_b64decode(padded))
    if not isinstance(mark, list):
        raise ValueError("no mark")
    return tuple(mark)

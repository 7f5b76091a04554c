"""CSV: the names of the columns, then a line a row; nothing that a spreadsheet would calculate."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from datetime import datetime

from admin_models import spreadsheets
from chat.operations.exports.columns import Column, Row, Value, moment


def pieces(
    columns: Sequence[Column], batches: Iterable[Sequence[Row]]
) -> Generator[bytes, None, None]:
    """In UTF-8; what is not known is empty."""
    yield spreadsheets.lines([[column.name for column in columns]]).encode()
    for rows in batches:
        yield spreadsheets.lines([_cells(row) for row in rows]).encode()


def _cells(row: Row) -> list[Value]:
    return [moment(value) if isinstance(value, datetime) else value for value in row]

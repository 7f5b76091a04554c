"""Tables as CSV that a spreadsheet only reads: nothing in a cell is ever taken for a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

CONTENT_TYPE: Final = "text/csv; charset=utf-8"
BYTE_ORDER_MARK: Final = "\ufeff"
"""At the start of a file, so that spreadsheets know it for UTF-8."""
_STARTS: Final = frozenset("=+-@\t\r\n＝＋－＠")
"""What a formula begins with, in half and full width (OWASP, CSV injection)."""


def lines(rows: Iterable[Sequence[Any]]) -> str:
    """Rows of a table as CSV (RFC 4180), every cell in quotes."""
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([map(cell, row) for row in rows])
    return text.getvalue()


def cell(value: Any) -> str:
    """A value as text: None is empty, a moment is ISO 8601 in UTC, a number is in plain digits, and
    a text that could be taken for a formula gets an apostrophe before it."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, int | float | Decimal):
        return f"{value:f}" if isinstance(value, Decimal) else str(value)
    text = "" if value is None else str(value)
    begins = {text[:1], text.lstrip()[:1]}
    return f"'{text}" if begins & _STARTS else text

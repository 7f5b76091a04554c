"""Numbers of rows as they come from outside: in addresses, forms and frames."""

from __future__ import annotations

from typing import Final

from django.urls.converters import IntConverter

DIGITS: Final = 18
"""More do not fit a row's number, and a database that is asked for one breaks."""


def is_one(text: str) -> bool:
    """Whether `text` can be the number of a row."""
    return text.isascii() and text.isdecimal() and len(text) <= DIGITS


class RowNumber(IntConverter):
    """The number of a row in an address: `<row:pk>`."""

    regex = f"[0-9]{{1,{DIGITS}}}"

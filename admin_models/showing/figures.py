"""Numbers as people read them."""

from __future__ import annotations

from decimal import Decimal


def grouped(number: float | Decimal) -> str:
    """All digits that count, in groups of three; no zeros at the end of a fraction."""
    if isinstance(number, Decimal):
        return f"{number.normalize():,f}"
    return f"{number:,}"

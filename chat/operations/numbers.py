"""Figures of operations as people read them: short on a page, exact in its tables."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from django.utils.translation import ngettext

from admin_models.showing.figures import grouped

NONE: Final = "–"
"""Nothing is known, or there is nothing to know."""
MINUS: Final = "−"
_SCALES: Final = ((1_000_000_000_000, "T"), (1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k"))
_MONEY_DIGITS: Final = 4
_MINUTE: Final = 60
_ALMOST: Final = 0.99995
"""From so much of a scale on, four digits would be a thousand of the smaller one."""
_FEW_DIGITS: Final = 10_000
_MOST_PERCENT: Final = 10_000
"""Of a change; more of it says nothing."""


def short(number: float) -> str:
    """At most four digits and a letter for thousands, millions, …: 1.25M, 20k, 7, 0.5."""
    size = abs(number)
    for scale, letter in _SCALES:
        if size >= scale * _ALMOST:
            return _signed(number, f"{rounded(size / scale, 4)}{letter}")
    return _signed(number, rounded(size, 4))


def exact(number: int | Decimal) -> str:
    """All digits."""
    return _signed(number, grouped(-number if number < 0 else number))


def whole(number: float) -> str:
    """All digits of what has no halves, as plots hold it."""
    return exact(round(number))


def counted(number: float) -> str:
    """How many of something: up to four digits as they are, short beyond."""
    return whole(number) if abs(number) < _FEW_DIGITS else short(number)


def money(amount: Decimal | float) -> str:
    """With two places, or as many as show four digits of what is less than one."""
    exact = Decimal(str(amount))
    size = abs(exact)
    places = 2
    if size and size < 1:
        places = max(2, _MONEY_DIGITS - 1 - size.adjusted())
    rounded = round(size, min(places, 10))
    return _signed(float(exact), grouped(rounded) if places > 2 else f"{rounded:,.2f}")


def seconds(number: float) -> str:
    """A time that somebody waited."""
    if round(number, 3) < 1:
        return f"{number * 1000:.0f} ms"
    if number < _MINUTE:
        return f"{rounded(number, 3)} s"
    return f"{rounded(number / _MINUTE, 3)} min"


def rate(number: float) -> str:
    """Tokens a second."""
    return f"{rounded(number, 3)}/s" if number < 1000 else f"{number:,.0f}/s"


def percent(part: float, whole: float) -> str:
    """A share; nothing of nothing is not known."""
    return f"{rounded(part / whole * 100, 3)} %" if whole else NONE


def requests(number: int) -> str:
    """So many."""
    counted = ngettext("%(n)s request", "%(n)s requests", number)
    return counted % {"n": f"{number:,}"}


@dataclass(frozen=True, slots=True)
class Change:
    """How a figure differs from the one before, in its own words and, where that says something,
    in percent."""

    absolute: str
    relative: str
    direction: str
    """`up`, `down` or `same`."""


def change(
    now: float | None, before: float | None, written: Callable[[float], str] = short
) -> Change | None:
    """What became of `before`; None where there is nothing to compare."""
    if now is None or before is None:
        return None
    difference = now - before
    if not difference:
        return Change("±0", "", "same")
    sign = "+" if difference > 0 else MINUS
    share = abs(difference / before) * 100 if before > 0 else math.inf
    relative = f"{sign}{rounded(share, 3)} %" if share < _MOST_PERCENT else ""
    return Change(f"{sign}{written(abs(difference))}", relative, "up" if difference > 0 else "down")


def rounded(size: float, digits: int) -> str:
    """So many digits that count, however large or small it is; never as a power of ten."""
    return grouped(Decimal(f"{size:.{digits}g}"))


def _signed(number: float | Decimal, written: str) -> str:
    return f"{MINUS}{written}" if number < 0 else written

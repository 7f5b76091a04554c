"""What may explain that a service and the ledger differ on a day. No clock, no database.

The service tells one figure a day, so nothing here is proven: each reason says how many tokens it
accounts for at the most, where that can be said, and what is left is called unexplained.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

from .ours import Ours
from .theirs import Theirs

OF_A_TEST_CALL: Final = 100
"""Tokens that a call of preflight takes at the most: a question of one character with what the
service puts around it, and one token of answer."""


class Side(StrEnum):
    """Who would have more for a reason."""

    SERVICE = "service"
    LEDGER = "ledger"
    EITHER = "either"
    NEITHER = "neither"
    """It explains nothing, and is to be known."""


class Code(StrEnum):
    """What each reason is called in the table and in `showing`."""

    ESTIMATED = "estimated"
    UNKNOWN = "unknown"
    BROKEN_OFF = "broken_off"
    CACHED = "cached"
    GROWTH_PLAN = "growth_plan"
    CORRECTIONS = "corrections"
    TEST_CALLS = "test_calls"
    HOUR_BEFORE = "hour_before"
    LAST_HOUR = "last_hour"
    UTC_DAY = "utc_day"
    ROUNDED = "rounded"
    LATE = "late"
    OTHERS = "others"
    CUSTOM = "custom"
    REFUSED = "refused"
    NOT_TOLD = "not_told"
    NO_MODULES = "no_modules"
    OTHER_UNITS = "other_units"


@dataclass(frozen=True, slots=True)
class Reason:
    """One possible cause: for at most so many `tokens`, None if nobody can say; `count` of what
    it is about."""

    code: Code
    side: Side
    tokens: int | None = None
    count: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """For the row."""
        return asdict(self)


def of(ours: Ours, theirs: Theirs, *, is_late: bool) -> list[Reason]:
    """All that can be said of a day; `is_late` if the service may still be counting."""
    found = [*_of_the_answer(theirs), *_of_the_ledger(ours), *_of_the_clock(ours, theirs)]
    if theirs.scale > 1:
        found.append(Reason(Code.ROUNDED, Side.EITHER, tokens=theirs.scale))
    if is_late:
        found.append(Reason(Code.LATE, Side.LEDGER))
    if theirs.tokens is not None and theirs.tokens > ours.tokens:
        found.append(Reason(Code.OTHERS, Side.SERVICE))
    return found


def _of_the_answer(theirs: Theirs) -> Iterator[Reason]:
    if not theirs.tells_modules:
        yield Reason(Code.NO_MODULES, Side.NEITHER)
    elif theirs.other_units:
        yield Reason(Code.OTHER_UNITS, Side.NEITHER, count=len(theirs.other_units))
    elif theirs.tokens is None:
        yield Reason(Code.NOT_TOLD, Side.NEITHER)


def _of_the_ledger(ours: Ours) -> Iterator[Reason]:
    if ours.estimated:
        yield Reason(Code.ESTIMATED, Side.EITHER, tokens=ours.estimated)
    if ours.unknown_requests:
        yield Reason(Code.UNKNOWN, Side.SERVICE, count=ours.unknown_requests)
    if ours.broken_off:
        yield Reason(Code.BROKEN_OFF, Side.SERVICE, count=ours.broken_off)
    if ours.test_calls:
        at_most = ours.test_calls * OF_A_TEST_CALL
        yield Reason(Code.TEST_CALLS, Side.SERVICE, tokens=at_most, count=ours.test_calls)
    if ours.cached:
        yield Reason(Code.CACHED, Side.LEDGER, tokens=ours.cached)
    if ours.growth_plan:
        yield Reason(Code.GROWTH_PLAN, Side.LEDGER, tokens=ours.growth_plan)
    if ours.corrections:
        yield Reason(Code.CORRECTIONS, Side.EITHER, count=ours.corrections)
    if ours.custom:
        yield Reason(Code.CUSTOM, Side.NEITHER, tokens=ours.custom)
    if ours.refused:
        yield Reason(Code.REFUSED, Side.NEITHER, count=ours.refused)


def _of_the_clock(ours: Ours, theirs: Theirs) -> Iterator[Reason]:
    """The vendor's example has an hour of the evening before in its day."""
    if ours.hour_before:
        yield Reason(Code.HOUR_BEFORE, Side.SERVICE, tokens=ours.hour_before)
    if ours.last_hour:
        yield Reason(Code.LAST_HOUR, Side.LEDGER, tokens=ours.last_hour)
    if theirs.tokens is None:
        return
    here = abs(theirs.tokens - ours.tokens)
    in_utc = abs(theirs.tokens - ours.tokens_in_utc)
    if in_utc < here:
        side = Side.SERVICE if theirs.tokens > ours.tokens else Side.LEDGER
        yield Reason(Code.UTC_DAY, side, tokens=here - in_utc)


def unexplained(difference: int, reasons: list[Reason]) -> int:
    """Tokens of a difference (the service's minus the ledger's) that are left when every reason
    that has a number accounts for all that it can."""
    side = Side.SERVICE if difference > 0 else Side.LEDGER
    known = sum(reason.tokens or 0 for reason in reasons if reason.side in (side, Side.EITHER))
    return max(0, abs(difference) - known)


def stored(rows: list[dict[str, Any]]) -> list[Reason]:
    """Reasons as they were stored; one of a code that nobody knows any more is left out."""
    return [
        Reason(Code(row["code"]), Side(row["side"]), row["tokens"], row["count"])
        for row in rows
        if row["code"] in set(Code)
    ]

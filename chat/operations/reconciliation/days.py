"""Days of the service, and which of them are looked at."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Final

ZONE: Final = timezone(timedelta(hours=8))
"""Of the service's days. No page of the vendor says so: its times carry no zone, and its accounts
and prices are China's. `reasons` says what would fit better if it were UTC."""
SHOWN: Final = 30
"""Days that the page shows, and that are compared at the most."""
STANDS_STILL: Final = timedelta(days=2)
"""A day whose figures did not change for so long is settled."""
AT_LEAST: Final = timedelta(days=3)
"""No day is settled before it has been over for so long: the service may count late."""

Moments = tuple[datetime, datetime]
"""Begin and end, the end excluded."""


def of(moment: datetime) -> date:
    """The service's day that holds a moment."""
    return moment.astimezone(ZONE).date()


def moments(day: date) -> Moments:
    """When a day of the service begins and ends, in UTC."""
    begin = datetime.combine(day, time(), ZONE).astimezone(UTC)
    return begin, begin + timedelta(days=1)


def moments_in_utc(day: date) -> Moments:
    """When a day of that date begins and ends if days are those of UTC."""
    begin = datetime.combine(day, time(), UTC)
    return begin, begin + timedelta(days=1)


def shown(now: datetime) -> list[date]:
    """The last days that are over, the newest first."""
    today = of(now)
    return [today - timedelta(days=number) for number in range(1, SHOWN + 1)]


def due(now: datetime, settled: Iterable[date]) -> list[date]:
    """The days that are to be compared (again), the newest first."""
    done = set(settled)
    return [day for day in shown(now) if day not in done]


def is_settled(day: date, changed_at: datetime, now: datetime) -> bool:
    """Say whether figures that changed last at `changed_at` can be taken for final."""
    return now - moments(day)[1] >= AT_LEAST and now - changed_at >= STANDS_STILL

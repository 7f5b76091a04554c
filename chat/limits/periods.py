"""When the hour, the day or the month of a moment begins and ends, in a time zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Final

from chat.models import Limit

ALWAYS: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""When the period of a limit begins that has none."""


@dataclass(frozen=True, slots=True)
class Period:
    """From `begin` on, until just before `end`; None: it does not end. Both are in UTC."""

    begin: datetime
    end: datetime | None


def around(limit: Limit, moment: datetime) -> Period:
    """The period of `limit` that `moment` falls into."""
    local = moment.astimezone(limit.tzinfo)
    match limit.period:
        case Limit.Period.HOUR:
            begin = moment.astimezone(UTC) - _since_full_hour(local)
            return Period(begin, begin + timedelta(hours=1))
        case Limit.Period.DAY:
            return Period(_midnight(local), _midnight(local, days=1))
        case Limit.Period.MONTH:
            first = local.replace(day=1)
            return Period(_midnight(first), _midnight((first + timedelta(days=32)).replace(day=1)))
    return Period(ALWAYS, None)


def _since_full_hour(local: datetime) -> timedelta:
    return timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)


def _midnight(local: datetime, days: int = 0) -> datetime:
    """The beginning of a day in the zone of `local`; days that skip it begin when they begin."""
    day = local.date() + timedelta(days=days)
    return datetime.combine(day, time.min, tzinfo=local.tzinfo).astimezone(UTC)

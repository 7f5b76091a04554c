"""Where the ledger begins, once old rows were deleted: before that the totals stand for them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Final

from django.db.models import Model

from chat.figures import spans
from chat.models import DaySpeeds, DayTotal, Retention, SiteDaySpeeds, SiteDayTotal

EVER: Final = datetime(1970, 1, 2, tzinfo=UTC)
"""Before any row."""


def moment() -> datetime:
    """What is older was deleted; the beginning of a day of ours. One query."""
    return Retention.objects.of(Retention.Kind.LEDGER).gone_before or EVER


def first_hour() -> datetime:
    """The first hour of which every row is there: a day may begin within one."""
    begin = moment()
    hour = spans.hour_of(begin)
    return hour if hour == begin else hour + spans.HOUR


def first_day() -> date:
    """The first day of which every row is there."""
    begin = moment()
    day = spans.day_of(begin)
    return day if spans.begin_of(day) == begin else day + spans.DAY


def since(table: type[Model]) -> dict[str, date | datetime]:
    """What narrows the totals of `table` to those whose rows are all there."""
    if table in (SiteDayTotal, DayTotal, SiteDaySpeeds, DaySpeeds):
        return {"day__gte": first_day()}
    return {"at__gte": first_hour()}

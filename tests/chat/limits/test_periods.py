"""Hours, days and months in any time zone: every moment is in one of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.limits import periods
from chat.models import Limit

ZONES = ("UTC", "Asia/Shanghai", "America/New_York", "Asia/Kolkata", "America/Santiago")
MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))


def limit(period: str, zone: str) -> Limit:
    return Limit(measure="tokens", parts=1, period=period, zone=zone)


@given(st.sampled_from(("hour", "day", "month")), st.sampled_from(ZONES), MOMENTS)
def test_a_moment_is_in_its_period_and_the_end_begins_the_next(period, zone, moment):
    found = periods.around(limit(period, zone), moment)
    assert found.end is not None
    assert found.begin <= moment < found.end
    assert periods.around(limit(period, zone), found.begin) == found
    assert periods.around(limit(period, zone), found.end).begin == found.end
    last = found.end - timedelta(microseconds=1)
    assert periods.around(limit(period, zone), last) == found


@given(st.sampled_from(ZONES), MOMENTS)
def test_days_and_months_begin_where_the_calendar_of_the_zone_says(zone, moment):
    day = periods.around(limit("day", zone), moment)
    local = moment.astimezone(limit("day", zone).tzinfo)
    assert day.begin.astimezone(local.tzinfo).date() == local.date()
    month = periods.around(limit("month", zone), moment)
    assert month.begin.astimezone(local.tzinfo).date() == local.date().replace(day=1)


@pytest.mark.parametrize(
    ("zone", "begin", "hours"),
    [
        ("UTC", "2026-03-08T00:00+00:00", 24),
        ("Asia/Shanghai", "2026-03-07T16:00+00:00", 24),
        ("America/New_York", "2026-03-08T05:00+00:00", 23),  # its clocks go forward
    ],
)
def test_a_day_is_as_long_as_it_is_there(zone, begin, hours):
    found = periods.around(limit("day", zone), datetime(2026, 3, 8, 15, tzinfo=UTC))
    assert found.begin == datetime.fromisoformat(begin)
    assert found.end - found.begin == timedelta(hours=hours)


def test_what_has_no_period_never_starts_anew():
    found = periods.around(Limit(measure="answers", parts=1), datetime.now(UTC))
    assert (found.begin, found.end) == (periods.ALWAYS, None)

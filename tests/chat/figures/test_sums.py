"""Sums of any time are those of its rows, whatever they come from."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from admin_models.models import Team
from chat.figures import spans, sums
from chat.figures.sums import NOTHING, Dimension, Measure, Narrowing, Span
from chat.ledger import entries, totals
from chat.models import Usage
from tests.chat.ledger import rows as some
from tests.chat.ledger.rows import ago, anything, by, in_span, row, sums_of, taken_back, written

pytestmark = pytest.mark.usefixtures("transactional_db")

narrowings = st.builds(
    Narrowing,
    env_id=st.sampled_from(["", "env-1"]),
    model_name=st.sampled_from(["", "模型"]),
    user_pk=st.sampled_from([0, 0, 2]),
)
COLUMNS = {
    Dimension.ENVIRONMENT: lambda row: row.env_id,
    Dimension.GROUP: lambda row: row.group_name,
    Dimension.MODEL: lambda row: row.requested_model,
    Dimension.AGENT: lambda row: row.agent,
    Dimension.KIND: lambda row: row.kind,
    Dimension.PERSON: lambda row: row.user_id or 0,
    Dimension.CONFIDENCE: lambda row: row.confidence,
}


def wanted(rows: list[Usage], narrowing: Narrowing) -> list[Usage]:
    return [
        row
        for row in rows
        if narrowing.env_id in ("", row.env_id)
        and narrowing.model_name in ("", row.requested_model)
        and narrowing.user_pk in (0, row.user_id)
    ]


def filled(series) -> dict[Any, Any]:
    return {at: of for at, of in series if of != NOTHING}


@pytest.fixture
def days():
    """Three days of time zone UTC, and a Span from noon of the first to noon of the last."""
    begin = datetime(2026, 5, 4, 12, tzinfo=UTC)
    return Span(begin, begin + timedelta(days=2))


@anything
@given(some.batches, some.spans, narrowings, some.zones)
def test_sums_are_those_of_the_rows(batches, span, narrowing, zone):
    with taken_back(zone):
        some.write(batches)
        rows = wanted(in_span(span), narrowing)
        assert sums.over(span, narrowing) == sums_of(rows)
        assert list(sums.rows(span, narrowing)) == sorted(
            rows, key=lambda row: (row.created_at, row.pk), reverse=True
        )


@anything
@given(some.batches, some.spans, narrowings, some.zones)
def test_steps_are_those_of_the_rows(batches, span, narrowing, zone):
    with taken_back(zone):
        some.write(batches)
        rows = wanted(in_span(span), narrowing)
        hours = sums.series(span, narrowing, "hour")
        assert filled(hours) == by(lambda row: spans.hour_of(row.created_at), rows)
        days = sums.series(span, narrowing, "day")
        assert filled(days) == by(lambda row: spans.day_of(row.created_at), rows)


@anything
@given(some.batches, some.spans, narrowings, st.sampled_from(list(COLUMNS)))
def test_parts_are_those_of_the_rows(batches, span, narrowing, dimension):
    with taken_back("Asia/Shanghai"):
        some.write(batches)
        found = dict(sums.split(span, narrowing, dimension))
        assert found == by(COLUMNS[dimension], wanted(in_span(span), narrowing))


@anything
@given(some.batches, some.spans, narrowings, some.zones)
def test_speeds_are_measured_of_every_request_once(batches, span, narrowing, zone):
    with taken_back(zone):
        some.write(batches)
        rows = wanted(in_span(span), narrowing)
        timed = [row for row in rows if row.first_token_seconds is not None]
        found = sums.speeds(span, narrowing)[Measure.FIRST_TOKEN]
        assert found.requests == len(timed)
        for step in ("hour", "day"):
            series = sums.speed_series(span, narrowing, step)
            of_steps = [of[Measure.FIRST_TOKEN].requests for _, of in series.steps]
            assert sum(of_steps) == len(timed)
            assert series.whole[Measure.FIRST_TOKEN] == found


def test_a_span_has_one_as_long_before_it(days):
    assert days.before == Span(days.begin - timedelta(days=2), days.begin)


def test_empty_steps_are_there(days):
    written(row(created_at=days.begin + timedelta(hours=14)))
    requests = [(at, of.requests) for at, of in sums.series(days, Narrowing(), "day")]
    assert requests == [(date(2026, 5, 4), 0), (date(2026, 5, 5), 1), (date(2026, 5, 6), 0)]
    hours = sums.series(replace(days, end=days.begin + timedelta(hours=2)), Narrowing(), "hour")
    assert [at for at, _ in hours] == [days.begin, days.begin + timedelta(hours=1)]


@pytest.mark.parametrize(
    ("day", "hours"), [(date(2026, 3, 8), 23), (date(2026, 11, 1), 25), (date(2026, 6, 1), 24)]
)
def test_a_day_has_the_hours_that_its_zone_gives_it(day, hours):
    with override_settings(TIME_ZONE="America/New_York"):
        begin = spans.begin_of(day)
        span = Span(begin, spans.begin_of(day + timedelta(days=1)))
        written(*(row(created_at=begin + timedelta(hours=hour)) for hour in range(hours)))
        assert [(at, of.requests) for at, of in sums.series(span, Narrowing(), "day")] == [
            (day, hours)
        ]
        assert len(sums.series(span, Narrowing(), "hour")) == hours


def test_a_model_without_a_price_is_counted_and_never_free(days):
    at = days.begin
    written(
        row(created_at=at, currency="CNY", cost=Decimal("0.0000000001")),
        row(created_at=at, currency="CNY"),
        row(created_at=at),
    )
    found = sums.over(days, Narrowing())
    assert (found.requests, found.unpriced, found.uncosted) == (3, 1, 1)
    assert found.cost == {"CNY": {"reported": Decimal("0.0000000001")}}


def test_currencies_are_never_added_up_with_each_other(days):
    for currency in ("CNY", "USD"):
        written(row(created_at=days.begin, currency=currency, cost=Decimal(1)))
    found = sums.over(days, Narrowing())
    assert [found.cost_in(currency) for currency in ("CNY", "USD", "EUR")] == [1, 1, 0]


def test_the_largest_comes_first_and_the_rest_is_cut_off(days):
    for name, tokens in (("a", 1), ("b", 3), ("c", 2)):
        written(row(requested_model=name, total_tokens=tokens, created_at=days.begin))
    assert [key for key, _ in sums.split(days, Narrowing(), Dimension.MODEL, 2)] == ["b", "c"]


def test_people_count_in_every_team_they_belong_to(days, alice, mallory):
    one, two = (Team.objects.create(name=name) for name in "ab")
    one.members.set([alice, mallory])
    two.members.set([alice])
    for person in (alice, mallory, None):
        written(row(user=person, created_at=days.begin))
    found = dict(sums.split(days, Narrowing(), Dimension.TEAM))
    assert {key: (of.requests, of.people) for key, of in found.items()} == {
        one.pk: (2, 2),
        two.pk: (1, 1),
        0: (1, 0),
    }


def test_a_team_is_its_members_and_everyone_is_everybody(days, alice, mallory):
    team = Team.objects.create(name="a")
    team.members.set([alice])
    for person in (alice, mallory, None):
        written(row(user=person, created_at=days.begin, first_token_seconds=1))
    of_team, everyone = Narrowing(team_pk=team.pk), Narrowing(team_pk=Team.objects.everyone().pk)
    assert (sums.over(days, of_team).requests, sums.over(days, everyone).requests) == (1, 3)
    assert sums.speeds(days, of_team)[Measure.FIRST_TOKEN].requests == 1
    assert sums.rows(days, of_team).count() == 1


def test_failures_are_told_by_stage_and_code_also_of_answers_that_were_never_asked(days, alice):
    at = days.begin
    failed = {"final_status": "failed", "error_stage": "call", "error_code": "rate_limited"}
    written(*(row(user=person, created_at=at, **failed) for person in (alice, None)), row())
    refused = totals.failure(at, kind="chat", stage="preflight", code="not_enabled")
    entries.write([], [refused] * 3)
    ways = [
        (count.code, count.was_called, count.answers) for count in sums.failures(days, Narrowing())
    ]
    assert ways == [("not_enabled", False, 3), ("rate_limited", True, 2)]
    of_alice = sums.failures(days, Narrowing(user_pk=alice.pk))
    assert [(count.code, count.answers) for count in of_alice] == [("rate_limited", 1)]


QUERIES = {
    sums.over: (10, ()),
    sums.series: (10, ("day",)),
    sums.split: (10, (Dimension.MODEL,)),
    sums.speeds: (3, ()),
    sums.speed_series: (3, ("day",)),
    sums.failures: (1, ()),
}


@pytest.mark.parametrize("ask", QUERIES)
def test_queries_do_not_grow_with_the_ledger(ask, days, django_assert_max_num_queries):
    most, more = QUERIES[ask]
    for number in (1, 20):
        written(
            *(
                row(
                    requested_model=f"{each}",
                    user_id=each,
                    created_at=days.begin + timedelta(hours=each),
                )
                for each in range(1, number + 1)
            )
        )
        with django_assert_max_num_queries(most):
            ask(days, Narrowing(), *more)


def test_nothing_is_nothing():
    span = Span(ago(days=3), ago(days=1))
    assert sums.over(span, Narrowing()) == NOTHING
    assert sums.split(span, Narrowing(), Dimension.PERSON) == []
    assert sums.speeds(span, Narrowing())[Measure.RATE].p50 is None
    assert User.objects.count() == 0

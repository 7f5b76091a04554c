"""A day of an environment: what the service says was used, against the ledger."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from channels.db import database_sync_to_async
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from admin_models import connections, roles
from admin_models.models import Environment, Observation
from admin_models.preflight.seeing import CALL
from admin_models.roles import Role
from chat.cloudbase.control_plane import MetricUsage, ModuleUsage
from chat.ledger import entries, totals
from chat.models import Reconciliation, Status, Usage
from chat.operations.reconciliation import comparing, days, ours, reasons, showing, theirs
from chat.operations.reconciliation.ours import Ours
from chat.operations.reconciliation.reasons import Code, Reason, Side
from chat.operations.reconciliation.theirs import Theirs
from tests.admin_models.browsers import signed_in
from tests.admin_models.conftest import make_environment
from tests.fakes.environment import CloudBaseEnvironment
from tests.fakes.environment_state import EnvironmentState, Metered
from tests.pages.html import page, the, words

YESTERDAY = days.shown(timezone.now())[0]
NOON = days.moments(YESTERDAY)[0] + timedelta(hours=12)
OLD = YESTERDAY - timedelta(days=9)


@pytest.fixture
async def cloud():
    """An environment that tells what was used."""
    state = EnvironmentState(credits={"DeductValue": 20.5, "PackageDeductValue": 2.0})
    async with CloudBaseEnvironment(state) as fake:
        yield fake


@pytest.fixture
async def environment(transactional_db, cloud):
    """Its row, with all keys."""
    async with connections.opened():
        yield await make_environment(cloud)


def meter(cloud: CloudBaseEnvironment, tokens: float, day: date = YESTERDAY, **more: Any) -> None:
    cloud.state.metered[day.isoformat()] = [Metered(tokens, **more)]


@database_sync_to_async
@transaction.atomic
def use(tokens: int | None, at: datetime = NOON, **more: Any) -> None:
    """A row in the ledger of then."""
    members = {
        "env_id": "env-demo",
        "group_name": "cloudbase",
        "requested_model": "deepseek-v4-flash",
        "confidence": Usage.Confidence.REPORTED,
        "final_status": Status.DONE,
        "total_tokens": tokens,
        "created_at": at,
    }
    entries.write([Usage(**(members | more))])


@database_sync_to_async
@transaction.atomic
def refuse() -> None:
    """An answer for which no call was made."""
    entries.write([], [totals.failure(NOON, env_id="env-demo", kind=Usage.Kind.CHAT)])


async def compared(environment: Environment, day: date = YESTERDAY) -> Reconciliation:
    await comparing.compare(environment, day)
    return await Reconciliation.objects.aget(env_id=environment.env_id, day=day)


def codes(row: Reconciliation) -> set[str]:
    return {reason["code"] for reason in row.reasons}


# ── Days ─────────────────────────────────────────────────────────────────────


def test_a_day_of_the_service_begins_at_four_in_the_afternoon_of_utc():
    begin, end = days.moments(date(2026, 11, 20))
    assert begin == datetime(2026, 11, 19, 16, tzinfo=UTC)
    assert end - begin == timedelta(days=1)
    assert days.of(begin) == date(2026, 11, 20)
    assert days.of(begin - timedelta(seconds=1)) == date(2026, 11, 19)


@given(st.datetimes(timezones=st.just(UTC), min_value=datetime(2020, 1, 1)))
def test_every_moment_is_in_the_one_day_that_holds_it(moment):
    begin, end = days.moments(days.of(moment))
    assert begin <= moment < end


def test_only_days_that_are_over_are_shown():
    now = timezone.now()
    shown = days.shown(now)
    assert len(shown) == days.SHOWN
    assert all(days.moments(day)[1] <= now for day in shown)
    assert days.due(now, [shown[0]]) == shown[1:]


# ── What the service tells ───────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("unit", "tokens"),
    [
        ("token", 12),
        ("Tokens", 12),
        ("KTokens", 12_000),
        ("千tokens", 12_000),
        ("千 个token", 12_000),
        ("Million tokens", 12_000_000),
        ("万tokens", 120_000),
        ("Count", None),
        ("", None),
        ("photons", None),
        ("dozen tokens", None),
    ],
)
def test_a_unit_is_a_number_of_tokens_or_none(unit, tokens):
    told = theirs.read([ModuleUsage("Token", metrics=(MetricUsage("m", unit=unit, value=12.0),))])
    assert told.tokens == tokens
    assert bool(told.other_units) == (tokens is None)


def test_modules_add_up():
    told = theirs.read(
        [
            ModuleUsage("AI", 1.25, (MetricUsage("in", unit="token", value=10),)),
            ModuleUsage("Token", 2.5, (MetricUsage("out", unit="ktoken", value=0.25),)),
        ]
    )
    assert (told.tokens, told.points, told.scale) == (260, 3.75, 1000)


# ── Comparing ────────────────────────────────────────────────────────────────


async def test_what_agrees_is_equal(environment, cloud):
    meter(cloud, 1200)
    await use(1000)
    await use(200, group_name="cloudbase")
    row = await compared(environment)
    assert (row.vendor_tokens, row.our_tokens, row.difference) == (1200, 1200, 0)
    assert (row.vendor_points, row.environment_points) == (1.5, 22.5)
    assert row.request_id
    assert row.error is None
    assert showing.detail(row).line.state == "ok"


async def test_only_this_day_of_this_environment_counts(environment, cloud):
    meter(cloud, 100)
    begin, end = days.moments(YESTERDAY)
    await use(100)
    await use(7, begin - timedelta(hours=2))
    await use(7, end)
    await use(7, env_id="env-other")
    assert (await compared(environment)).difference == 0


async def test_models_of_custom_groups_are_left_out_and_named(environment, cloud):
    meter(cloud, 100)
    await use(100)
    await use(5000, group_name="custom-lab")
    row = await compared(environment)
    assert row.difference == 0
    [reason] = [reason for reason in row.reasons if reason["code"] == Code.CUSTOM]
    assert reason["tokens"] == 5000


async def test_the_answer_is_kept_as_it_came(environment, cloud):
    meter(cloud, 100)
    row = await compared(environment)
    assert row.vendor["DescribeCreditsUsage"]["DeductValue"] == 20.5
    [module] = row.vendor["DescribeCreditsUsageDetail"]
    assert module["MetricUsageDetail"][0]["ValueDetailList"][0]["RawValue"] == 100
    assert {call.params["StartDate"] for call in cloud.control_calls} == {YESTERDAY.isoformat()}
    assert {call.params["EndDate"] for call in cloud.control_calls} == {YESTERDAY.isoformat()}


async def test_a_difference_brings_what_the_ledger_knows_of_the_day(environment, cloud):
    meter(cloud, 2000)
    begin, end = days.moments(YESTERDAY)
    estimated = Usage.Confidence.ESTIMATED
    await use(300, confidence=estimated, final_status=Status.STOPPED, cached_tokens=40)
    await use(None, confidence=Usage.Confidence.UNKNOWN, final_status=Status.INTERRUPTED)
    await use(50, group_name="hunyuan-exp")
    await use(60, begin - timedelta(hours=1))
    await use(70, end - timedelta(minutes=30))
    await use(-5, corrects=await Usage.objects.afirst())
    await refuse()
    await Observation.objects.acreate(
        environment=environment, action=CALL, subject="cloudbase/m", answer=True, answered_at=NOON
    )
    row = await compared(environment)
    assert row.our_tokens == 415
    assert codes(row) == {
        "estimated", "unknown", "broken_off", "cached", "growth_plan", "corrections",
        "test_calls", "hour_before", "last_hour", "refused", "late", "others",
    }  # fmt: skip
    assert row.ours["estimated"] == 300
    assert row.ours["broken_off"] == 2
    shown = showing.detail(row)
    assert shown.line.state == "not_ok"
    assert shown.unexplained == f"{2000 - 415 - 300 - 60 - 100:,}"


async def test_days_of_utc_are_named_where_they_fit_better(environment, cloud):
    begin = days.moments(YESTERDAY)[0]
    await use(100, begin + timedelta(hours=3))  # the day before, in UTC
    await use(30, begin + timedelta(hours=10))
    meter(cloud, 30)
    row = await compared(environment)
    [found] = [reason for reason in row.reasons if reason["code"] == Code.UTC_DAY]
    assert (found["tokens"], found["side"]) == (100, Side.LEDGER)


async def test_a_figure_in_another_unit_is_not_guessed_at(environment, cloud):
    meter(cloud, 12, unit="Calls")
    row = await compared(environment)
    assert row.difference is None
    assert codes(row) >= {"other_units"}
    assert showing.detail(row).line.theirs == showing.NOTHING


async def test_thousands_are_exact_to_a_thousand(environment, cloud):
    meter(cloud, 1.5, unit="ktokens")
    await use(1640)
    row = await compared(environment)
    assert row.vendor_tokens == 1500
    assert "rounded" in codes(row)


async def test_a_day_that_is_missing_is_told_as_such(environment, cloud):
    await use(100)
    row = await compared(environment)
    assert row.difference is None
    assert {"not_told", "late"} <= codes(row)


async def test_a_service_without_the_detail_tells_points_alone(environment, cloud):
    cloud.quirks.missing_actions = {"DescribeCreditsUsageDetail"}
    row = await compared(environment)
    assert (row.vendor_tokens, row.environment_points) == (None, 22.5)
    assert "no_modules" in codes(row)


# ── Late figures ─────────────────────────────────────────────────────────────


async def test_a_day_is_compared_again_until_it_stands_still(environment, cloud):
    await use(500, days.moments(OLD)[0] + timedelta(hours=5))
    meter(cloud, 200, OLD)
    row = await compared(environment, OLD)
    assert not row.is_settled
    meter(cloud, 500, OLD)
    row = await compared(environment, OLD)
    assert (row.difference, row.is_settled) == (0, False)
    assert [change["vendor_tokens"] for change in row.changes] == [200]
    long_ago = timezone.now() - days.STANDS_STILL
    await Reconciliation.objects.aupdate(changed_at=long_ago)
    row = await compared(environment, OLD)
    assert row.is_settled
    assert row.changed_at == long_ago
    assert len(row.changes) == 1


async def test_a_young_day_is_never_settled(environment, cloud):
    meter(cloud, 1)
    await compared(environment)
    await Reconciliation.objects.aupdate(changed_at=timezone.now() - timedelta(days=9))
    assert not (await compared(environment)).is_settled


async def test_a_settled_day_is_left_alone(environment, cloud):
    meter(cloud, 1, OLD)
    await compared(environment, OLD)
    await Reconciliation.objects.aupdate(is_settled=True)
    cloud.control_calls.clear()
    await comparing.compare_due(environment)
    asked = {call.params["StartDate"] for call in cloud.control_calls}
    assert OLD.isoformat() not in asked
    assert len(asked) == days.SHOWN - 1


# ── What fails ───────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("code", "ours"),
    [
        ("LimitExceeded.Request", "control_plane_busy"),
        ("UnauthorizedOperation", "control_not_authorized"),
        ("UnsupportedOperation", "action_unknown"),
        ("InternalError", "control_plane_failed"),
    ],
)
async def test_a_refusal_is_kept_with_the_day_beside_what_was_known(environment, cloud, code, ours):
    meter(cloud, 100)
    await use(90)
    await compared(environment)
    cloud.quirks.refused_actions = {"DescribeCreditsUsage": code}
    row = await compared(environment)
    assert row.error is not None
    assert row.error["code"] == ours
    assert row.failed_at is not None
    assert row.vendor_tokens == 100
    [section] = await database_sync_to_async(showing.sections)()
    assert "could not be asked" in section.notice


async def test_a_refused_environment_is_not_asked_for_every_day(environment, cloud):
    cloud.quirks.refused_actions = {"DescribeCreditsUsage": "AuthFailure.SecretIdNotFound"}
    assert await comparing.compare_due(environment) is not None
    assert await Reconciliation.objects.acount() == comparing.AT_ONCE


async def test_a_day_that_always_fails_stops_no_other(environment, cloud):
    await comparing.compare_due(environment)
    failed = {"error": {"code": "provider_timed_out"}, "failed_at": timezone.now()}
    await Reconciliation.objects.filter(day=YESTERDAY).aupdate(**failed)
    due = await database_sync_to_async(comparing._due)("env-demo", timezone.now())
    assert due[-1] == YESTERDAY


async def test_what_does_not_answer_in_time_has_failed(environment, cloud, settings):
    settings.PREFLIGHT_TIMEOUT_SECONDS = 0.2
    cloud.quirks.slow_actions = {"DescribeCreditsUsage": 3}
    row = await compared(environment)
    assert row.error["code"] == "provider_timed_out"


async def test_a_dead_environment_holds_up_no_other(environment, cloud):
    meter(cloud, 100)
    dead = CloudBaseEnvironment(EnvironmentState(env_id="env-dead"))
    async with dead:
        await make_environment(dead, "Dead")
    keyless = CloudBaseEnvironment(EnvironmentState(env_id="env-keyless"))
    async with keyless:
        await make_environment(keyless, "Keyless", has_cloud_keys=False)
    await comparing.compare_all()
    assert (await Reconciliation.objects.aget(day=YESTERDAY, env_id="env-demo")).vendor_tokens
    assert (await Reconciliation.objects.aget(day=YESTERDAY, env_id="env-dead")).error
    assert not await Reconciliation.objects.filter(env_id="env-keyless").aexists()
    found = {row.name: row for row in await database_sync_to_async(showing.sections)()}
    assert found["Demo"].notice == ""
    assert "could not be asked" in found["Dead"].notice
    assert "no cloud keys" in found["Keyless"].notice
    assert not found["Keyless"].can_be_asked


# ── Reasons ──────────────────────────────────────────────────────────────────

counts = st.integers(0, 10_000)
ledgers = st.builds(
    Ours,
    tokens=counts,
    estimated=counts,
    unknown_requests=counts,
    broken_off=counts,
    cached=counts,
    growth_plan=counts,
    corrections=counts,
    test_calls=st.integers(0, 9),
    hour_before=counts,
    last_hour=counts,
    tokens_in_utc=counts,
)
answers = st.builds(Theirs, tokens=st.none() | counts, scale=st.sampled_from([1, 1000]))


@given(ledgers, answers, st.booleans())
def test_no_more_is_explained_than_there_is(ledger, answer, is_late):
    found = reasons.of(ledger, answer, is_late=is_late)
    difference = (answer.tokens or 0) - ledger.tokens
    left = reasons.unexplained(difference, found)
    assert 0 <= left <= abs(difference)
    assert reasons.stored([reason.as_dict() for reason in found]) == found
    assert all(str(showing.SENTENCES[reason.code]) for reason in found)


@given(ledgers, answers)
def test_the_clock_explains_no_more_than_it_would_mend(ledger, answer):
    for reason in reasons.of(ledger, answer, is_late=False):
        if reason.code is Code.UTC_DAY:
            mended = abs(answer.tokens - ledger.tokens_in_utc)
            assert abs(answer.tokens - ledger.tokens) - reason.tokens == mended


def test_what_works_the_other_way_explains_nothing():
    known = [Reason(Code.CACHED, Side.LEDGER, tokens=500)]
    assert reasons.unexplained(100, known) == 100
    assert reasons.unexplained(-100, known) == 0


def test_a_reason_of_a_later_version_is_left_out():
    row = {"code": "invented", "side": "either", "tokens": 1, "count": None}
    assert reasons.stored([row]) == []


def test_every_reason_has_a_sentence():
    assert set(showing.SENTENCES) == set(Code)


def test_what_the_ledger_has_is_three_queries(transactional_db, django_assert_num_queries):
    with django_assert_num_queries(3):
        ours.of("env-demo", YESTERDAY)


# ── The pages ────────────────────────────────────────────────────────────────


@pytest.fixture
async def operator(alice):
    await database_sync_to_async(roles.set_role)(alice, alice, Role.OPERATIONS)
    return await signed_in(alice)


async def test_the_page_shows_thirty_days_of_each_environment(operator, environment, cloud):
    meter(cloud, 1500)
    await use(1000)
    await comparing.compare_all()
    soup = page(await operator.get(reverse("reconciliation")))
    rows = soup.select("#environment-env-demo tbody tr")
    assert len(rows) == days.SHOWN
    assert "1,000 1,500" in words(rows[0])
    assert "+500 (+50.0 %) unexplained" in words(rows[0])
    bars = [float(str(bar["width"])) for bar in rows[0].select("rect")]
    assert bars == [66.7, 100.0]


async def test_a_day_tells_what_may_explain_it(operator, environment, cloud):
    meter(cloud, 1500)
    await use(1000, confidence=Usage.Confidence.ESTIMATED)
    row = await compared(environment)
    address = reverse("reconciliation_day", args=["env-demo", YESTERDAY.isoformat()])
    soup = page(await operator.get(address))
    assert "estimated here" in words(the(soup, "#may-explain"))
    assert "Other programs" in words(the(soup, "#may-explain"))
    assert row.request_id in words(the(soup, "main details"))
    assert "DescribeCreditsUsageDetail" in words(the(soup, "main textarea"))


async def test_the_page_is_read_in_chinese_too(operator, environment, cloud):
    await comparing.compare_all()
    answer = await operator.get(reverse("reconciliation"), headers={"accept-language": "zh-hans"})
    assert answer.status_code == 200


async def test_an_operator_has_an_environment_compared(operator, environment, cloud):
    meter(cloud, 5)
    answer = await operator.post(reverse("reconciliation_compare", args=["env-demo"]), follow=True)
    assert "Demo was compared" in words(page(answer))
    assert await Reconciliation.objects.acount() == days.SHOWN


async def test_an_operator_has_a_day_compared_though_it_is_settled(operator, environment, cloud):
    await compared(environment)
    await Reconciliation.objects.aupdate(is_settled=True)
    meter(cloud, 77)
    address = reverse("reconciliation_compare_day", args=["env-demo", YESTERDAY.isoformat()])
    await operator.post(address)
    assert (await Reconciliation.objects.aget()).vendor_tokens == 77


async def test_a_failure_is_told_to_whoever_asked(operator, environment, cloud):
    cloud.quirks.refused_actions = {"DescribeCreditsUsage": "UnauthorizedOperation"}
    answer = await operator.post(reverse("reconciliation_compare", args=["env-demo"]), follow=True)
    assert "was compared" not in words(page(answer))
    assert the(page(answer), ".trouble")


@pytest.mark.parametrize("day", ["2026-11-31", "yesterday", "2020-01-01"])
async def test_there_is_no_page_of_a_day_that_nobody_compared(operator, environment, day):
    address = reverse("reconciliation_day", args=["env-demo", day])
    assert (await operator.get(address)).status_code == 404
    address = reverse("reconciliation_compare_day", args=["env-demo", day])
    assert (await operator.post(address)).status_code == 404


async def test_days_of_an_environment_that_was_removed_stay(operator, environment, cloud):
    await compared(environment)
    await environment.adelete()
    soup = page(await operator.get(reverse("reconciliation")))
    assert "removed here" in words(the(soup, "#environment-env-demo"))
    address = reverse("reconciliation_day", args=["env-demo", YESTERDAY.isoformat()])
    assert (await operator.get(address)).status_code == 200


async def test_the_table_is_two_queries(environment, django_assert_num_queries):
    await comparing.compare_all()

    def count() -> None:
        with django_assert_num_queries(2):
            showing.sections()

    await database_sync_to_async(count)()

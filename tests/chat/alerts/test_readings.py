"""What rules see."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from admin_models import local
from admin_models.models import AIModel, Environment, ModelGroup
from chat.models import Counter, HourTotal, JobState, Limit
from chat.operations.alerts import notices, readings, watching
from chat.operations.alerts.kinds import KINDS, Measure
from chat.operations.alerts.readings import Reading
from tests.chat.alerts.conftest import a_rule
from tests.chat.ledger.rows import ago, row, written

pytestmark = pytest.mark.usefixtures("transactional_db")

FAILED = {"final_status": "failed", "error_stage": "call", "error_code": "x"}


def seen(measure: Measure, **values) -> list[Reading]:
    rule = a_rule(measure, **values)
    return list(readings.look(rule, timezone.now()).readings)


def only(measure: Measure, **values) -> Reading:
    (reading,) = seen(measure, **values)
    return reading


def test_everything_that_can_be_watched_is_known():
    assert set(KINDS) == set(Measure)


def test_the_error_rate_is_of_requests_in_the_window_and_place():
    written(row(**FAILED), row(), row(), row())
    written(row(**FAILED, created_at=ago(minutes=20)))
    written(row(**FAILED, env_id="env-1"), row(**FAILED, requested_model="n"))
    everything = only(Measure.ERRORS, window_minutes=15, threshold=50)
    assert (everything.value, everything.requests, everything.is_over) == (50.0, 6, True)
    narrowed = only(Measure.ERRORS, env_id="local", model_name="m", threshold=26)
    assert (narrowed.value, narrowed.requests, narrowed.is_over) == (25.0, 4, False)
    wider = only(Measure.ERRORS, window_minutes=60, env_id="local", model_name="m")
    assert wider.value == 40.0


def test_of_too_few_requests_nothing_is_concluded():
    written(row(**FAILED))
    reading = only(Measure.ERRORS, min_requests=2, threshold=1)
    assert (reading.value, reading.is_over) == (None, False)
    assert only(Measure.FIRST_TOKEN).value is None


def test_the_first_token_is_slow_when_one_in_twenty_is():
    written(*(row(first_token_seconds=1.0, duration_seconds=2.0) for _ in range(90)))
    assert not only(Measure.FIRST_TOKEN, threshold=5).is_over
    written(*(row(first_token_seconds=9.0, duration_seconds=10.0) for _ in range(10)))
    reading = only(Measure.FIRST_TOKEN, threshold=5)
    assert reading.is_over
    assert reading.value == pytest.approx(9, rel=0.03)
    assert reading.requests == 100


def test_cost_is_of_its_currency():
    written(row(currency="CNY", cost=Decimal("1.5")), row(currency="USD", cost=Decimal(7)))
    reading = only(Measure.COST, window_minutes=60, threshold=1.5)
    assert (reading.value, reading.is_over) == (1.5, True)
    assert only(Measure.COST, window_minutes=60, currency="EUR").value == 0


def test_a_limit_is_used_up_by_whoever_is_nearest_and_nobody_is_named(alice):
    limit = Limit.objects.create(measure="tokens", parts=1000, period="day", person=alice)
    Limit.objects.create(measure="answers", parts=1)
    Limit.objects.create(measure="tokens", parts=1000, period="day", is_on=False)
    reading = only(Measure.LIMIT, threshold=80)
    assert (reading.value, reading.is_over) == (0, False)
    begin = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    Counter.objects.create(limit=limit, person_pk=alice.pk, begins_at=begin)
    written(row(user=alice, total_tokens=850))
    reading = only(Measure.LIMIT, threshold=80)
    assert (reading.value, reading.is_over) == (85, True)
    assert "alice" not in repr(reading)
    assert str(limit.pk) in reading.subject


def test_a_model_that_was_ready_and_is_not_any_more_is_told_by_its_group(model):
    AIModel.objects.create(group=model.group, name="other")
    rule = a_rule(Measure.READINESS)
    assert looked(rule) == []
    ModelGroup.objects.filter(pk=model.group_id).update(sealed_key="", status=2)
    (reading,) = looked(rule)
    assert (reading.value, reading.is_over) == (2, True)
    assert "custom-fake" in reading.label
    assert any("fake-model" in name for name in reading.names)
    assert len(looked(rule)) == 1
    ModelGroup.objects.filter(pk=model.group_id).update(status=1)
    assert looked(rule) == []


def looked(rule) -> list[Reading]:
    """A look, and what it remembers."""
    look = readings.look(rule, timezone.now())
    rule.seen = {"memory": look.memory}
    return list(look.readings)


def test_what_was_never_ready_or_was_switched_off_on_purpose_is_not_told(model):
    group = ModelGroup.objects.create(environment=local.environment(), name="custom-off", status=2)
    AIModel.objects.create(group=group, name="never")
    rule = a_rule(Measure.READINESS)
    assert looked(rule) == looked(rule) == []
    AIModel.objects.filter(pk=model.pk).update(is_enabled=False)
    assert looked(rule) == []
    AIModel.objects.filter(pk=model.pk).update(is_enabled=True)
    assert looked(rule) == []
    Environment.objects.update(is_enabled=False)
    assert looked(rule) == []


def test_the_disk_is_that_of_the_data_folder():
    reading = only(Measure.DISK, threshold=0.1)
    assert 0 < reading.value <= 100
    assert reading.is_over
    assert "GB" in reading.label


def test_a_job_is_told_when_it_is_stuck_or_fails_again_and_again():
    now = timezone.now()
    JobState.objects.create(name="well", due_at=now)
    JobState.objects.create(name="unlucky", due_at=now, failures=2, last_error="ValueError")
    JobState.objects.create(name="failing", due_at=now, failures=3, last_error="ValueError")
    JobState.objects.create(
        name="stuck", due_at=now, holder="gone", lease_until=now - timedelta(minutes=1)
    )
    over = {reading.subject: reading for reading in seen(Measure.JOB) if reading.is_over}
    assert set(over) == {"failing", "stuck"}
    assert over["stuck"].is_stuck
    assert over["failing"].names == ("ValueError",)


def test_totals_that_differ_from_the_rows_are_seen():
    written(row(created_at=ago(hours=5), currency="CNY", cost=Decimal(3)), row())
    assert (only(Measure.TOTALS).value, only(Measure.TOTALS).is_over) == (0, False)
    HourTotal.objects.filter(at__lt=ago(hours=4)).update(requests=2, cost=Decimal(4))
    reading = only(Measure.TOTALS)
    assert (reading.value, reading.is_over) == (2, True)


def test_each_kind_can_be_looked_at_when_there_is_nothing():
    for measure in Measure:
        a_rule(measure)
    watching.look_at_all(timezone.now())


def test_values_are_written_out_whatever_they_are():
    assert notices.value_text(2e9, "%") == "2,000,000,000 %"
    assert notices.value_text(0.00001, "s") == "0.00001 s"

"""Rules are looked at; what begins, goes on and ends is told once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from chat.models import Alert, AlertDelivery, AlertRule
from chat.operations.alerts import rules, watching
from chat.operations.alerts.kinds import Measure
from tests.chat.alerts.conftest import a_recipient, a_rule
from tests.chat.ledger.rows import row, written

pytestmark = pytest.mark.usefixtures("transactional_db")

FAILED = {"final_status": "failed", "error_stage": "call", "error_code": "x"}


@pytest.fixture
def recipient():
    return a_recipient(emails=["ops@example.org"])


def requests(good: int, failed: int, **values) -> None:
    rows = [row(**values) for _ in range(good)]
    rows += [row(**FAILED | values) for _ in range(failed)]
    written(*rows)


def later(**units: float) -> datetime:
    return timezone.now() + timedelta(**units)


def events() -> list[str]:
    return list(AlertDelivery.objects.values_list("event", flat=True))


def look(times: int = 1, at: datetime | None = None) -> None:
    for _ in range(times):
        watching.look_at_all(at or timezone.now())


def test_an_alert_is_told_once_when_it_begins_and_once_when_it_ends(recipient):
    rule = a_rule(threshold=50, min_requests=4)
    rule.recipients.add(recipient)
    look()
    assert not Alert.objects.exists()
    requests(good=2, failed=2)
    look(times=3)
    alert = Alert.objects.get()
    assert (alert.rule, alert.ended_at, events()) == (rule, None, ["began"])
    requests(good=10, failed=0)
    look(times=3)
    alert.refresh_from_db()
    assert alert.ended_at is not None
    assert events() == ["began", "ended"]
    requests(good=0, failed=20)
    look()
    assert Alert.objects.count() == 2


def test_a_rule_without_recipients_stands_on_the_page_alone():
    a_rule(threshold=50)
    requests(good=0, failed=1)
    look()
    assert (Alert.objects.count(), events()) == (1, [])


def test_it_must_be_so_as_often_in_a_row_as_the_rule_says(recipient):
    a_rule(threshold=50, hold=3).recipients.add(recipient)
    requests(good=0, failed=1)
    look(times=2)
    requests(good=5, failed=0)
    look()
    requests(good=0, failed=20)
    look(times=2)
    assert not Alert.objects.exists()
    look()
    assert Alert.objects.exists()
    requests(good=100, failed=0)
    look(times=2)
    assert Alert.objects.get().ended_at is None
    look()
    assert Alert.objects.get().ended_at is not None


def test_a_reminder_comes_after_its_time_and_again_after_that(recipient):
    rule = a_rule(Measure.DISK, threshold=0.001, remind_after_hours=4)
    rule.recipients.add(recipient)
    look()
    look(at=later(hours=3))
    assert events() == ["began"]
    look(at=later(hours=4.1), times=2)
    assert events() == ["began", "reminder"]
    look(at=later(hours=8.2), times=2)
    assert events() == ["began", "reminder", "reminder"]
    AlertRule.objects.update(remind_after_hours=0)
    look(at=later(hours=100))
    assert len(events()) == 3


def test_what_has_ended_reminds_nobody(recipient):
    a_rule(threshold=50, remind_after_hours=1).recipients.add(recipient)
    requests(good=0, failed=1)
    look()
    look(at=later(hours=2))
    assert events() == ["began", "ended"]


def test_each_way_of_each_recipient_gets_a_notice():
    rule = a_rule(Measure.DISK, threshold=0.001)
    rule.recipients.add(
        a_recipient("Both", emails=["a@example.org"], url="https://hook.example/x"),
        a_recipient("Hook", url="https://hook.example/y"),
    )
    look()
    found = AlertDelivery.objects.values_list("recipient_name", "way")
    assert set(found) == {("Both", "mail"), ("Both", "webhook"), ("Hook", "webhook")}


@pytest.mark.parametrize("how", ["off", "deleted"])
def test_what_nobody_watches_any_more_is_dropped_and_told_to_nobody(recipient, how):
    rule = a_rule(Measure.DISK, threshold=0.001)
    rule.recipients.add(recipient)
    look()
    if how == "off":
        rule.is_on = False
        rules.keep(None, rule, [recipient])
    else:
        rules.delete(None, rule)
    look(times=2)
    alert = Alert.objects.get()
    assert alert.was_dropped
    assert alert.ended_at is not None
    assert events() == ["began"]


def test_a_rule_that_cannot_be_looked_at_keeps_the_others_from_nothing(caplog):
    AlertRule.objects.create(name="Broken", measure="nothing", hold=1)
    a_rule(Measure.DISK, threshold=0.001)
    look()
    assert Alert.objects.get().measure == Measure.DISK
    assert "could not be looked at" in caplog.text


def test_a_look_at_which_nothing_changed_writes_nothing(django_assert_max_num_queries):
    a_rule()
    requests(good=3, failed=0)
    look()
    before = AlertRule.objects.get().seen
    with django_assert_max_num_queries(12) as asked:
        look(at=datetime.now(UTC))
    assert not [q for q in asked if q["sql"].startswith(("UPDATE", "INSERT", "DELETE"))]
    assert AlertRule.objects.get().seen == before


def test_totals_are_looked_at_once_an_hour():
    rule = a_rule(Measure.TOTALS)
    look()
    at = AlertRule.objects.get().seen["at"]
    look(at=later(minutes=50))
    assert AlertRule.objects.get().seen["at"] == at
    look(at=later(minutes=61))
    assert AlertRule.objects.get(pk=rule.pk).seen["at"] != at

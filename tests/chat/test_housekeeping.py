"""Retention: what is too old goes, what is alive stays, and the sums never change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from asgiref.sync import async_to_sync
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from admin_models import append_only, local
from admin_models.models import AuditEntry, ListVersion, Observation
from chat.forms.housekeeping import RetentionForm
from chat.ledger import entries, totals
from chat.models import (
    Alert,
    AlertRule,
    Checkpoint,
    Conversation,
    DayTotal,
    HourTotal,
    Message,
    Reconciliation,
    Retention,
    Status,
    Usage,
)
from chat.operations import retention
from chat.operations.jobs import in_database
from chat.operations.reconciliation import days as service_days

Kind = Retention.Kind
run = async_to_sync(retention.run)


def ago(**units: float) -> datetime:
    return timezone.now() - timedelta(**units)


def kept_to(**limits: int | None) -> None:
    retention.keep_to(None, limits)


# ── How old is too old ───────────────────────────────────────────────────────


def rule(kind: Retention.Kind) -> retention.Rule:
    return next(rule for rule in retention.RULES if rule.kind == kind)


def test_months_end_with_a_day(settings):
    settings.TIME_ZONE = "Asia/Shanghai"
    now = datetime(2026, 5, 31, 20, tzinfo=UTC)  # the first of June there
    assert rule(Kind.LEDGER).cutoff(3, now) == datetime(2026, 2, 28, 16, tzinfo=UTC)
    assert rule(Kind.AUDIT).cutoff(12, now) == datetime(2025, 5, 31, 16, tzinfo=UTC)


def test_a_month_that_is_shorter_has_a_last_day():
    now = datetime(2026, 5, 31, 12, tzinfo=UTC)
    assert rule(Kind.LEDGER).cutoff(3, now) == datetime(2026, 2, 28, tzinfo=UTC)


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)), st.integers(1, 600))
def test_no_more_is_deleted_than_after_so_many_months(moment, months):
    now = moment.replace(tzinfo=UTC)
    cutoff = rule(Kind.LEDGER).cutoff(months, now)
    assert timedelta(days=28 * months) <= now - cutoff <= timedelta(days=31 * months + 1)


def test_days_are_counted_from_now():
    now = timezone.now()
    assert now - rule(Kind.CONVERSATIONS).cutoff(30, now) == timedelta(days=30)


# ── Conversations ────────────────────────────────────────────────────────────


def conversation_of(owner, days: float, status: str = Status.DONE) -> Conversation:
    """One that was last active so many days ago."""
    row = Conversation.objects.create(owner=owner, title=f"{days} days")
    question = Message.objects.create(conversation=row, role="user", text="?")
    answer = Message.objects.create(
        conversation=row, role="assistant", question=question, status=status
    )
    Checkpoint.objects.create(message=answer, text="half")
    Conversation.objects.filter(pk=row.pk).update(active_at=ago(days=days))
    return row


def titles() -> set[str]:
    return set(Conversation.objects.values_list("title", flat=True))


def test_conversations_go_with_all_that_was_said_once_they_rest(alice):
    for days in (1, 29, 31, 400):
        conversation_of(alice, days)
    conversation_of(alice, 500, Status.STREAMING)
    kept_to(conversations=30)
    assert retention.preview({"conversations": 30}) == {"conversations": 2}
    run()
    assert titles() == {"1 days", "29 days", "500 days"}
    assert Message.objects.count() == 6
    assert Checkpoint.objects.count() == 3
    entry = AuditEntry.objects.get(action="retention.run")
    assert (entry.actor, entry.after) == ("command line", {"deleted": {"conversations": 2}})


def test_while_nothing_is_limited_nothing_goes_and_nothing_is_written_down(alice):
    conversation_of(alice, 5000)
    run()
    assert titles() == {"5000 days"}
    assert not AuditEntry.objects.exists()


def test_many_go_in_small_transactions(alice):
    for days in range(100, 145):
        conversation_of(alice, days)
    kept_to(conversations=30)
    left = []

    async def count() -> None:
        left.append(await Conversation.objects.acount())

    run(count)
    assert left == [25, 5, 0]


def test_a_run_that_was_broken_off_is_gone_on_with(alice):
    for days in range(100, 145):
        conversation_of(alice, days)
    kept_to(conversations=30)

    async def break_off() -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        run(break_off)
    assert len(titles()) == 25
    run()
    assert titles() == set()


# ── The ledger ───────────────────────────────────────────────────────────────


def request(days: float, **members) -> Usage:
    values = {
        "requested_model": "m",
        "confidence": "reported",
        "final_status": "done",
        "total_tokens": 10,
        "created_at": ago(days=days),
    }
    return Usage(**values | members)


def sums() -> list[int]:
    found = []
    for table in (HourTotal, DayTotal):
        rows = table.objects.values_list("requests", "total_tokens")
        found += [sum(row[0] for row in rows), sum(row[1] for row in rows)]
    return found


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/New_York"])
def test_rows_go_and_their_totals_stay_and_still_equal_a_full_count(alice, settings, zone):
    settings.TIME_ZONE = zone
    failed = {"final_status": "failed", "error_stage": "call", "error_code": "rate_limited"}
    entries.write([request(days / 2, user=alice) for days in range(0, 260, 3)])
    entries.write([request(days, **failed, first_token_seconds=1) for days in range(80, 110)])
    before, rows = sums(), Usage.objects.count()
    kept_to(ledger=3)
    run()
    assert 0 < Usage.objects.count() < rows
    assert Usage.objects.order_by("created_at").first().created_at > ago(days=94)
    assert sums() == before
    assert totals.differences() == []
    totals.rebuild()
    assert sums() == before
    assert not totals.rebuild_if_needed()
    entries.write([request(0)])
    assert totals.differences() == []


def test_when_no_row_is_left_the_totals_are(transactional_db):
    entries.write([request(200)])
    kept_to(ledger=3)
    run()
    assert not Usage.objects.exists()
    assert not totals.rebuild_if_needed()
    assert sums() == [1, 10, 1, 10]
    assert totals.differences() == []


def test_while_rows_are_being_deleted_the_totals_are_right(transactional_db):
    entries.write([request(days / 10) for days in range(1000, 2200)])
    kept_to(ledger=3)
    found = []

    async def look() -> None:
        found.append((await Usage.objects.acount(), await in_database(totals.differences)()))

    run(look)
    assert found == [(700, []), (200, []), (0, [])]


def test_the_ledger_only_grows_again_afterwards(transactional_db):
    entries.write([request(200), request(1)])
    kept_to(ledger=3)
    run()
    assert append_only.is_protected(connection, Usage._meta.db_table)
    with pytest.raises(IntegrityError):
        Usage.objects.all().delete()


# ── The rest ─────────────────────────────────────────────────────────────────


def test_the_audit_log_says_that_some_of_it_is_gone(transactional_db):
    with append_only.opened(connection, AuditEntry):
        for days in (10, 500):
            row = AuditEntry.objects.create(actor="root", action=f"{days}")
            AuditEntry.objects.filter(pk=row.pk).update(at=ago(days=days))
    kept_to(audit=12)
    run()
    actions = set(AuditEntry.objects.values_list("action", flat=True))
    assert actions == {"10", "retention.changed", "retention.run"}
    with pytest.raises(IntegrityError):
        AuditEntry.objects.all().delete()


def test_lists_observations_alerts_and_sessions_go(transactional_db):
    environment = local.environment()
    for days in (1, 100):
        ListVersion.objects.create(environment=environment, group="g", before=[], after=[])
        ListVersion.objects.filter(pk=ListVersion.objects.first().pk).update(made_at=ago(days=days))
        Observation.objects.create(
            environment=environment, action=f"{days}", answered_at=ago(days=days)
        )
        Session.objects.create(session_key=f"{days}", expire_date=ago(days=days - 50))
    Observation.objects.create(
        environment=environment, action="late", answered_at=ago(days=90), failed_at=ago(days=1)
    )
    watched = AlertRule.objects.create(name="Errors", measure="errors")
    long_ago = {"began_at": ago(days=200), "told_at": ago(days=200)}
    for days in (1, 100):
        Alert.objects.create(rule_name=f"{days}", ended_at=ago(days=days), **long_ago)
    Alert.objects.create(rule_name="goes on", rule=watched, **long_ago)
    kept_to(lists=30, observations=30, alerts=30)
    run()
    assert ListVersion.objects.count() == 1
    assert set(Observation.objects.values_list("action", flat=True)) == {"1", "late"}
    assert set(Alert.objects.values_list("rule_name", flat=True)) == {"1", "goes on"}
    assert set(Session.objects.values_list("pk", flat=True)) == {"1"}


def test_comparisons_with_environments_go_by_their_day(transactional_db):
    kept = rule(Kind.RECONCILIATIONS).cutoff(3, timezone.now())
    first = service_days.of(kept)
    for day in (first - timedelta(days=400), first - timedelta(days=1), first):
        Reconciliation.objects.create(env_id="env-demo", day=day, compared_at=timezone.now())
    run()
    assert Reconciliation.objects.count() == 3
    assert retention.preview({"reconciliations": 3}) == {"reconciliations": 2}
    kept_to(reconciliations=3)
    run()
    assert Reconciliation.objects.get().day == first
    assert AuditEntry.objects.latest("pk").after == {"deleted": {"reconciliations": 2}}


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)))
def test_a_day_that_is_compared_again_is_never_too_old(moment):
    """Else it would be deleted and come back each night."""
    now, shortest = moment.replace(tzinfo=UTC), rule(Kind.RECONCILIATIONS)
    assert service_days.of(shortest.cutoff(shortest.at_least, now)) < service_days.shown(now)[-1]


# ── What may be said ─────────────────────────────────────────────────────────


def form(**typed: str) -> RetentionForm:
    return RetentionForm({rule.kind.value: "" for rule in retention.RULES} | typed)


def test_what_is_empty_is_kept_for_ever(transactional_db):
    assert form().is_valid()
    assert set(form(ledger="6").data) == {rule.kind.value for rule in retention.RULES}
    told = form(ledger="6")
    assert told.is_valid()
    assert told.limits() | {"ledger": None} == dict.fromkeys(told.limits())


@pytest.mark.parametrize(
    ("kind", "typed"),
    [
        ("audit", "11"),
        ("ledger", "2"),
        ("conversations", "0"),
        ("alerts", "-1"),
        ("lists", "x"),
        ("reconciliations", "2"),
    ],
)
def test_what_is_too_little_is_refused(transactional_db, kind, typed):
    refused = form(**{kind: typed})
    assert not refused.is_valid()
    assert isinstance(refused.errors.as_data()[kind][0], ValidationError)


def test_a_change_is_written_down_once(root):
    retention.keep_to(root, {"audit": 24})
    retention.keep_to(root, {"audit": 24})
    entry = AuditEntry.objects.get(action="retention.changed")
    assert (entry.actor, entry.before, entry.after) == ("root", {"audit": None}, {"audit": 24})

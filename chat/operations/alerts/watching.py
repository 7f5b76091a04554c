"""Looks at every rule, again and again; what begins, goes on and ends is put up to be told."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.utils import timezone
from django.utils.translation import override

from chat.models import Alert, AlertDelivery, AlertRule
from chat.operations import jobs
from chat.operations.alerts import delivering, kinds, notices, readings
from chat.operations.alerts.delivering import ways
from chat.operations.alerts.judging import Change, Standing, judged
from chat.operations.alerts.notices import Event, Facts
from chat.operations.alerts.readings import Look, Reading

logger = logging.getLogger(__name__)


async def watch() -> None:
    """One look at everything, and the sending of what is to be told."""
    await jobs.in_database(look_at_all)(timezone.now())
    await delivering.deliver_due()


JOB: Final = jobs.Job("alerts", every=kinds.EVERY, work=watch, at_most=timedelta(minutes=10))


def look_at_all(now: datetime) -> None:
    """Look at each rule that is on; one that cannot be looked at keeps the others from nothing."""
    _drop_unwatched(now)
    for rule in AlertRule.objects.filter(is_on=True):
        try:
            with override(rule.language):
                _look_at(rule, now)
        except Exception:  # whatever it was: it is about this rule alone
            logger.exception("alert rule %s could not be looked at", rule.pk)


def _drop_unwatched(now: datetime) -> None:
    """What nobody watches any more has ended, as far as anybody knows."""
    going_on = Alert.objects.filter(ended_at=None)
    for alert in going_on.exclude(rule__in=AlertRule.objects.filter(is_on=True)):
        alert.ended_at, alert.was_dropped = now, True
        alert.save(update_fields=["ended_at", "was_dropped"])


def _look_at(rule: AlertRule, now: datetime) -> None:
    if _is_due(rule, now):
        _judge(rule, readings.look(rule, now), now)
    _remind(rule, now)


def _judge(rule: AlertRule, look: Look, now: datetime) -> None:
    """Begin and end what has to, each with what is told of it, or nothing at all. Where nothing
    is new, nothing is written."""
    going_on = {alert.subject: alert for alert in rule.alerts.filter(ended_at=None)}
    found = {reading.subject: reading for reading in look.readings}
    streaks: dict[str, int] = {}
    begun: list[Reading] = []
    ended: list[Alert] = []
    for subject in {**found, **going_on}:
        reading, streak = found.get(subject), rule.seen.get("streaks", {}).get(subject, 0)
        is_over = reading is not None and reading.is_over
        standing = Standing(subject in going_on, streak)
        after, change = judged(standing, is_over=is_over, hold=rule.hold)
        if after.streak:
            streaks[subject] = after.streak
        if change is Change.BEGAN and reading is not None:
            begun.append(reading)
        elif change is Change.ENDED:
            ended.append(going_on[subject])
    seen = _seen(rule, look, streaks, now)
    if begun or ended or seen != rule.seen:
        _write(rule, seen, begun, ended, now)


@transaction.atomic
def _write(
    rule: AlertRule,
    seen: dict[str, Any],
    begun: Iterable[Reading],
    ended: Iterable[Alert],
    now: datetime,
) -> None:
    for reading in begun:
        _begin(rule, reading, now)
    for alert in ended:
        _end(alert, now)
    rule.seen = seen
    AlertRule.objects.filter(pk=rule.pk).update(seen=seen)


def _is_due(rule: AlertRule, now: datetime) -> bool:
    every = kinds.of(rule).every
    if every == kinds.EVERY:
        return True
    looked_at = rule.seen.get("at")
    return not looked_at or now - datetime.fromisoformat(looked_at) >= every


def _seen(rule: AlertRule, look: Look, streaks: Mapping[str, int], now: datetime) -> dict[str, Any]:
    """What the next look and the pages need."""
    seen: dict[str, Any] = {
        "memory": look.memory,
        "streaks": streaks,
        "readings": [Facts.of(rule, reading).kept() for reading in look.readings],
    }
    if kinds.of(rule).every != kinds.EVERY:
        seen["at"] = now.isoformat()
    return seen


# What becomes of an alert


def _begin(rule: AlertRule, reading: Reading, now: datetime) -> None:
    facts = Facts.of(rule, reading)
    alert = Alert.objects.create(
        rule=rule,
        rule_name=rule.name,
        measure=rule.measure,
        subject=reading.subject,
        facts=facts.kept(),
        began_at=now,
        told_at=now,
    )
    logger.warning("alert %s of rule %s began", alert.pk, rule.pk)
    _tell(alert, Event.BEGAN, now)


def _end(alert: Alert, now: datetime) -> None:
    alert.ended_at = alert.told_at = now
    alert.save(update_fields=["ended_at", "told_at"])
    logger.warning("alert %s of rule %s ended", alert.pk, alert.rule_id)
    _tell(alert, Event.ENDED, now)


def _remind(rule: AlertRule, now: datetime) -> None:
    """Tell again what has been going on for long, with what is seen of it now."""
    if not rule.remind_after_hours:
        return
    latest = {known["subject"]: known for known in rule.seen.get("readings", ())}
    long_ago = now - timedelta(hours=rule.remind_after_hours)
    for alert in rule.alerts.filter(ended_at=None, told_at__lte=long_ago):
        alert.facts = latest.get(alert.subject, alert.facts)
        alert.told_at = now
        with transaction.atomic():
            alert.save(update_fields=["told_at", "facts"])
            _tell(alert, Event.REMINDER, now)


def _tell(alert: Alert, event: Event, now: datetime) -> None:
    """Put up a notice for each recipient and way."""
    assert alert.rule is not None  # noqa: S101  # for the type checker: only what is watched is told
    facts = replace(Facts.loaded(alert.facts), language=alert.rule.language)
    notice = notices.notice(event, facts, alert.began_at, alert.ended_at)
    AlertDelivery.objects.bulk_create(
        AlertDelivery(
            alert=alert,
            recipient=recipient,
            recipient_name=recipient.name,
            event=event,
            way=way,
            notice=notice,
            due_at=now,
        )
        for recipient in alert.rule.recipients.all()
        for way in ways(recipient)
    )

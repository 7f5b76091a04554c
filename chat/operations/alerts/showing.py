"""Alerts as the pages show them, in the language that is active."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Count, QuerySet
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext, pgettext

from admin_models.models import AIModel
from chat.models import Alert, AlertDelivery, AlertRecipient, AlertRule, JobState
from chat.operations.alerts import kinds, notices, rules
from chat.operations.alerts.delivering import Outcome
from chat.operations.alerts.kinds import Measure
from chat.operations.alerts.notices import Facts

_LAST_DELIVERIES = 10
_TONES = {
    AlertDelivery.State.SENT: "ok",
    AlertDelivery.State.WAITING: "waiting",
    AlertDelivery.State.FAILED: "not_ok",
}
_JOB_TONES = {
    JobState.Condition.WAITING: "ok",
    JobState.Condition.RUNNING: "waiting",
    JobState.Condition.FAILING: "not_ok",
    JobState.Condition.STUCK: "not_ok",
}


@dataclass(frozen=True, slots=True)
class RuleLine:
    """A rule, and how it stands."""

    rule: AlertRule
    state: str
    """As colours are chosen by: ok, not_ok, unknown, skipped."""
    label: str
    value: str
    threshold: str
    of: str
    """Where, and since when."""
    recipients: str


@dataclass(frozen=True, slots=True)
class DeliveryLine:
    """A notice, and what became of it."""

    delivery: AlertDelivery
    tone: str


@dataclass(frozen=True, slots=True)
class AlertLine:
    """Something that happened."""

    alert: Alert
    sentence: str
    lasted: str
    url: str
    deliveries: Sequence[DeliveryLine]


@dataclass(frozen=True, slots=True)
class RecipientLine:
    """Who is told, without what nobody should see."""

    recipient: AlertRecipient
    host: str
    rules: int
    last: DeliveryLine | None


@dataclass(frozen=True, slots=True)
class JobLine:
    """A background job."""

    job: JobState
    tone: str
    label: str


@dataclass(frozen=True, slots=True)
class KindChoice:
    """Something that can be watched."""

    measure: str
    label: str
    about: Promise


@dataclass(frozen=True, slots=True)
class TriedLine:
    """What came of a test."""

    line: DeliveryLine
    said: str


# Rules


def rule_lines() -> list[RuleLine]:
    """Every rule; three queries."""
    going_on = Alert.objects.filter(ended_at=None, rule__isnull=False)
    firing = set(going_on.values_list("rule", flat=True))
    return [_rule_line(rule, firing) for rule in AlertRule.objects.prefetch_related("recipients")]


def _rule_line(rule: AlertRule, firing: set[int]) -> RuleLine:
    state, label = _standing(rule, firing)
    readings = [Facts.loaded(kept) for kept in rule.seen.get("readings", ())]
    worst = max(readings, key=lambda facts: facts.value or 0, default=None)
    unit = rule.currency or kinds.of(rule).unit
    has_threshold = "threshold" in kinds.of(rule).fields
    return RuleLine(
        rule,
        state,
        label,
        value=notices.value_text(worst.value, unit) if worst and rule.is_on else "–",
        threshold=notices.value_text(rule.threshold, unit) if has_threshold else "–",
        of=_of(rule),
        recipients=", ".join(recipient.name for recipient in rule.recipients.all()),
    )


def _standing(rule: AlertRule, firing: set[int]) -> tuple[str, str]:
    if not rule.is_on:
        return "skipped", pgettext("an alert rule", "off")
    if rule.pk in firing:
        return "not_ok", pgettext("an alert rule", "alert")
    if not rule.seen:
        return "unknown", pgettext("an alert rule", "not looked at yet")
    return "ok", pgettext("an alert rule", "all well")


def _of(rule: AlertRule) -> str:
    found = [rule.env_id, rule.model_name]
    if kinds.of(rule).windows:
        found.append(kinds.window(rule.window_minutes))
    return " · ".join(filter(None, found))


def kind_choices() -> list[KindChoice]:
    """Everything that can be watched."""
    return [
        KindChoice(measure, str(Measure(measure).label), kind.about)
        for measure, kind in kinds.KINDS.items()
    ]


def model_names() -> list[str]:
    """What the form of a rule suggests."""
    return list(AIModel.objects.order_by("name").values_list("name", flat=True).distinct()[:500])


# What happened


def history(alerts: QuerySet[Alert]) -> list[AlertLine]:
    """Alerts, the newest first; two queries."""
    now = timezone.now()
    return [
        AlertLine(
            alert,
            notices.sentence(facts),
            notices.duration((alert.ended_at or now) - alert.began_at),
            notices.path(facts),
            [_delivery_line(row) for row in alert.deliveries.all()],
        )
        for alert in alerts.order_by("-pk").prefetch_related("deliveries")
        for facts in [Facts.loaded(alert.facts)]
    ]


def _delivery_line(row: AlertDelivery) -> DeliveryLine:
    return DeliveryLine(row, _TONES[AlertDelivery.State(row.state)])


# Recipients


def recipient_lines() -> list[RecipientLine]:
    """Everybody who is told; two queries and one for each."""
    counted = AlertRecipient.objects.annotate(number=Count("rules"))
    return [
        RecipientLine(
            row,
            rules.host_of(row.url),
            row.number,
            next(iter(deliveries(row, 1)), None),
        )
        for row in counted
    ]


def deliveries(recipient: AlertRecipient, number: int = _LAST_DELIVERIES) -> list[DeliveryLine]:
    """What a recipient was told last."""
    return [_delivery_line(row) for row in recipient.deliveries.order_by("-pk")[:number]]


def tried(outcomes: Iterable[tuple[AlertDelivery, Outcome]]) -> list[TriedLine]:
    """What came of a test."""
    return [TriedLine(_delivery_line(row), _said(row, outcome)) for row, outcome in outcomes]


def _said(row: AlertDelivery, outcome: Outcome) -> str:
    if outcome.is_sent or outcome.said:
        return outcome.said
    if row.way == AlertDelivery.Way.MAIL:
        return gettext("The mail server did not take it, or is not there (EMAIL_URL).")
    if outcome.code.isdecimal():
        return gettext("It was not accepted, and nothing was said.")
    return gettext("Nothing came back: it is not there, or it did not answer in time.")


# Jobs


def job_lines() -> list[JobLine]:
    """What is done in the background."""
    now = timezone.now()
    return [
        JobLine(job, _JOB_TONES[condition], str(condition.label))
        for job in JobState.objects.all()
        for condition in [job.condition(now)]
    ]

"""Changes rules and recipients; each change is recorded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from admin_models import audit
from chat.models import AlertDelivery, AlertRecipient, AlertRule
from chat.operations.alerts import kinds
from chat.operations.alerts.kinds import Measure

_SENSIBLE: Final[tuple[tuple[Measure, Promise, dict[str, int]], ...]] = (
    (Measure.ERRORS, _("Errors"), {"min_requests": 10}),
    (Measure.FIRST_TOKEN, _("Slow answers"), {"min_requests": 10}),
    (Measure.LIMIT, _("Limits"), {}),
    (Measure.READINESS, _("Models that were ready"), {}),
    (Measure.DISK, _("Disk space"), {}),
    (Measure.JOB, _("Background jobs"), {}),
    (Measure.TOTALS, _("Totals of the ledger"), {}),
)
"""Rules to begin with; how much may be spent nobody but the people here can say."""


# Rules


def new(measure: Measure) -> AlertRule:
    """A rule as it is proposed; not saved."""
    kind = kinds.KINDS[measure]
    window = {"window_minutes": kind.windows[1]} if kind.windows else {}
    return AlertRule(
        measure=measure,
        threshold=kind.threshold,
        hold=kind.hold,
        language=_language(),
        currency="CNY" if "currency" in kind.fields else "",
        **window,
    )


def _language() -> str:
    return "zh-hans" if (get_language() or "").startswith("zh") else "en"


@transaction.atomic
def keep(actor: audit.Actor, rule: AlertRule, recipients: Iterable[AlertRecipient]) -> None:
    """Save a rule, new or changed, and whom it tells."""
    before = _state_of_rule(AlertRule.objects.filter(pk=rule.pk).first())
    if before and before["is_on"] != rule.is_on:
        rule.seen = {}
    rule.save()
    rule.recipients.set(recipients)
    action = "alert.rule_changed" if before else "alert.rule_created"
    after = _state_of_rule(rule)
    if before != after:
        audit.record(actor, action, _subject_of_rule(rule), before=before, after=after)


@transaction.atomic
def make_sensible(actor: audit.Actor) -> int:
    """Make the rules to begin with, which tell every recipient; returns how many. None if there
    are rules already."""
    if AlertRule.objects.exists():
        return 0
    recipients = list(AlertRecipient.objects.all())
    for measure, name, values in _SENSIBLE:
        rule = new(measure)
        rule.name = str(name)
        for field, value in values.items():
            setattr(rule, field, value)
        keep(actor, rule, recipients)
    return len(_SENSIBLE)


@transaction.atomic
def delete(actor: audit.Actor, rule: AlertRule) -> None:
    """Watch it no longer; what happened stays in the history."""
    audit.record(actor, "alert.rule_deleted", _subject_of_rule(rule), before=_state_of_rule(rule))
    rule.delete()


def _subject_of_rule(rule: AlertRule) -> tuple[str, str, str]:
    return ("alert_rule", str(rule.pk), rule.name)


def _state_of_rule(rule: AlertRule | None) -> dict[str, Any]:
    if rule is None:
        return {}
    state = audit.state_of(rule)
    del state["seen"]
    return state | {"recipients": sorted(str(each) for each in rule.recipients.all())}


# Recipients


@transaction.atomic
def keep_recipient(
    actor: audit.Actor, recipient: AlertRecipient, *, secret: str = "", remove_secret: bool = False
) -> None:
    """Save a recipient, new or changed; without `secret` the stored one stays, unless it is to be
    removed."""
    before = _state_of_recipient(AlertRecipient.objects.filter(pk=recipient.pk).first())
    if secret or remove_secret:
        recipient.keep_secret(secret)
    recipient.save()
    action = "alert.recipient_changed" if before else "alert.recipient_created"
    after = _state_of_recipient(recipient)
    if before != after:
        audit.record(actor, action, _subject_of(recipient), before=before, after=after)


@transaction.atomic
def delete_recipient(actor: audit.Actor, recipient: AlertRecipient) -> None:
    """Tell nothing there any more."""
    before = _state_of_recipient(recipient)
    audit.record(actor, "alert.recipient_deleted", _subject_of(recipient), before=before)
    waiting = AlertDelivery.objects.filter(recipient=recipient, state=AlertDelivery.State.WAITING)
    waiting.update(state=AlertDelivery.State.FAILED, outcome="recipient_deleted")
    recipient.delete()


def host_of(url: str) -> str:
    """What is shown of a webhook's address: the rest of it may be what lets one in."""
    return urlsplit(url).netloc


def _subject_of(recipient: AlertRecipient) -> tuple[str, str, str]:
    return ("alert_recipient", str(recipient.pk), recipient.name)


def _state_of_recipient(recipient: AlertRecipient | None) -> Mapping[str, Any]:
    if recipient is None:
        return {}
    return audit.state_of(recipient) | {"url": host_of(recipient.url)}

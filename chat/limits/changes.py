"""Limits are set, changed, switched on and off, and deleted; each change is recorded."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import translation

from admin_models import audit
from chat.limits import rules, words
from chat.models import Limit


@transaction.atomic
def save(actor: audit.Actor, limit: Limit) -> None:
    """Save a limit that was filled in, new or changed. What is under way goes on."""
    before = state_of(_stored(limit.pk)) if limit.pk else {}
    limit.save()
    after = state_of(limit)
    if after != before:
        action = "limit.updated" if before else "limit.created"
        audit.record(actor, action, _subject_of(limit), before=before, after=after)
    transaction.on_commit(rules.forget)


@transaction.atomic
def switch(actor: audit.Actor, pk: int, *, is_on: bool) -> Limit:
    """Let a limit count, or not; one that did not starts with what the ledger has. Raises
    Limit.DoesNotExist."""
    limit = _stored(pk)
    if limit.is_on != is_on:
        limit.is_on = is_on
        limit.counters.all().delete()  # nobody counts while it is off
        save(actor, limit)
    return limit


@transaction.atomic
def delete(actor: audit.Actor, limit: Limit) -> None:
    """Delete a limit with its counters; what was used stays in the ledger."""
    before = state_of(_stored(limit.pk))
    audit.record(actor, "limit.deleted", _subject_of(limit), before=before)
    limit.delete()
    transaction.on_commit(rules.forget)


def state_of(limit: Limit) -> dict[str, Any]:
    """What is recorded of a limit: names, as they mean something to whoever reads them later."""
    said = words.facts_of(limit)
    return {
        "measure": limit.measure,
        "amount": said.amount,
        "currency": limit.currency,
        "person": said.person,
        "team": str(limit.team or ""),
        "model": said.model,
        "environment": said.environment,
        "is_each": limit.is_each,
        "period": limit.period,
        "zone": limit.zone,
        "is_hard": limit.is_hard,
        "is_on": limit.is_on,
    }


def _stored(pk: int) -> Limit:
    named = ("person", "team", "model", "environment")
    return Limit.objects.select_for_update(of=("self",)).select_related(*named).get(pk=pk)


def _subject_of(limit: Limit) -> tuple[str, str, str]:
    with translation.override("en"):  # the record is everybody's
        return "limit", str(limit.pk), words.phrase(words.facts_of(limit))

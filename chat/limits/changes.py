"""Limits are set, changed, switched on and off, and deleted; each change is recorded."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import Model, QuerySet
from django.utils import translation

from admin_models import audit
from chat.limits import rules, words
from chat.models import Limit


@transaction.atomic
def save(actor: audit.Actor, limit: Limit) -> None:
    """Save a limit that was filled in, new or changed. What is under way goes on; one that was off
    starts with what the ledger has."""
    before = state_of(_stored(limit.pk)) if limit.pk else {}
    limit.save()
    after = state_of(limit)
    if before and before["is_on"] != limit.is_on:
        limit.counters.all().delete()  # nobody counts while it is off
    if after != before:
        action = "limit.updated" if before else "limit.created"
        audit.record(actor, action, _subject_of(limit), before=before, after=after)
    transaction.on_commit(rules.forget)


@transaction.atomic
def switch(actor: audit.Actor, pk: int, *, is_on: bool) -> Limit:
    """Let a limit count, or not. Raises Limit.DoesNotExist."""
    limit = _stored(pk)
    limit.is_on = is_on
    save(actor, limit)
    return limit


@transaction.atomic
def delete(actor: audit.Actor, limit: Limit) -> None:
    """Delete a limit with its counters; what was used stays in the ledger."""
    with audit.acting(actor):
        limit.delete()


def record_end(instance: Limit, origin: Any, **_: Any) -> None:
    """Hear that a limit is being deleted, by itself or with what it names, which is `origin`, and
    write that down in the same transaction."""
    limit = _all().filter(pk=instance.pk).first()
    if limit is None:
        return  # somebody else was faster, and has recorded it
    before, after = state_of(limit), _ending_of(limit, origin)
    audit.record(audit.who_acts(), "limit.deleted", _subject_of(limit), before=before, after=after)
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
    return _all().get(pk=pk)


def _all() -> QuerySet[Limit]:
    named = ("person", "team", "model__group", "environment")
    return Limit.objects.select_for_update(of=("self",)).select_related(*named)


def _ending_of(limit: Limit, origin: Any) -> dict[str, Any]:
    """Why a limit ends: of all that it names, what is deleted; nothing if it is itself."""
    table = origin.model if isinstance(origin, QuerySet) else type(origin)
    for name, row in _named(limit).items():
        if isinstance(row, table):
            return {"deleted_with": {name: str(row)}}
    return {}


def _named(limit: Limit) -> dict[str, Model | None]:
    """All that a limit cannot be without."""
    model = limit.model
    return {
        "person": limit.person,
        "team": limit.team,
        "model": model,
        "group": model and model.group,
        "environment": limit.environment or (model and model.group.environment),
    }


def _subject_of(limit: Limit) -> tuple[str, str, str]:
    with translation.override("en"):  # the record is everybody's
        return "limit", str(limit.pk), words.phrase(words.facts_of(limit))

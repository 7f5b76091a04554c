"""Limits and ledger rows for tests."""

from __future__ import annotations

from typing import Any

from chat.ledger import entries
from chat.limits import holds, periods, rules
from chat.limits.rules import Rule
from chat.models import Conversation, Counter, Limit, Message, Status, Usage


def limited(parts: int, measure: str = "messages", **members: Any) -> Limit:
    """A limit that this process has heard of."""
    period = "" if measure == "answers" else "day"
    limit = Limit.objects.create(**{"measure": measure, "parts": parts, "period": period} | members)
    rules.forget()
    return limit


def rule_of(limit: Limit) -> Rule:
    [rule] = rules.loaded(Limit.objects.filter(pk=limit.pk))
    return rule


def asked(person, model) -> Message:
    """An answer that waits to begin."""
    conversation = Conversation.objects.create(owner=person, title="Test", model=model)
    question = conversation.messages.create(role="user", text="Hi")
    return conversation.messages.create(
        role="assistant", question=question, status=Status.QUEUED, model=model
    )


def row(person, model, **members: Any) -> Usage:
    """A ledger row that is not written yet."""
    group = model.group
    return Usage(
        user=person,
        model=model,
        env_id=group.environment.env_id,
        group_name=group.name,
        requested_model=model.name,
        **{"confidence": "reported", "final_status": "done", "prompt_tokens": 6} | members,
    )


def used(person, model, tokens: int = 10, **members: Any) -> Usage:
    """Somebody has used so many tokens, and it is written down."""
    written = row(person, model, total_tokens=tokens, **members)
    entries.write([written])
    return written


def counter_of(limit: Limit, person_pk: int = 0) -> Counter:
    """The newest counter."""
    return Counter.objects.filter(limit=limit, person_pk=person_pk).latest("begins_at")


def make_sure(limit: Limit) -> None:
    """As if the limit were old: every process has heard of it."""
    for counter in Counter.objects.filter(limit=limit):
        counter.since = counter.since - holds.HEARD if counter.since else None
        counter.save()


__all__ = ["counter_of", "limited", "make_sure", "periods", "row", "rule_of", "used"]

"""Deletes what is older than it is to be kept, a little at a time."""

from __future__ import annotations

import asyncio
from calendar import monthrange
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.contrib.sessions.models import Session
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from admin_models import append_only, audit
from admin_models.models import AuditEntry, ListVersion, Observation
from chat.figures import spans
from chat.models import (
    Alert,
    AlertDelivery,
    Conversation,
    Message,
    Reconciliation,
    Retention,
    Usage,
)
from chat.operations.jobs import Job, in_database
from chat.operations.reconciliation import days

PAUSE: Final = 0.05
"""Seconds between two transactions, in which others write."""
SUBJECT: Final = ("retention", "retention", "retention")
_ONLY_GROW: Final = (Usage, AuditEntry)

Rows = QuerySet[Any]
Kind = Retention.Kind


@dataclass(frozen=True, slots=True)
class Rule:
    """How a kind of data gets old. `older` gives what is older than a moment, by tables; nothing of
    it is live. `at_a_time` rows are deleted in one transaction."""

    kind: Retention.Kind
    older: Callable[[datetime], tuple[Rows, ...]]
    at_least: int
    is_in_months: bool = False
    at_a_time: int = 500

    def cutoff(self, keep: int, now: datetime) -> datetime:
        """What is older than this is not kept; months end with a day of ours."""
        return _months_before(now, keep) if self.is_in_months else now - timedelta(days=keep)


def _months_before(now: datetime, months: int) -> datetime:
    day = spans.day_of(now)
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    last = monthrange(year, month + 1)[1]
    return spans.begin_of(day.replace(year=year, month=month + 1, day=min(day.day, last)))


# What is old


def _conversations(before: datetime) -> tuple[Rows, ...]:
    live = Message.objects.live().filter(conversation=OuterRef("pk"))
    return (Conversation.objects.filter(~Exists(live), active_at__lt=before),)


def _ledger(before: datetime) -> tuple[Rows, ...]:
    return (Usage.objects.filter(created_at__lt=before),)


def _audit(before: datetime) -> tuple[Rows, ...]:
    return (AuditEntry.objects.filter(at__lt=before),)


def _lists(before: datetime) -> tuple[Rows, ...]:
    return (ListVersion.objects.filter(made_at__lt=before),)


def _observations(before: datetime) -> tuple[Rows, ...]:
    is_newer = Q(answered_at__gte=before) | Q(failed_at__gte=before)
    return (Observation.objects.exclude(is_newer),)


def _alerts(before: datetime) -> tuple[Rows, ...]:
    tests = AlertDelivery.objects.filter(alert=None, created_at__lt=before)
    return (Alert.objects.filter(ended_at__lt=before), tests)


def _reconciliations(before: datetime) -> tuple[Rows, ...]:
    return (Reconciliation.objects.filter(day__lt=days.of(before)),)


RULES: Final = (
    Rule(Kind.CONVERSATIONS, _conversations, at_least=7, at_a_time=20),
    Rule(Kind.LEDGER, _ledger, at_least=3, is_in_months=True),
    Rule(Kind.AUDIT, _audit, at_least=12, is_in_months=True),
    Rule(Kind.LISTS, _lists, at_least=7),
    Rule(Kind.OBSERVATIONS, _observations, at_least=7),
    Rule(Kind.ALERTS, _alerts, at_least=7),
    Rule(Kind.RECONCILIATIONS, _reconciliations, at_least=3, is_in_months=True),
)
"""Expired sessions are deleted as well, by no rule: they are of no use to anybody."""


def preview(limits: Mapping[str, int | None]) -> Mapping[str, int]:
    """How many things would be deleted now if `limits` (days or months by kind) were kept to."""
    now = timezone.now()
    return {
        rule.kind: sum(rows.count() for rows in rule.older(rule.cutoff(keep, now)))
        for rule in RULES
        if (keep := limits.get(rule.kind)) is not None
    }


def limits() -> Mapping[str, int | None]:
    """How long each kind is kept; None: for ever."""
    kept = dict(Retention.objects.values_list("kind", "keep"))
    return {rule.kind: kept.get(rule.kind) for rule in RULES}


@transaction.atomic
def keep_to(actor: audit.Actor, wanted: Mapping[str, int | None]) -> None:
    """Keep to `wanted` from the next run on, and write down that `actor` says so."""
    before = dict(limits())
    for kind, keep in wanted.items():
        Retention.objects.update_or_create(kind=kind, defaults={"keep": keep})
    if (after := dict(limits())) != before:
        audit.record(actor, "retention.changed", SUBJECT, before=before, after=after)


# Deleting


async def _rest() -> None:
    await asyncio.sleep(PAUSE)


async def run(between: Callable[[], Awaitable[None]] = _rest) -> None:
    """Delete everything that is too old, and write down how much that was; `between` is awaited
    after each transaction."""
    deleted: dict[str, int] = {}
    for rule in RULES:
        before = await in_database(_begun)(rule)
        if before is not None:
            deleted[rule.kind] = await _deleted(rule.older(before), rule.at_a_time, between)
    expired = Session.objects.filter(expire_date__lt=timezone.now())
    deleted["sessions"] = await _deleted((expired,), 500, between)
    if found := {kind: count for kind, count in deleted.items() if count}:
        await in_database(audit.record)(None, "retention.run", SUBJECT, after={"deleted": found})


JOB: Final = Job("retention", timedelta(days=1), run, at_most=timedelta(hours=12))


def _begun(rule: Rule) -> datetime | None:
    """Before when things are deleted now, which is kept first; None: nothing is to be."""
    row = Retention.objects.of(rule.kind)
    if row.keep is None:
        return None
    before = rule.cutoff(row.keep, timezone.now())
    row.gone_before = max(before, row.gone_before or before)
    row.save(update_fields=["gone_before"])
    return before


async def _deleted(
    tables: tuple[Rows, ...], at_a_time: int, between: Callable[[], Awaitable[None]]
) -> int:
    """How many rows are gone, for good even if this is broken off."""
    total = 0
    for rows in tables:
        while count := await in_database(_delete_some)(rows, at_a_time):
            total += count
            await between()
    return total


@transaction.atomic
def _delete_some(rows: Rows, at_a_time: int) -> int:
    table = rows.model
    # Locked, so that what somebody revives meanwhile is theirs: it is not among these any more.
    found = rows.select_for_update(of=("self",)).order_by("pk").values_list("pk", flat=True)
    if pks := list(found[:at_a_time]):
        with _opened(table):
            table._default_manager.filter(pk__in=pks).delete()
    return len(pks)


def _opened(table: Any) -> AbstractContextManager[None]:
    """Tables that only grow are opened for the transaction."""
    return append_only.opened(connection, table) if table in _ONLY_GROW else nullcontext()


def told() -> Iterator[tuple[Rule, int | None]]:
    """The rules and how long each keeps, for a page."""
    kept = limits()
    return ((rule, kept[rule.kind]) for rule in RULES)

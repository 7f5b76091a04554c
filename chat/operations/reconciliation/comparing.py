"""Asks each environment what was used, a day at a time, and keeps what it says beside the ledger's
figures. Environments are asked at once: one that does not answer holds up no other."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final

from django.utils import timezone

from admin_models import control_plane
from admin_models.models import Environment
from chat.cloudbase.errors import ActionUnknown, CloudBaseError
from chat.models import Reconciliation
from chat.operations.jobs import Job, in_database

from . import days, ours, reasons, theirs
from .ours import Ours
from .theirs import Theirs

logger = logging.getLogger(__name__)

AT_ONCE: Final = 4
"""Environments that are asked at the same time, and days of each."""


async def compare_all() -> None:
    """Compare every day that is due of every environment that can be asked.

    Raises what broke with one of them, after all the others.
    """
    environments = await in_database(_environments)()
    places = asyncio.Semaphore(AT_ONCE)

    async def compare_in_turn(environment: Environment) -> None:
        async with places:
            await compare_due(environment)

    ends = await asyncio.gather(*map(compare_in_turn, environments), return_exceptions=True)
    broken = [end for end in ends if isinstance(end, BaseException)]
    if broken:
        raise broken[0]


JOB: Final = Job("reconciliation", timedelta(days=1), compare_all)


async def compare_due(environment: Environment) -> CloudBaseError | None:
    """Compare the days of an environment that are not settled; a failure ends it.

    Returns the failure, which is kept with its day.
    """
    due = await in_database(_due)(environment.env_id, timezone.now())
    for first in range(0, len(due), AT_ONCE):
        some = due[first : first + AT_ONCE]
        errors = await asyncio.gather(*(compare(environment, day) for day in some))
        if failed := [error for error in errors if error is not None]:
            return failed[0]
    return None


async def compare(environment: Environment, day: date) -> CloudBaseError | None:
    """Compare one day and keep what comes out; returns the failure if the service gave no figures.

    What it said before stays then. Raises nothing but what the database raises.
    """
    try:
        answer = await theirs.told(control_plane.of(environment), day)
    except CloudBaseError as error:
        level = logging.INFO if isinstance(error, ActionUnknown) else logging.WARNING
        logger.log(level, "usage of environment %s is not told: %s", environment.pk, error.code)
        await in_database(_keep_failure)(environment.env_id, day, error)
        return error
    await in_database(_keep)(environment.env_id, day, answer)
    return None


# In the database


def _environments() -> list[Environment]:
    rows = Environment.objects.enabled().filter(kind=Environment.Kind.CLOUDBASE)
    return [row for row in rows if row.has_cloud_keys]


def _due(env_id: str, now: datetime) -> list[date]:
    """The newest first, and those that failed last: a day that always fails stops no other."""
    rows = Reconciliation.objects.filter(env_id=env_id)
    settled = rows.filter(is_settled=True).values_list("day", flat=True)
    failed = set(rows.filter(failed_at__isnull=False).values_list("day", flat=True))
    return sorted(days.due(now, settled), key=lambda day: day in failed)


def _keep_failure(env_id: str, day: date, error: CloudBaseError) -> None:
    """What we have is shown even so."""
    ledger = ours.of(env_id, day)
    Reconciliation.objects.update_or_create(
        env_id=env_id,
        day=day,
        defaults={
            "ours": ledger.as_dict(),
            "our_tokens": ledger.tokens,
            "error": error.as_dict(),
            "failed_at": timezone.now(),
        },
    )


def _keep(env_id: str, day: date, answer: Theirs) -> None:
    now = timezone.now()
    before = Reconciliation.objects.filter(env_id=env_id, day=day).first()
    ledger = ours.of(env_id, day)
    changed_at, changes = _history(before, answer, ledger, now)
    is_late = now - days.moments(day)[1] < days.AT_LEAST
    found = reasons.of(ledger, answer, is_late=is_late)
    Reconciliation.objects.update_or_create(
        env_id=env_id,
        day=day,
        defaults={
            **_figures(answer, ledger),
            "reasons": [reason.as_dict() for reason in found],
            "changes": changes,
            "changed_at": changed_at,
            "compared_at": now,
            "is_settled": days.is_settled(day, changed_at, now),
            "error": None,
            "failed_at": None,
        },
    )


def _figures(answer: Theirs, ledger: Ours) -> Mapping[str, Any]:
    return {
        "vendor": dict(answer.answer),
        "vendor_tokens": answer.tokens,
        "vendor_points": answer.points,
        "environment_points": answer.environment_points,
        "ours": ledger.as_dict(),
        "our_tokens": ledger.tokens,
        "request_id": answer.request_id[:128],
    }


def _history(
    before: Reconciliation | None, answer: Theirs, ledger: Ours, now: datetime
) -> tuple[datetime, list[dict[str, Any]]]:
    """When the figures changed last, and what they were before that."""
    if before is None or before.compared_at is None or before.changed_at is None:
        return now, []
    figures = (answer.tokens, answer.points, ledger.tokens)
    if figures == (before.vendor_tokens, before.vendor_points, before.our_tokens):
        return before.changed_at, before.changes
    past = {
        "at": before.compared_at.isoformat(),
        "vendor_tokens": before.vendor_tokens,
        "our_tokens": before.our_tokens,
    }
    return now, [*before.changes, past]

"""Writes down what an environment said. Every function is all or nothing."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from admin_models.models import Environment, Observation
from admin_models.preflight import mirror
from admin_models.preflight.seeing import CALL, stored
from chat.cloudbase.control_plane import Answered
from chat.cloudbase.errors import CloudBaseError

RENEW_AT: Final = 0.7
"""The part of an answer's time after which it is renewed in the background."""
AFTER_FAILURE: Final = timedelta(seconds=60)
"""Until an environment that failed is asked again in the background."""


class EnvironmentGone(Exception):
    """The environment was deleted meanwhile."""


@transaction.atomic
def answered(environment_pk: int, action: str, said: Answered[Any], asked_at: datetime) -> None:
    """Store an answer to what was asked then, and mirror it where it lists the groups.

    An older answer than the stored one changes nothing. Raises EnvironmentGone, DatabaseError.
    """
    environment = _held(environment_pk)
    is_news = _put(
        environment_pk,
        action,
        "",
        asked_at,
        answer=stored(said.value),
        answered_at=asked_at,
        request_id=(said.request_id or "")[:128],
        **_NO_FAILURE,
    )
    if is_news and action == "DescribeAIModels":
        mirror.groups(environment, said.value)


@transaction.atomic
def failed(
    environment_pk: int, action: str, subject: str, error: CloudBaseError, asked_at: datetime
) -> None:
    """Store a failure; the last answer stays. Raises EnvironmentGone, DatabaseError."""
    _held(environment_pk)
    _put(environment_pk, action, subject, asked_at, error=error.as_dict(), failed_at=timezone.now())


@transaction.atomic
def call_answered(environment_pk: int, group: str, model: str, at: datetime) -> None:
    """Store that a real call worked; one of an environment that cannot say which models it has is
    offered from now on. Raises EnvironmentGone, DatabaseError."""
    environment = _held(environment_pk)
    subject = f"{group}/{model}"
    _put(environment_pk, CALL, subject, at, answer=True, answered_at=at, **_NO_FAILURE)
    if not environment.is_local and not environment.has_cloud_keys:
        mirror.proven(environment, group, model)


@transaction.atomic
def forget(environment_pk: int) -> None:
    """Nothing seen before counts any more: the address or the keys are others."""
    Observation.objects.filter(environment=environment_pk).delete()
    hurry(environment_pk)


def forget_calls(environment_pk: int, group: str) -> None:
    """Calls of the group's models say nothing any more: its address or its key is another."""
    Observation.objects.filter(
        environment=environment_pk, action=CALL, subject__startswith=f"{group}/"
    ).delete()


def hurry(environment_pk: int) -> None:
    """Let an environment be asked again in the background as soon as somebody can."""
    Environment.objects.filter(pk=environment_pk).update(renewal_due_at=None)


def claim_due() -> list[int]:
    """The environments that this process shall ask now; no other process gets the same ones."""
    now = timezone.now()
    next_time = now + timedelta(seconds=RENEW_AT * settings.PREFLIGHT_MAX_AGE_SECONDS)
    is_due = Q(renewal_due_at__isnull=True) | Q(renewal_due_at__lte=now)
    rows = Environment.objects.enabled().filter(is_due, kind=Environment.Kind.CLOUDBASE)
    with_keys = rows.exclude(sealed_secret_id="").exclude(sealed_secret_key="")
    due = with_keys.values_list("pk", flat=True)
    return [
        pk
        for pk in due
        if Environment.objects.filter(is_due, pk=pk).update(renewal_due_at=next_time)
    ]


def hurry_if_failed(environment_pk: int) -> None:
    """Let an environment whose last answer failed be asked again sooner."""
    failures = Observation.objects.filter(environment=environment_pk, failed_at__isnull=False)
    if failures.exclude(action=CALL).exists():
        soon = timezone.now() + AFTER_FAILURE
        Environment.objects.filter(pk=environment_pk, renewal_due_at__gt=soon).update(
            renewal_due_at=soon
        )


_NO_FAILURE: Final[dict[str, None]] = {"error": None, "failed_at": None}


def _held(environment_pk: int) -> Environment:
    """The environment, which cannot be deleted before the transaction ends."""
    environment = Environment.objects.select_for_update().filter(pk=environment_pk).first()
    if environment is None:
        raise EnvironmentGone
    return environment


def _put(
    environment_pk: int, action: str, subject: str, asked_at: datetime, **changes: Any
) -> bool:
    """Change an observation, or make it; False if it holds the answer to a later question."""
    row, _is_new = Observation.objects.get_or_create(
        environment_id=environment_pk, action=action, subject=subject[:190]
    )
    if row.answered_at is not None and row.answered_at > asked_at:
        return False
    Observation.objects.filter(pk=row.pk).update(**changes)
    return True

"""Environments are added, changed and deleted here, so that each change is written down."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from django.db import transaction
from django.db.models import Q

from admin_models import audit
from admin_models.models import Environment


@transaction.atomic
def add(actor: audit.Actor, environment: Environment) -> None:
    """Save a new environment; it is the default if there is no other."""
    environment.is_default = not Environment.objects.filter(is_default=True).exists()
    environment.save()
    _record(actor, "environment.created", environment, {}, audit.state_of(environment))


@contextmanager
def recorded(actor: audit.Actor, action: str, pk: int) -> Generator[None, None, None]:
    """Inside, which is one transaction, environment `pk` is changed: if it is another afterwards,
    that is recorded as `action`, and so is the change of the one that was the default until now."""
    touched = Environment.objects.filter(Q(pk=pk) | Q(is_default=True))
    with transaction.atomic():
        before = {row.pk: audit.state_of(row) for row in touched.select_for_update()}
        yield
        for row in Environment.objects.filter(pk__in=before):
            if (after := audit.state_of(row)) != before[row.pk]:
                _record(actor, action, row, before[row.pk], after)


@transaction.atomic
def delete(actor: audit.Actor, environment: Environment) -> None:
    """Delete an environment with everything that this site keeps of it."""
    _record(actor, "environment.deleted", environment, audit.state_of(environment), {})
    with audit.acting(actor):
        environment.delete()


def _record(
    actor: audit.Actor,
    action: str,
    environment: Environment,
    before: dict[str, Any],
    after: dict[str, Any],
) -> None:
    subject = ("environment", environment.env_id, environment.name)
    audit.record(actor, action, subject, before=before, after=after)

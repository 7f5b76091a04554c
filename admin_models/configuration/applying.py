"""Does what a plan says, in one transaction or not at all. A stored key is never touched."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from asgiref.sync import async_to_sync
from django.db import transaction
from django.db.models import Model

from admin_models import access, audit
from admin_models.group_errors import GroupBusy
from admin_models.group_lock import Lock
from admin_models.models import AIModel, Environment, ModelGroup, Team, TokenPack
from admin_models.preflight import asking

from . import checking, exporting, planning, sections
from .format import Configuration, Kind
from .planning import Plan
from .steps import TOP, Problem, Verdict
from .writing import Writer, sentence_of

_CHANGED: Final[tuple[type[Model], ...]] = (Environment, ModelGroup, AIModel, TokenPack, Team)
_SUBJECT: Final = ("configuration", "configuration", "configuration")


class NotApplied(Exception):
    """Nothing was done; `plan` is what would be done now, with the problems that it has."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan


def planned(wanted: Configuration) -> Plan:
    """What importing would do now; changes nothing. A constant number of queries."""
    now = exporting.current()
    here = exporting.here()
    return checking.checked(planning.plan(now, wanted, here), now, here)


def apply(actor: audit.Actor, wanted: Configuration, seen: str) -> Plan:
    """Do what was seen in the plan with the digest `seen`, and record it as done by `actor`.

    Raises NotApplied if the plan is another one by now, if something stands against it, or if
    somebody is changing one of its groups at this moment.
    """
    plan = _applied(actor, wanted, seen)
    for pk in _environments_of(plan):
        async_to_sync(asking.announce)(pk)
    return plan


@transaction.atomic
def _applied(actor: audit.Actor, wanted: Configuration, seen: str) -> Plan:
    _hold()
    plan = planned(wanted)
    if plan.problems or plan.digest != seen:
        raise NotApplied(plan)
    if plan.to_do:
        with _alone(plan):
            Writer(actor).write(plan)
        audit.record(actor, "configuration.imported", _SUBJECT, after=_counted(plan))
        transaction.on_commit(access.forget)
    return plan


def _hold() -> None:
    """What the plan is made from stays as it is until the transaction ends."""
    theirs = (table for section in sections.registered() for table in section.tables)
    for table in (*_CHANGED, *theirs):
        list(table._default_manager.select_for_update().order_by("pk").values_list("pk"))


@contextmanager
def _alone(plan: Plan) -> Generator[None, None, None]:
    """Hold the locks of all groups here whose models change; who has one of them is not waited
    for, as everything else would wait with us."""
    locks = []
    for environment, group in _groups_of(plan):
        locks.append(lock := Lock(environment, group))
        if not lock.take():
            problem = Problem(TOP, sentence_of(GroupBusy(group)))
            raise NotApplied(Plan(plan.steps, plan.missing, (problem,)))
    yield
    for lock in locks:
        lock.release()


def _groups_of(plan: Plan) -> list[tuple[int, str]]:
    keys = {step.key[:2] for step in plan.to_do if step.kind in (Kind.GROUP, Kind.MODEL)}
    rows = ModelGroup.objects.values_list("environment__env_id", "environment", "name")
    return sorted((pk, name) for env_id, pk, name in rows if (env_id, name) in keys)


def _environments_of(plan: Plan) -> list[int]:
    """The environments whose pages show something else now."""
    kinds = (Kind.ENVIRONMENT, Kind.PACK, Kind.GROUP, Kind.MODEL)
    names = {step.key[0] for step in plan.to_do if step.kind in kinds}
    rows = Environment.objects.values_list("env_id", "pk")
    return [pk for env_id, pk in rows if env_id in names]


def _counted(plan: Plan) -> dict[str, dict[str, int]]:
    counted = Counter((step.verdict, step.kind) for step in plan.to_do)
    return {
        name: {str(kind): number for (each, kind), number in counted.items() if each is verdict}
        for name, verdict in (("created", Verdict.CREATE), ("changed", Verdict.CHANGE))
    }

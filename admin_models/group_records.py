"""What is kept of a change of a group: the list before it, the audit log, what preflight sees."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from channels.db import database_sync_to_async
from django.db import transaction
from django.utils import timezone

from admin_models import audit, model_lists
from admin_models.group_writing import Change, Course
from admin_models.models import AIModel, Environment, ListVersion, ModelGroup
from admin_models.preflight import asking, noting
from chat.cloudbase.control_plane import AIModelEntry, AIModelGroup

NOT_KNOWN: Final = "not known"
"""`outcome` of a change whose answer is missing."""
_TOLD: Final = ("base_url", "remark", "status")
"""What is told of a group that is gone."""


async def keep(course: Course) -> int | None:
    """Write down what a change has done so far, and tell preflight and its pages.

    Returns the number of the list's version, None if the list is as it was.
    """
    environment = course.change.environment
    await asking.keep_answer(environment, course.heard, course.heard_at)
    may_be_there = course.is_written or not course.is_certain
    version_pk = await database_sync_to_async(_noted)(course) if may_be_there else None
    await asking.announce(environment.pk)
    return version_pk


async def keep_deleted(
    actor: audit.Actor,
    environment: Environment,
    groups: Sequence[AIModelGroup],
    *,
    is_certain: bool = True,
) -> None:
    """Write down that groups were deleted, or may have been, and tell the pages of preflight."""
    await database_sync_to_async(_noted_deleted)(actor, environment, groups, is_certain)
    await asking.announce(environment.pk)


def subject_of(environment: Environment, group: str, model: str = "") -> tuple[str, str, str]:
    """What a record of the audit log is about: a group, or one model of it."""
    if model:
        return "model", f"{environment.env_id}/{group}/{model}", model
    return "group", f"{environment.env_id}/{group}", group


@transaction.atomic
def _noted(course: Course) -> int | None:
    change = course.change
    _note_switched_on(course)
    if change.secret is not None and course.secret is None:
        _note_key(change)
    if change.secret is not None or change.settings.base_url is not None:
        noting.forget_calls(change.environment.pk, change.group)
    if not course.is_certain:
        noting.hurry(change.environment.pk)
    _record(course)
    return None if change.is_new or not course.difference else _version(course).pk


def _note_switched_on(course: Course) -> None:
    """A call may come too early for models that have just been switched on."""
    if course.group is None or not course.group.is_on:
        return
    was_on = course.before is not None and course.before.is_on
    new = course.difference.added if was_on else course.group.models
    AIModel.objects.filter(
        group__environment=course.change.environment,
        group__name=course.change.group,
        name__in=[entry.model for entry in new],
    ).update(switched_on_at=course.heard_at)


def _note_key(change: Change) -> None:
    actor_pk = change.actor.pk if change.actor is not None else None
    ModelGroup.objects.filter(environment=change.environment, name=change.group).update(
        key_set_at=timezone.now(), key_set_by=actor_pk
    )


def _version(course: Course) -> ListVersion:
    return ListVersion.objects.create(
        environment=course.change.environment,
        group=course.change.group,
        before=model_lists.stored(course.before.models if course.before else ()),
        after=model_lists.stored(course.after),
        made_by=audit.name_of(course.change.actor),
    )


# The audit log


def _record(course: Course) -> None:
    """Nothing, if others have already put everything back."""
    change = course.change
    asked_for = change.settings.changing(None)
    before = _state(course.before, asked_for)
    after = _state(course.group, asked_for) if course.is_certain else asked_for
    before["models"], after["models"] = _models_that_differ(course)
    if not course.is_certain:
        after["outcome"] = NOT_KNOWN
    if change.secret is not None:
        after["secret"] = audit.CHANGED if course.secret is None else NOT_KNOWN
    if before != after or change.is_new:
        about = subject_of(change.environment, change.group, change.model)
        audit.record(change.actor, _action(course), about, before=before, after=after)


def _action(course: Course) -> str:
    change = course.change
    if change.action:
        return change.action
    if change.is_new:
        return "group.created"
    is_only_the_list = not (change.secret or change.settings.changing(course.before))
    return "models.changed" if is_only_the_list else "group.updated"


def _state(group: AIModelGroup | None, names: Iterable[str]) -> dict[str, Any]:
    return {name: getattr(group, name) for name in names} if group is not None else {}


def _models_that_differ(course: Course) -> tuple[dict[str, Any], dict[str, Any]]:
    names = course.difference.names
    before = course.before.models if course.before else ()
    return _told(before, names), _told(course.after, names)


def _told(entries: Sequence[AIModelEntry], names: frozenset[str]) -> dict[str, Any]:
    return {
        entry.model: model_lists.settings_of(entry) for entry in entries if entry.model in names
    }


@transaction.atomic
def _noted_deleted(
    actor: audit.Actor,
    environment: Environment,
    groups: Sequence[AIModelGroup],
    is_certain: bool,
) -> None:
    names = [group.group_name for group in groups]
    if is_certain:
        ListVersion.objects.filter(environment=environment, group__in=names).delete()
    for group in groups:
        noting.forget_calls(environment.pk, group.group_name)
        listed = frozenset(entry.model for entry in group.models)
        audit.record(
            actor,
            "group.deleted",
            subject_of(environment, group.group_name),
            before=_state(group, _TOLD) | {"models": _told(group.models, listed)},
            after={} if is_certain else {"outcome": NOT_KNOWN},
        )

"""Deletes custom groups, and looks whether they are gone."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack

from django.conf import settings
from django.utils import timezone

from admin_models import (
    audit,
    control_plane,
    group_errors,
    group_lock,
    group_records,
    group_writing,
)
from admin_models.audit import Actor
from admin_models.models import Environment
from admin_models.preflight import asking
from chat.cloudbase import errors
from chat.cloudbase.control_plane import AIModelGroup, Answered, ControlPlane


async def carry_out(actor: Actor, environment: Environment, names: Sequence[str]) -> None:
    """Delete the groups of these names, which are in order, as `group_changes.delete` promises."""
    plane = control_plane.of(environment)
    async with AsyncExitStack() as locks:
        for name in names:
            await locks.enter_async_context(group_lock.held(environment.pk, name))
        heard = await group_writing.read(plane)
        groups = [_deletable(heard, name) for name in names]
        with audit.acting(actor):
            trouble = await _deleted(plane, names)
        await _see_them_gone(actor, environment, plane, groups, trouble)


def _deletable(heard: Answered[tuple[AIModelGroup, ...]], name: str) -> AIModelGroup:
    group = group_writing.named(heard, name)
    if group is None:
        raise group_errors.NoSuchGroup(name)
    if (group.origin_type or group.type) == "builtin":
        raise group_errors.GroupNotCustom(name, group)
    return group


async def _deleted(plane: ControlPlane, names: Sequence[str]) -> errors.CloudBaseError | None:
    """Why nobody knows whether the groups were deleted; None if the service says so."""
    try:
        await group_writing.within(
            settings.GROUP_CHANGE_TIMEOUT_SECONDS, plane.delete_ai_model(names)
        )
    except errors.CloudBaseError as error:
        if not group_writing.is_unclear(error):
            raise
        return error
    return None


async def _see_them_gone(
    actor: Actor,
    environment: Environment,
    plane: ControlPlane,
    groups: Sequence[AIModelGroup],
    trouble: errors.CloudBaseError | None,
) -> None:
    asked_at = timezone.now()
    try:
        heard = await group_writing.read(plane)
    except errors.CloudBaseError:
        await group_records.keep_deleted(actor, environment, groups, is_certain=False)
        kind = group_errors.ChangeNotKnown if trouble else group_errors.ChangeNotVerified
        raise kind(_named(groups)) from None
    await asking.keep_answer(environment, heard, asked_at)
    left = [group for group in groups if group_writing.named(heard, group.group_name)]
    await group_records.keep_deleted(actor, environment, [g for g in groups if g not in left])
    if left:
        raise _why_left(groups, left, trouble)


def _why_left(
    groups: Sequence[AIModelGroup],
    left: Sequence[AIModelGroup],
    trouble: errors.CloudBaseError | None,
) -> errors.CloudBaseError:
    if trouble is None:
        return group_errors.ChangeNotKept(_named(left))
    if len(left) < len(groups):
        return group_errors.ChangedOtherwise(_named(groups))
    if isinstance(trouble, errors.TransportError):
        return group_errors.NothingChanged(_named(left))
    return trouble


def _named(groups: Sequence[AIModelGroup]) -> str:
    return ", ".join(group.group_name for group in groups)

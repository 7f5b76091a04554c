"""Changes the groups of an environment, of whichever kind, without losing what others changed.

Changes of one group wait for each other, in every process. Each reads the group, merges, writes
and reads back; each keeps the list before it, so that it can be taken back, and a record in the
audit log. A change that has begun goes on when whoever asked for it has left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from django.conf import settings
from django.utils import timezone

from admin_models import (
    connections,
    control_plane,
    group_deletion,
    group_errors,
    group_lock,
    group_records,
    group_writing,
    model_lists,
)
from admin_models.audit import Actor
from admin_models.group_writing import Change, Settings
from admin_models.model_lists import Difference, Entries
from admin_models.models import Environment, ListVersion
from chat.cloudbase import group_names
from chat.cloudbase.control_plane import (
    ON,
    AIModelEntry,
    AIModelGroup,
    GroupSecret,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a change ended: the group as it is now, what became of its list, and the number of the
    version that `undo` takes; None if the list is as it was."""

    current: AIModelGroup
    difference: Difference
    version_pk: int | None


async def create(
    actor: Actor,
    environment_pk: int,
    name: str,
    *,
    base_url: str,
    models: Sequence[AIModelEntry],
    remark: str = "",
    status: int = ON,
    secret: GroupSecret | None,
) -> Outcome:
    """Register a custom group.

    Raises IllegalGroupName, GroupNotCustom, GroupExists, a GroupChangeFailed, and what the control
    plane says.
    """
    group_names.check(name)
    if not group_names.is_custom(name):
        raise group_errors.GroupNotCustom(name)
    listed = tuple(model_lists.by_name(models).values())
    change = Change(
        actor,
        await Environment.objects.aget(pk=environment_pk),
        name,
        wish=partial(_merged, (), listed),
        settings=Settings(base_url=base_url, remark=remark, status=status),
        secret=secret,
        is_new=True,
    )
    return await carry_out(change)


async def update(
    actor: Actor,
    environment_pk: int,
    name: str,
    *,
    seen: Entries | None = None,
    wanted: Entries | None = None,
    base_url: str | None = None,
    remark: str | None = None,
    status: int | None = None,
    secret: GroupSecret | None = None,
) -> Outcome:
    """Change a group; what is None stays as it is.

    `wanted` is its new list and `seen` the one it was made from, which is the present one if it is
    not given. What others changed since is kept. Models that are added to the managed group have
    to be in its catalogue. Raises ListConflict where others changed the same models differently,
    another GroupChangeFailed (an AnswerMissing where the service gave no answer), and what the
    control plane says.
    """
    change = Change(
        actor,
        await Environment.objects.aget(pk=environment_pk),
        name,
        settings=Settings(base_url=base_url, remark=remark, status=status),
        secret=secret,
    )
    if wanted is None:
        return await carry_out(change)
    base = await _present(change) if seen is None else seen
    if name == group_names.MANAGED:
        await _check_catalogue(change, model_lists.difference(base, wanted))
    return await carry_out(replace(change, wish=partial(_merged, tuple(base), tuple(wanted))))


async def undo(actor: Actor, version_pk: int) -> Outcome:
    """Take back what a change did to a list, and nothing that was done since.

    Is itself a change that can be undone. Raises AlreadyUndone, and what `update` raises.
    """
    return await _to_the_end(_undo(actor, version_pk))


async def delete(actor: Actor, environment_pk: int, names: Sequence[str]) -> None:
    """Delete custom groups, all or none.

    Raises NoSuchGroup, GroupNotCustom, another GroupChangeFailed, and what the control plane says.
    """
    environment = await Environment.objects.aget(pk=environment_pk)
    await _to_the_end(group_deletion.carry_out(actor, environment, sorted(set(names))))


async def carry_out(change: Change) -> Outcome:
    """Make a change, as `update` promises; `wish` may be of any kind."""
    return await _to_the_end(_carry_out(change))


async def _carry_out(change: Change) -> Outcome:
    plane = control_plane.of(change.environment)
    async with group_lock.held(change.environment.pk, change.group) as lock:
        course = await group_writing.begun(change, plane, lock)
        try:
            await course.finish()
        except BaseException:  # also one that ends the process: what was written is written down
            await group_records.keep(course)
            raise
        version_pk = await group_records.keep(course)
    if course.group is None:
        raise group_errors.NoSuchGroup(change.group)
    return Outcome(course.group, course.difference, version_pk)


async def _undo(actor: Actor, version_pk: int) -> Outcome:
    version = await ListVersion.objects.select_related("environment").aget(pk=version_pk)
    if version.undone_at is not None:
        raise group_errors.AlreadyUndone(version.group)
    after, before = model_lists.read(version.after), model_lists.read(version.before)
    wish = partial(_merged, after, before)
    outcome = await _carry_out(
        Change(actor, version.environment, version.group, wish=wish, action="models.undone")
    )
    await ListVersion.objects.filter(pk=version_pk).aupdate(undone_at=timezone.now())
    return outcome


async def _to_the_end(work: Coroutine[Any, Any, T]) -> T:
    """Finish `work` even if who waits for it is cancelled, for example by a browser that leaves."""
    if not connections.are_open_here():
        return await work
    return await asyncio.shield(connections.in_background(work, "change of a group"))


def _merged(seen: Entries, wanted: Entries, current: Entries) -> tuple[AIModelEntry, ...]:
    return model_lists.merged(seen, current, wanted)


async def _present(change: Change) -> Entries:
    heard = await group_writing.read(control_plane.of(change.environment))
    group = group_writing.named(heard, change.group)
    if group is None:
        raise group_errors.NoSuchGroup(change.group)
    return group.models


async def _check_catalogue(change: Change, intended: Difference) -> None:
    if not intended.added:
        return
    plane = control_plane.of(change.environment)
    asked = plane.describe_managed_ai_model_list()
    heard = await group_writing.within(settings.PREFLIGHT_TIMEOUT_SECONDS, asked)
    offered = {m.model for g in heard.value if g.group_name == change.group for m in g.models}
    for entry in intended.added:
        if entry.model not in offered:
            raise group_errors.ModelNotInCatalogue(change.group, model=entry.model)

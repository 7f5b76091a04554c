"""Changes one group at its control plane: reads it, merges, writes, and reads it back.

The service takes a list as a whole and knows no condition on a write. So what somebody outside
writes after our reading and before our writing nobody can see; both follow each other at once. What
they write between our writing and our reading back is seen, and merged in another write.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, TypeVar

from channels.db import database_sync_to_async
from django.conf import settings
from django.utils import timezone

from admin_models import group_errors, model_lists
from admin_models.audit import Actor
from admin_models.group_lock import Lock
from admin_models.model_lists import Difference, Entries
from admin_models.models import Environment
from chat.cloudbase import errors
from chat.cloudbase.control_plane import (
    AIModelEntry,
    AIModelGroup,
    Answered,
    ControlPlane,
    GroupSecret,
)

ATTEMPTS: Final = 5
"""How often a change is written that others overwrite at the same moment."""
_BETWEEN_ATTEMPTS: Final = 0.05
"""Seconds before the second attempt; before each further one that much more."""

T = TypeVar("T")
Wish = Callable[[Entries], tuple[AIModelEntry, ...]]
"""From the list as it is to the list as it is to become; may raise model_lists.Conflict. Asked
again of its own result it wants nothing more."""


def as_it_is(listed: Entries) -> tuple[AIModelEntry, ...]:
    """The wish of who wants no other models."""
    return tuple(listed)


@dataclass(frozen=True, slots=True)
class Settings:
    """What of a group is to be other than its list; None is as it is."""

    base_url: str | None = None
    remark: str | None = None
    status: int | None = None

    def changing(self, group: AIModelGroup | None) -> dict[str, Any]:
        """Those that `group` does not have yet; a slash at the end makes no other address."""
        wanted = {"base_url": self.base_url, "remark": self.remark, "status": self.status}
        return {
            name: value
            for name, value in wanted.items()
            if value is not None and (group is None or not _says(group, name, value))
        }


@dataclass(frozen=True, slots=True)
class Change:
    """What somebody wants of one group. `action` and `model` are for the audit log; without an
    action it follows from what was changed."""

    actor: Actor
    environment: Environment
    group: str
    wish: Wish = as_it_is
    settings: Settings = Settings()
    secret: GroupSecret | None = None
    is_new: bool = False
    action: str = ""
    model: str = ""


@dataclass(slots=True)
class Course:
    """How a change goes. `group` is what was read last, `before` what was read first, None if there
    was none; `target` is the list that `before` was to become."""

    change: Change
    plane: ControlPlane
    lock: Lock
    before: AIModelGroup | None
    target: tuple[AIModelEntry, ...]
    group: AIModelGroup | None
    heard: Answered[tuple[AIModelGroup, ...]]
    heard_at: datetime
    is_written: bool = False
    """Whether the service took it, or part of it is there."""
    is_certain: bool = True
    """False from a writing until it is known what became of it."""
    secret: GroupSecret | None = field(default=None, repr=False)
    """What is still to be sent."""

    async def finish(self) -> None:
        """Write until what is read says that nothing is left to do."""
        for attempt in range(ATTEMPTS):
            if not self._is_anything_left():
                return
            await asyncio.sleep(attempt * _BETWEEN_ATTEMPTS)
            await self._write()
        if self._is_anything_left():
            raise group_errors.ChangeNotKept(self.change.group, self.group)

    @property
    def after(self) -> tuple[AIModelEntry, ...]:
        """The list before, with what became of the models that the change is about."""
        if self.group is None or not self.is_certain:
            return self.target
        before = self.before.models if self.before else ()
        old, now = model_lists.by_name(before), model_lists.by_name(self.group.models)
        about = model_lists.difference(before, self.target).names
        names = dict.fromkeys(entry.model for entry in (*before, *self.target))
        found = ((now if name in about else old).get(name) for name in names)
        return tuple(entry for entry in found if entry is not None)

    @property
    def difference(self) -> Difference:
        """What the change did to the list."""
        return model_lists.difference(self.before.models if self.before else (), self.after)

    def _is_anything_left(self) -> bool:
        if self.group is None and not self.change.is_new:
            raise group_errors.NoSuchGroup(self.change.group)
        return self.secret is not None or self._is_anything_visible_left()

    def _is_anything_visible_left(self) -> bool:
        return self.group is None or bool(
            self.change.settings.changing(self.group)
            or model_lists.difference(self.group.models, self._wanted())
        )

    def _wanted(self) -> tuple[AIModelEntry, ...]:
        """What the list is to be now. After a first write there is no asking back any more: what
        is in conflict with it then came at the same moment, or is what the service made of it."""
        try:
            return wanted(self.change, self.group)
        except group_errors.ListConflict:
            if self.is_written:
                raise group_errors.ChangeNotKept(self.change.group, self.group) from None
            raise

    async def _write(self) -> None:
        """Write what is left, and read it back."""
        if not await database_sync_to_async(self.lock.extend)():
            raise group_errors.GroupBusy(self.change.group, self.group)
        self.is_certain = False
        try:
            await within(settings.GROUP_CHANGE_TIMEOUT_SECONDS, self._sent())
        except errors.CloudBaseError as error:
            if not is_unclear(error):
                self.is_certain = True
                raise
            await self._look_what_became_of_it(error)
        else:
            self.is_written, self.secret = True, None
            await self._read_back(group_errors.ChangeNotVerified)

    def _sent(self) -> Awaitable[Answered[int | None]]:
        """Only what is to become other, so that nothing else can be overwritten."""
        entries = self._wanted()
        now = self.group.models if self.group else ()
        members: dict[str, Any] = self.change.settings.changing(self.group)
        if model_lists.difference(now, entries):
            members["models"] = entries
        write = self.plane.update_ai_model if self.group else self.plane.create_ai_model
        return write(self.change.group, secret=self.secret, **members)

    async def _look_what_became_of_it(self, error: errors.CloudBaseError) -> None:
        """After no clear answer: go on if the change is there, else say what is."""
        was, is_only_a_key = self.group, not self._is_anything_visible_left()
        await self._read_back(group_errors.ChangeNotKnown)
        if is_only_a_key:
            self.is_certain = False
            raise group_errors.KeyNotKnown(self.change.group, self.group) from None
        if not _is_same(was, self.group):
            self._go_on_if_it_is_there()
        elif isinstance(error, errors.TransportError):
            raise group_errors.NothingChanged(self.change.group, self.group) from None
        else:
            raise error

    def _go_on_if_it_is_there(self) -> None:
        self.is_written = True
        try:
            is_there = not self._is_anything_visible_left()
        except group_errors.ChangeNotKept:
            is_there = False
        if not is_there:
            raise group_errors.ChangedOtherwise(self.change.group, self.group)
        self.secret = None  # one action does all or nothing

    async def _read_back(self, doubt: type[group_errors.AnswerMissing]) -> None:
        """Read the group again; raises `doubt` if that is not possible."""
        asked_at = timezone.now()
        try:
            heard = await read(self.plane)
        except errors.CloudBaseError:
            raise doubt(self.change.group) from None
        self.heard, self.heard_at, self.is_certain = heard, asked_at, True
        self.group = named(heard, self.change.group)


async def begun(change: Change, plane: ControlPlane, lock: Lock) -> Course:
    """Read the group that is to be changed.

    Raises NoSuchGroup, GroupExists for a new one that is there, ListConflict, and what reading
    raises.
    """
    asked_at = timezone.now()
    heard = await read(plane)
    group = named(heard, change.group)
    if change.is_new and group is not None:
        raise errors.GroupExists
    if group is None and not change.is_new:
        raise group_errors.NoSuchGroup(change.group)
    target = wanted(change, group)
    return Course(change, plane, lock, group, target, group, heard, asked_at, secret=change.secret)


def wanted(change: Change, group: AIModelGroup | None) -> tuple[AIModelEntry, ...]:
    """The list that a group is to have after the change. Raises ListConflict."""
    try:
        return change.wish(group.models if group else ())
    except model_lists.Conflict as conflict:
        now = group or AIModelGroup(change.group)
        raise group_errors.ListConflict(change.group, now, conflict) from None


# Asking


async def read(plane: ControlPlane) -> Answered[tuple[AIModelGroup, ...]]:
    """Every group of the environment. Raises CloudBaseError."""
    return await within(settings.PREFLIGHT_TIMEOUT_SECONDS, plane.describe_ai_models())


async def within(seconds: float, asking: Awaitable[T]) -> T:
    """What is answered within so many seconds. Raises ProviderTimedOut, and what asking raises."""
    try:
        async with asyncio.timeout(seconds):
            return await asking
    except TimeoutError:
        raise errors.ProviderTimedOut from None


def named(heard: Answered[tuple[AIModelGroup, ...]], name: str) -> AIModelGroup | None:
    """The group of that name."""
    return next((group for group in heard.value if group.group_name == name), None)


def is_unclear(error: errors.CloudBaseError) -> bool:
    """Whether a change that failed so may have been made all the same: it was sent, and nothing
    that came back says that it was refused."""
    if isinstance(error, errors.TransportError):
        never_sent = (errors.ProviderUnreachable, errors.ProviderNotTrusted)
        return not isinstance(error, never_sent)
    if isinstance(error, errors.ControlPlaneBusy):
        return False
    return isinstance(error, errors.ControlPlaneFailed | errors.ControlPlaneSpokeGarbage)


def _is_same(one: AIModelGroup | None, other: AIModelGroup | None) -> bool:
    """Whether two readings say the same, but for the time of the last change."""
    if one is None or other is None:
        return one is other
    return replace(one, update_time="") == replace(other, update_time="")


def _says(group: AIModelGroup, name: str, value: str | int) -> bool:
    now = getattr(group, name)
    if name == "base_url":
        return bool(str(now).strip().rstrip("/") == str(value).strip().rstrip("/"))
    return bool(now == value)

"""One change of a group at a time, in any process: a row in the database is the lock.

Who crashes while holding it keeps nobody for longer than `lifetime`.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from channels.db import database_sync_to_async
from django.conf import settings
from django.utils import timezone

from admin_models.group_errors import GroupBusy
from admin_models.models import ListLock

WAIT_AT_MOST: Final = 30.0
"""Seconds after which who waits for others is told so."""
_FIRST_LOOK: Final = 0.01
_SLOWEST_LOOK: Final = 0.25
"""Seconds between two looks whether the lock is free."""
_RESERVE: Final = 30.0
"""Seconds for all that is neither asking nor writing."""


def lifetime() -> timedelta:
    """How long the lock is held without being extended: as long as one write may take, one
    reading, and a reserve."""
    takes = settings.GROUP_CHANGE_TIMEOUT_SECONDS + settings.PREFLIGHT_TIMEOUT_SECONDS
    return timedelta(seconds=takes + _RESERVE)


@dataclass(frozen=True, slots=True)
class Lock:
    """The right to change one group."""

    environment_pk: int
    group: str
    holder: str = field(default_factory=lambda: uuid.uuid4().hex)

    def take(self) -> bool:
        """Take it if it is free, or if its holder's time is over; False if somebody has it."""
        now = timezone.now()
        rows = ListLock.objects.filter(environment=self.environment_pk, group=self.group)
        if rows.filter(until__gte=now).exists():
            return False
        until = now + lifetime()
        mine = ListLock(
            environment_id=self.environment_pk, group=self.group, holder=self.holder, until=until
        )
        if rows.filter(until__lt=now).update(holder=self.holder, until=until):
            return True
        ListLock.objects.bulk_create([mine], ignore_conflicts=True)
        return rows.filter(holder=self.holder).exists()

    def extend(self) -> bool:
        """Hold it anew for its whole lifetime; False if it was lost to somebody else."""
        mine = ListLock.objects.filter(holder=self.holder)
        return bool(mine.update(until=timezone.now() + lifetime()))

    def release(self) -> None:
        """Give it back; one that was lost is left alone."""
        ListLock.objects.filter(holder=self.holder).delete()


@asynccontextmanager
async def held(
    environment_pk: int, group: str, *, wait: float = WAIT_AT_MOST
) -> AsyncGenerator[Lock, None]:
    """Wait until nobody else changes the group, for `wait` seconds at the most; then GroupBusy."""
    lock = Lock(environment_pk, group)
    try:
        await _taken(lock, wait)
        yield lock
    finally:
        await database_sync_to_async(lock.release)()


async def _taken(lock: Lock, wait: float) -> None:
    give_up_at, pause = time.monotonic() + wait, _FIRST_LOOK
    while not await database_sync_to_async(lock.take)():
        if time.monotonic() + pause > give_up_at:
            raise GroupBusy(lock.group)
        await asyncio.sleep(pause)
        pause = min(2 * pause, _SLOWEST_LOOK)

"""Whether this process can serve: a few quick looks at what it needs.

All looks are taken at once, each with a time limit of its own, and what they saw is kept for a
second: probes cost nothing, however many ask.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from typing import Final

from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from django.conf import settings
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from admin_models import crypto

logger = logging.getLogger(__name__)

KEPT: Final = 1.0
"""Seconds for which an outcome is told again."""
PATIENCE: Final = 2.0
"""Seconds that one look may take."""


class NotReady(Exception):
    """What a look found in the way; its words are for operators, and hold no secret."""


Look = Callable[[], Awaitable[None]]


class Readiness:
    """Takes looks, and remembers for a moment what they saw."""

    def __init__(self, looks: Mapping[str, Look], *, patience: float = PATIENCE) -> None:
        """`looks` by name, each raising what is in the way; one may take `patience` seconds."""
        self._looks = looks
        self._patience = patience
        self._running: dict[str, asyncio.Task[None]] = {}
        self._round: asyncio.Future[Mapping[str, str]] | None = None
        self._failing: Mapping[str, str] = {}
        self._until = 0.0
        self._is_draining = False

    def drain(self) -> None:
        """From now on this process is not ready: it is about to end."""
        self._is_draining = True

    def stay(self) -> None:
        """Take `drain` back; for a process that starts anew."""
        self._is_draining = False
        self._round = None

    async def failing(self) -> Mapping[str, str]:
        """What is in the way, by the name of the look; empty if this process is ready."""
        if self._is_draining:
            return {"draining": "this process was told to end"}
        if self._round is None or (self._round.done() and time.monotonic() >= self._until):
            self._round = asyncio.ensure_future(self._look())
        return await asyncio.shield(self._round)

    async def _look(self) -> Mapping[str, str]:
        names = list(self._looks)
        found = await asyncio.gather(*(self._outcome(name) for name in names))
        failing = {name: said for name, said in zip(names, found, strict=True) if said}
        self._log_change(failing)
        self._until = time.monotonic() + KEPT
        return failing

    def _log_change(self, failing: Mapping[str, str]) -> None:
        if failing.keys() != self._failing.keys():
            state = f"not ready: {dict(failing)}" if failing else "ready again"
            logger.warning("this process is %s", state)
        self._failing = failing

    async def _outcome(self, name: str) -> str:
        """What look `name` found in the way. One that hangs is not taken a second time."""
        task = self._running.get(name)
        if task is None:
            task = self._running[name] = asyncio.ensure_future(self._looks[name]())
            task.add_done_callback(lambda _task: self._running.pop(name))
        done, _pending = await asyncio.wait([task], timeout=self._patience)
        if not done:
            return f"no answer within {self._patience:g} s"
        error = task.exception()
        if error is None:
            return ""
        return str(error) if isinstance(error, NotReady) else type(error).__name__


async def database() -> None:
    """The database answers."""
    await database_sync_to_async(_ask_database, thread_sensitive=False)()


async def migrations() -> None:
    """Every step that this version's code needs has been taken."""
    missing = await database_sync_to_async(_missing_migrations, thread_sensitive=False)()
    if missing:
        raise NotReady(f"not applied: {', '.join(missing)}")


async def channel_layer() -> None:
    """What is sent to a channel arrives."""
    layer = get_channel_layer()
    if layer is None:
        raise NotReady("there is none")
    channel = await layer.new_channel()
    sent = {"type": "readiness", "at": str(time.monotonic_ns())}
    await layer.send(channel, sent)
    if await layer.receive(channel) != sent:
        raise NotReady("another message came back")


async def sealing_keys() -> None:
    """What is sealed can be read."""
    if settings.SEALING_KEY_FILE is not None:
        await asyncio.to_thread(settings.SEALING_KEY_FILE.check)
    await asyncio.to_thread(crypto.check)


async def disk() -> None:
    """There is room for what will be written."""
    usage = await asyncio.to_thread(shutil.disk_usage, settings.DATA_DIR)
    free = usage.free // (1024 * 1024)
    if free < settings.MIN_FREE_MB:
        raise NotReady(f"{free} MB free, fewer than {settings.MIN_FREE_MB}")


LOOKS: Final[Mapping[str, Look]] = {
    "database": database,
    "migrations": migrations,
    "channel_layer": channel_layer,
    "sealing_keys": sealing_keys,
    "disk": disk,
}

of_this_process: Final = Readiness(LOOKS)


def _ask_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _missing_migrations() -> list[str]:
    applied = MigrationRecorder(connection).applied_migrations()
    return [f"{app}.{name}" for app, name in _newest_migrations() if (app, name) not in applied]


@cache
def _newest_migrations() -> list[tuple[str, str]]:
    """The last step of each app, in this version of the code."""
    return sorted(MigrationLoader(None).graph.leaf_nodes())

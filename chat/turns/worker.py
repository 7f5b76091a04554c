"""This process as a writer of answers: its row, its heartbeat, its ear, and the reaper."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

from channels.db import database_sync_to_async
from django.conf import settings
from django.db import connection
from django.utils import timezone

from admin_models import endings
from chat.models import Worker
from chat.turns import log, owner, reaper

logger = logging.getLogger(__name__)

REAP_INTERVAL = 5.0
"""Seconds between two looks for orphans."""

PAUSE_AFTER_FAILURE = 1.0
"""Seconds; a service that is away is not asked in a tight loop."""


@asynccontextmanager
async def working() -> AsyncGenerator[None, None]:
    """Answers can be written inside; leaving lets them finish for a grace period."""
    channel = await owner.layer().new_channel()
    worker = await Worker.objects.acreate(channel=channel, heartbeat_at=timezone.now())
    owner.open_for_work(worker.pk, channel)
    chores = [
        asyncio.create_task(
            _forever(partial(_beat, worker), log.INTERVAL), name="heartbeat and log"
        ),
        asyncio.create_task(_forever(_reap, REAP_INTERVAL), name="reaper"),
        asyncio.create_task(_forever(owner.listen, 0), name="requests of other processes"),
    ]
    try:
        yield
    finally:
        await owner.interrupt_all(settings.SHUTDOWN_GRACE_SECONDS)
        await endings.ended(chores)
        await Worker.objects.filter(pk=worker.pk).adelete()
        owner.closed()
        await database_sync_to_async(_let_go_of_connection)()


def _hold_connection() -> None:
    """Keep open the connection of the one thread that works for sockets and turns.

    Else it would be closed and opened again around each of their calls, which costs more than most
    queries, and makes SQLite fold its log into the database each time.
    """
    connection.ensure_connection()
    connection.close_at = None


def _let_go_of_connection() -> None:
    connection.close()


async def _forever(chore: Callable[[], Awaitable[None]], interval: float) -> None:
    while True:
        try:
            await chore()
        except Exception:  # the edge of a task: a chore that fails once is tried again
            logger.exception("a chore of the worker failed; it is tried again")
            await asyncio.sleep(PAUSE_AFTER_FAILURE)
        await asyncio.sleep(interval)


async def _beat(worker: Worker) -> None:
    await database_sync_to_async(_hold_connection)()  # again, after the database was away
    await owner.log().write(worker)


async def _reap() -> None:
    reaped = await database_sync_to_async(reaper.reap)(
        owner.worker_pk(), owner.in_flight(), owner.log().is_steady
    )
    for message in reaped:
        if message.question_id is not None:
            await owner.tell_conversation(message.conversation_id, message.question_id, message.pk)

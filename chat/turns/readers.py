"""One reader of an answer: pull what is new, send it, keep the pace, repeat.

Nothing queues and nothing is dropped: a slow reader simply finds more when it asks again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from chat.turns.reply import Cursor, Reply

PACE = 0.04
"""Least seconds between two frames. Upstream is read every 50 ms, so this rarely makes one wait."""

Send = Callable[[str], Awaitable[None]]


async def follow(reply: Reply, send: Send, cursor: Cursor | None) -> None:
    """Send a page at `cursor` (None: it may hold anything) everything up to the end of `reply`.

    Returns when the answer rests; `send` may wait for as long as its socket needs.
    """
    if (task := asyncio.current_task()) is not None:
        reply.readers.add(task)
        task.add_done_callback(reply.readers.discard)
    rests_until = 0.0
    while True:
        frames, cursor = reply.step_from(cursor)
        if frames:
            rests_until = time.monotonic() + PACE
        for frame in frames:
            await send(frame)
        if reply.is_at_rest and cursor.version == reply.version:
            return
        await reply.newer_than(cursor.version)
        wait = rests_until - time.monotonic()
        if wait > 0 and not reply.is_at_rest:
            await asyncio.sleep(wait)

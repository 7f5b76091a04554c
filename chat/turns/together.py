"""Work for the database that comes in bursts, done together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextvars import Context
from typing import Generic, TypeVar

from channels.db import database_sync_to_async

Item = TypeVar("Item")


class Together(Generic[Item]):
    """Writes items down: those that come while others are being written share the next visit to
    the database, so that a busy process spends less on each, and a quiet one waits for nothing."""

    def __init__(self, write: Callable[[Sequence[Item]], None], context: Context) -> None:
        """`write` runs in the database's thread and leaves in each item what became of it; what
        it raises, everyone gets whose item was among them. `context` is that of the process, as
        the work of one is the work of all."""
        self._write = write
        self._context = context
        self._waiting: list[tuple[Item, asyncio.Future[None]]] = []
        self._writer: asyncio.Task[None] | None = None

    async def write(self, item: Item) -> None:
        """Return when `item` is written. It is, also if nobody waits for it any more."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, done))
        if self._writer is None:
            context = self._context.copy()  # asgiref marks in it which task uses the thread
            self._writer = asyncio.create_task(self._write_all(), context=context)
        await done

    async def _write_all(self) -> None:
        write = database_sync_to_async(self._write)
        while self._waiting:
            batch, self._waiting = self._waiting, []
            error: BaseException | None = None
            try:
                await write([item for item, _done in batch])
            except Exception as caught:  # those who wait handle it
                error = caught
            for _item, done in batch:
                _answer(done, error)
        self._writer = None


def _answer(done: asyncio.Future[None], error: BaseException | None) -> None:
    if done.done():  # whoever waited is gone
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)

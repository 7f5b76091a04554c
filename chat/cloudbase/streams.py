"""A stream that several may read: recorded as it comes, closed when nobody wants the rest."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Generic, TypeVar

from chat.cloudbase.errors import StreamLeft

T = TypeVar("T")


class Recording(Generic[T]):
    """A source that is read once and can be watched by several readers, each of the whole.

    Readers come one after the other or at once. The source is asked for more only while a reader
    wants it. When the last reader leaves before the end (`break`, `aclose`, cancellation), the
    source is closed, and with it the connection it reads; later readers get what was recorded,
    then `StreamLeft`.
    """

    def __init__(
        self, source: AsyncGenerator[T, None], is_last: Callable[[T], bool] = lambda _: False
    ) -> None:
        """Record `source`, which belongs to the recording from now on.

        It need not be asked again after an item that `is_last`: whoever leaves there, as many do
        at "[DONE]", has read to the end.
        """
        self.failure: Exception | None = None
        """What ended the source too early; every reader raises it after what was recorded."""
        self._source = source
        self._is_last = is_last
        self._items: list[T] = []
        self._is_over = False
        self._readers = 0
        self._pull: asyncio.Task[None] | None = None

    async def read(self) -> AsyncGenerator[T, None]:
        """Yield everything from the beginning; raises what ended the source too early."""
        self._readers += 1
        position = 0
        try:
            while position < len(self._items) or await self._has_more(position):
                yield self._items[position]
                position += 1
        finally:
            self._readers -= 1
            if not self._readers:
                await self.aclose()

    async def finish(self) -> None:
        """Read to the end; raises what ended the source too early."""
        async for _ in self.read():
            pass

    async def aclose(self, failure: Exception | None = None) -> None:
        """Close the source; readers get what was recorded, then `failure` or else `StreamLeft`.

        Harmless when the source has ended already; but a `failure` given is told even then.
        """
        if self._is_over:
            self.failure = self.failure or failure
            return
        self._end(failure or StreamLeft())
        pull = self._pull
        if pull is not None:
            pull.cancel()
        if pull is asyncio.current_task():
            return  # the source itself closes the recording: it ends at its next await
        try:
            if pull is not None:
                await asyncio.wait([pull])
        finally:
            await self._source.aclose()

    async def _has_more(self, position: int) -> bool:
        while position >= len(self._items) and not self._is_over:
            if self._pull is None:
                self._pull = asyncio.create_task(self._record_one())
            # Not awaited directly: a reader who is cancelled must not take the source along.
            await asyncio.wait([self._pull])
        if position < len(self._items):
            return True
        if self.failure is not None:
            raise self.failure
        return False

    async def _record_one(self) -> None:
        try:
            item = await anext(self._source)
            self._items.append(item)
            if self._is_last(item):
                self._end(None)
                await self._source.aclose()
        except StopAsyncIteration:
            self._end(None)
        except asyncio.CancelledError:
            self._end(StreamLeft())
            raise
        except Exception as error:  # whatever it was, the readers raise it
            self._end(error)
        finally:
            self._pull = None

    def _end(self, failure: Exception | None) -> None:
        if not self._is_over:
            self._is_over = True
            self.failure = failure

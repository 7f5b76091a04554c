"""What `generate_text` and `stream_text` hand back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self

from httpx_sse import ServerSentEvent

from chat.cloudbase import errors
from chat.cloudbase.data_chunks import DataChunk, data_chunk_from
from chat.cloudbase.events import StreamEvent, TextDelta, Usage
from chat.cloudbase.framing import EventDecoder, payloads
from chat.cloudbase.messages import ChatMessage
from chat.cloudbase.streams import Recording
from chat.cloudbase.tool_loop import Callbacks, ToolLoop

logger = logging.getLogger(__name__)

_DONE: Final = "[DONE]"
_TALKING: Final[set[asyncio.Task[None]]] = set()
"""The loop holds tasks weakly; these go on when the caller keeps nothing but its callbacks."""


@dataclass(frozen=True, slots=True)
class GenerateTextResult:
    """What `generate_text` gives (CloudBase JS SDK, generateText)."""

    text: str
    """Of the last answer; "" if it had none."""
    messages: list[ChatMessage]
    """A new list: those of the call, and everything that was said since."""
    usage: Usage
    """The tokens of all requests."""
    raw_responses: list[dict[str, Any]] = field(repr=False)
    """The body of every answer, in order, unknown members included."""
    error: errors.CloudBaseError | None = None
    """What ended the call after its first answer; the rest is as far as it came."""


@dataclass(frozen=True, slots=True)
class StreamRead:
    """What one read of a stream brought: its events as they were sent, and as we understand them.

    `is_last` is the read after which nothing follows.
    """

    frames: list[bytes] = field(repr=False)
    events: list[StreamEvent] = field(repr=False)
    is_last: bool = False


@dataclass(frozen=True, slots=True)
class TextCallbacks:
    """What the caller wants to be told while an answer comes, sync or async; any may be None."""

    on_text: Callable[[str], Awaitable[object] | object] | None = None
    on_event: Callable[[ServerSentEvent], Awaitable[object] | object] | None = None
    on_finish: Callable[[str], Awaitable[object] | object] | None = None

    def __bool__(self) -> bool:
        """Whether there is any."""
        return any((self.on_text, self.on_event, self.on_finish))


class StreamTextResult:
    """What `stream_text` gives (CloudBase JS SDK, StreamTextResult; WeChat mini program).

    Each of the streams can be read from its beginning, more than once, one after the other or
    at once; the service is read only as fast as somebody reads here. Steps follow one another.
    Leaving the last reader early, or the `async with`, closes the connection, so that the model
    stops; whoever reads later gets what had come, then `StreamLeft`.

    A failure is raised by every reader when it gets there, and stays in `error`. What a callback
    raises ends the call, and is raised unchanged by whoever reads or awaits.
    """

    def __init__(
        self,
        recording: Recording[StreamRead],
        loop: ToolLoop,
        callbacks: Callbacks,
        wanted: TextCallbacks,
    ) -> None:
        """Made by `ChatModel.stream_text`."""
        self._recording = recording
        self._loop = loop
        self._callbacks = callbacks
        self._wanted = wanted
        self._talk: asyncio.Task[None] | None = None
        if wanted:
            self._talk = asyncio.create_task(self._tell())
            _TALKING.add(self._talk)
            self._talk.add_done_callback(_TALKING.discard)

    async def __aenter__(self) -> Self:
        """Use the result."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave the result: what was not read is not wanted."""
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connection and end the callbacks. Harmless when everything was read."""
        await self._recording.aclose()
        if self._talk is not None and self._talk is not asyncio.current_task():
            self._talk.cancel()
            await asyncio.wait([self._talk])

    @property
    def text_stream(self) -> AsyncGenerator[str, None]:
        """The text, a piece for each chunk that has some (JS: textStream)."""
        return self._text()

    @property
    def data_stream(self) -> AsyncGenerator[DataChunk, None]:
        """The chunks, each with what was received (JS: dataStream)."""
        return self._data()

    @property
    def event_stream(self) -> AsyncGenerator[ServerSentEvent, None]:
        """The server-sent events, each step's "[DONE]" included (mini program: eventStream)."""
        return self._events()

    @property
    def messages(self) -> Awaitable[list[ChatMessage]]:
        """The messages of the call and everything that was said since, read to the end first.

        After a failure: as far as answers were complete.
        """
        return self._messages()

    @property
    def usage(self) -> Awaitable[Usage]:
        """The tokens of all requests, read to the end first; after a failure as far as known."""
        return self._usage()

    @property
    def error(self) -> Exception | None:
        """What ended the call too early, None if nothing did or it has not come to that yet."""
        return self._recording.failure

    async def _text(self) -> AsyncGenerator[str, None]:
        async with aclosing(self._recording.read()) as reads:
            async for read in reads:
                for event in read.events:
                    if isinstance(event, TextDelta):
                        yield event.text

    async def _data(self) -> AsyncGenerator[DataChunk, None]:
        async with aclosing(self._recording.read()) as reads:
            async for read in reads:
                for chunk in map(data_chunk_from, payloads(read.frames)):
                    if chunk is None:
                        break  # "[DONE]", or what the failure that follows is about
                    yield chunk

    async def _events(self) -> AsyncGenerator[ServerSentEvent, None]:
        decoder = EventDecoder()
        async with aclosing(self._recording.read()) as reads:
            async for read in reads:
                for event in _events_of(read, decoder):
                    yield event

    async def _messages(self) -> list[ChatMessage]:
        await self._finish()
        return list(self._loop.messages)

    async def _usage(self) -> Usage:
        await self._finish()
        return self._loop.usage

    async def _finish(self) -> None:
        """Read to the end, and let the callbacks hear it. Raises only what one of them raised."""
        try:
            await self._recording.finish()
        except errors.CloudBaseError as failure:
            if failure is self._callbacks.failure:
                raise
        if self._talk is not None and self._talk is not asyncio.current_task():
            await asyncio.wait([self._talk])
            if self._callbacks.failure is not None:
                raise self._callbacks.failure

    async def _tell(self) -> None:
        """Read on by itself and call back; of each read first the events, then the text."""
        try:
            await self._call_back()
        except Exception as failure:  # the edge of a task: who reads or awaits raises it
            logger.warning("A stream that calls back ended early: %s", type(failure).__name__)
            await self._recording.aclose(failure)

    async def _call_back(self) -> None:
        said: list[str] = []
        decoder = EventDecoder()
        async with aclosing(self._recording.read()) as reads:
            async for read in reads:
                if self._wanted.on_event:
                    for event in _events_of(read, decoder):
                        await self._callbacks.call(self._wanted.on_event, event)
                for piece in read.events:
                    if isinstance(piece, TextDelta):
                        said.append(piece.text)
                        await self._callbacks.call(self._wanted.on_text, piece.text)
        await self._callbacks.call(self._wanted.on_finish, "".join(said))


def _events_of(read: StreamRead, decoder: EventDecoder) -> list[ServerSentEvent]:
    """The server-sent events of a read, up to "[DONE]"."""
    events = []
    for frame in read.frames:
        event = decoder.decode(frame)
        if event is not None:
            events.append(event)
        if event is not None and event.data.strip() == _DONE:
            break
    return events

"""An agent's answer while it comes: as text, as chunks, as raw events."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from types import TracebackType
from typing import Self

from httpx_sse import ServerSentEvent

from chat.cloudbase.agent_chunks import AgentChunk, AgentReader, Frame
from chat.cloudbase.errors import CloudBaseError
from chat.cloudbase.streams import Recording
from chat.cloudbase.transport import Endpoint, HttpPool, Reads


class BotStream:
    """What `send_message` and `get_recommend_questions` give (StreamResult).

    Each of the streams is the whole answer from its beginning; they can be read one after the
    other or at once. Leaving the last of them early closes the connection, and so does the end of
    `async with stream`; what is asked for afterwards is what had arrived, then StreamLeft.

    Every stream first yields what arrived and then raises what went wrong: the error in a frame,
    ContentBlocked, or StreamBroken if the agent never said that it was finished.
    """

    def __init__(self, source: AsyncGenerator[list[Frame], None]) -> None:
        """Made by `Bots`; `source` gives the frames of each read, and belongs to the stream."""
        self._recording = Recording(source, is_last=_is_done)

    async def __aenter__(self) -> Self:
        """Close the connection at the end of the block."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the connection."""
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connection, if the answer still comes. Harmless twice."""
        await self._recording.aclose()

    @property
    def text_stream(self) -> AsyncGenerator[str, None]:
        """Pieces of the answer itself (textStream), none empty: no thoughts, no search results.

        The vendor's textStream also yields the content of every other frame.
        """
        return self._texts()

    @property
    def data_stream(self) -> AsyncGenerator[AgentChunk, None]:
        """All chunks (dataStream)."""
        return self._chunks()

    @property
    def event_stream(self) -> AsyncGenerator[ServerSentEvent, None]:
        """All events as they were sent, `[DONE]` included (eventSourceStream)."""
        return self._events()

    async def text(self) -> str:
        """The whole answer, when it is complete."""
        async with aclosing(self._texts()) as texts:
            return "".join([text async for text in texts])

    async def lines(self) -> list[str]:
        """The lines of the whole answer that are not empty: recommended questions are one each."""
        return [line.strip() for line in (await self.text()).splitlines() if line.strip()]

    async def _texts(self) -> AsyncGenerator[str, None]:
        async with aclosing(self._all_frames()) as frames:
            async for frame in frames:
                if frame.chunk is not None and frame.chunk.text:
                    yield frame.chunk.text

    async def _chunks(self) -> AsyncGenerator[AgentChunk, None]:
        async with aclosing(self._all_frames()) as frames:
            async for frame in frames:
                if frame.chunk is not None:
                    yield frame.chunk

    async def _events(self) -> AsyncGenerator[ServerSentEvent, None]:
        async with aclosing(self._all_frames()) as frames:
            async for frame in frames:
                yield frame.event

    async def _all_frames(self) -> AsyncGenerator[Frame, None]:
        async with aclosing(self._recording.read()) as batches:
            async for batch in batches:
                for frame in batch:
                    yield frame


def _is_done(batch: list[Frame]) -> bool:
    return bool(batch) and batch[-1].event.data.strip() == "[DONE]"


async def open_stream(http: HttpPool, endpoint: Endpoint, body: bytes) -> BotStream:
    """Post JSON, and return the stream of the answer once it is there. Raises CloudBaseError."""
    source = _frames(http, endpoint, body)
    await anext(source)
    return BotStream(source)


async def _frames(
    http: HttpPool, endpoint: Endpoint, body: bytes
) -> AsyncGenerator[list[Frame], None]:
    """Yield [] when the stream is there, then the frames of each read."""
    reader = AgentReader(endpoint.secrets)
    async with http.stream(endpoint, body, is_repeatable=False) as reads:
        yield []
        while not reader.is_over:
            yield await _next(reads, reader, endpoint.patience.after_finish)
    if reader.failure is not None:
        raise reader.failure


async def _next(reads: Reads, reader: AgentReader, after_finish: float) -> list[Frame]:
    """The frames of the next read. Nothing that happens after a complete answer is trouble."""
    is_complete = reader.has_finished
    try:
        data = await reads.next(after_finish if is_complete else None)
    except CloudBaseError:
        if not is_complete:
            raise
        data = b""
    return reader.feed(data) if data else reader.finish()

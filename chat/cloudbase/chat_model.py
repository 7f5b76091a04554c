"""One model group that can be asked: streaming and at once."""

from collections.abc import AsyncGenerator

from chat.cloudbase.chunks import ChunkReader, completion_from
from chat.cloudbase.errors import CloudBaseError
from chat.cloudbase.events import StreamEvent
from chat.cloudbase.messages import ChatRequest, Completion
from chat.cloudbase.tool_loop import ToolRegistry
from chat.cloudbase.transport import PACE, Call, Endpoint, HttpPool, Reads


class ChatModel:
    """The models of one group; which of them answers, the request says."""

    def __init__(self, group: str, endpoint: Endpoint, http: HttpPool, tools: ToolRegistry) -> None:
        """Made by `app.ai().create_model(group)`; `tools` are the registered ones."""
        self.group = group
        self._tools = tools
        self._endpoint = endpoint
        self._http = http

    async def stream(
        self, request: ChatRequest, *, pace: float = PACE
    ) -> AsyncGenerator[list[StreamEvent], None]:
        """Ask, and yield all events of each read: the first at once, then every `pace` seconds.

        Closing the generator closes the connection, so that the model stops. Raises
        CloudBaseError, after having yielded what arrived before the trouble.
        """
        reader = ChunkReader(self._endpoint.secrets)
        body = request.body(stream=True)
        async with self._http.stream(self._endpoint, body, pace=pace) as reads:
            while not reader.is_done:
                events = await self._next(reads, reader)
                if events:
                    yield events
                if reader.failure is not None:
                    raise reader.failure

    async def complete(self, request: ChatRequest) -> Completion:
        """Ask, and return the whole answer at once. Raises CloudBaseError."""
        answer = completion_from(
            await self._http.call(self._endpoint, Call(body=request.body(stream=False))),
            self._endpoint.secrets,
        )
        if isinstance(answer, CloudBaseError):
            raise answer
        return answer

    async def _next(self, reads: Reads, reader: ChunkReader) -> list[StreamEvent]:
        """The events of the next read. Nothing that happens after a complete text is trouble."""
        is_complete = reader.has_finished
        try:
            data = await reads.next(self._endpoint.patience.after_finish if is_complete else None)
        except CloudBaseError:
            if not is_complete:
                raise
            data = b""
        return reader.feed(data) if data else reader.finish()

"""One model group that can be asked: streaming and at once, with tools and without."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import aclosing
from dataclasses import replace
from operator import attrgetter
from typing import Any, Final, Literal, overload

from httpx_sse import ServerSentEvent

from chat.cloudbase.answers import AnswerBuilder, completion_from
from chat.cloudbase.chunks import ChunkReader
from chat.cloudbase.errors import CloudBaseError
from chat.cloudbase.events import StreamEvent
from chat.cloudbase.messages import AnyMessage, ChatRequest, Completion, as_dicts
from chat.cloudbase.results import (
    GenerateTextResult,
    StreamRead,
    StreamTextResult,
    TextCallbacks,
)
from chat.cloudbase.streams import Recording
from chat.cloudbase.tool_loop import MAX_STEPS, Callbacks, OnToolError, StepFinished, ToolLoop
from chat.cloudbase.tools import AnyTool, OfferedTools, ToolRegistry
from chat.cloudbase.transport import PACE, Call, Endpoint, HttpPool, Reads

TEXT_PACE: Final = 0.01
"""Seconds between two reads of `stream_text`: too short to be noticed, long enough that a read
usually brings several chunks of a quick model, which then cost little each."""

OnStepFinish = Callable[[StepFinished], Awaitable[object] | object]


class ChatModel:
    """The models of one group; which of them answers, the request says."""

    def __init__(self, group: str, endpoint: Endpoint, http: HttpPool, tools: ToolRegistry) -> None:
        """Made by `app.ai().create_model(group)`; `tools` are the registered ones."""
        self.group = group
        self._tools = tools
        self._endpoint = endpoint
        self._http = http

    @overload
    async def generate_text(
        self,
        *,
        model: str,
        messages: Iterable[AnyMessage],
        tools: Iterable[AnyTool] | None = None,
        tool_choice: str | dict[str, Any] | None = None,
        max_steps: int = MAX_STEPS,
        on_step_finish: OnStepFinish | None = None,
        on_tool_error: OnToolError = "tell",
        raw: Literal[False] = False,
        **parameters: Any,
    ) -> GenerateTextResult: ...

    @overload
    async def generate_text(
        self,
        *,
        model: str,
        messages: Iterable[AnyMessage],
        tools: Iterable[AnyTool] | None = None,
        tool_choice: str | dict[str, Any] | None = None,
        max_steps: int = MAX_STEPS,
        on_step_finish: OnStepFinish | None = None,
        on_tool_error: OnToolError = "tell",
        raw: Literal[True],
        **parameters: Any,
    ) -> dict[str, Any]: ...

    async def generate_text(
        self,
        *,
        model: str,
        messages: Iterable[AnyMessage],
        tools: Iterable[AnyTool] | None = None,
        tool_choice: str | dict[str, Any] | None = None,
        max_steps: int = MAX_STEPS,
        on_step_finish: OnStepFinish | None = None,
        on_tool_error: OnToolError = "tell",
        raw: bool = False,
        **parameters: Any,
    ) -> GenerateTextResult | dict[str, Any]:
        """Ask, run the tools that the model calls, ask again; return the whole answer.

        `messages` are plain dicts or Message; the list is not changed. `tools` are FunctionTools,
        or objects for the wire whose function is registered; only these may run. `max_steps` is
        the most requests. `on_step_finish`, sync or async, is told of each answer. A tool's
        failure is told to the model, or ends the call with `on_tool_error="stop"`. Everything
        else goes into the request as it is (temperature, top_p, max_tokens, thinking, …).

        Raises CloudBaseError if the first request fails; what fails later is in `error` of the
        result. With `raw` the body of the last answer is returned (WeChat mini program), and
        what would be in `error` is raised. What a callback raises is raised unchanged.
        """
        loop = self._loop(
            ChatRequest(model, as_dicts(messages), parameters),
            tools,
            tool_choice,
            Callbacks(),
            max_steps=max_steps,
            on_step_finish=on_step_finish,
            on_tool_error=on_tool_error,
        )
        answers = await self._answers(loop)
        if raw and loop.error is not None:
            raise loop.error
        if raw:
            return answers[-1].raw
        return GenerateTextResult(
            text=answers[-1].text,
            messages=loop.messages,
            usage=loop.usage,
            raw_responses=[answer.raw for answer in answers],
            error=loop.error,
        )

    async def stream_text(
        self,
        *,
        model: str,
        messages: Iterable[AnyMessage],
        tools: Iterable[AnyTool] | None = None,
        tool_choice: str | dict[str, Any] | None = None,
        max_steps: int = MAX_STEPS,
        on_step_finish: OnStepFinish | None = None,
        on_tool_error: OnToolError = "tell",
        on_text: Callable[[str], Awaitable[object] | object] | None = None,
        on_event: Callable[[ServerSentEvent], Awaitable[object] | object] | None = None,
        on_finish: Callable[[str], Awaitable[object] | object] | None = None,
        **parameters: Any,
    ) -> StreamTextResult:
        """Ask, and return the streams of the answer and of those that follow its tool calls.

        Parameters as for `generate_text`. The request asks for a usage report by
        `stream_options`; None leaves that out. `on_text` is told each piece, `on_event` each
        server-sent event, `on_finish` the whole text of all steps, sync or async (WeChat mini
        program); with any of them the answer is read without anybody reading the streams.

        Raises CloudBaseError if the first request fails; what fails later is raised by whoever
        reads, and stays in `error`.
        """
        callbacks = Callbacks()
        loop = self._loop(
            ChatRequest(model, as_dicts(messages), parameters),
            tools,
            tool_choice,
            callbacks,
            max_steps=max_steps,
            on_step_finish=on_step_finish,
            on_tool_error=on_tool_error,
        )
        source = self._steps(loop)
        await anext(source)
        recording = Recording(source, is_last=attrgetter("is_last"))
        wanted = TextCallbacks(on_text, on_event, on_finish)
        return StreamTextResult(recording, loop, callbacks, wanted)

    async def stream(
        self, request: ChatRequest, *, pace: float = PACE
    ) -> AsyncGenerator[list[StreamEvent], None]:
        """Ask, and yield all events of each read: the first at once, then every `pace` seconds.

        Closing the generator closes the connection, so that the model stops. Raises
        CloudBaseError, after having yielded what arrived before the trouble.
        """
        reader = ChunkReader(self._endpoint.secrets)
        async with aclosing(self._reads(request, reader, pace)) as reads:
            async for events in reads:
                if events:
                    yield events

    async def complete(self, request: ChatRequest) -> Completion:
        """Ask, and return the whole answer at once. Raises CloudBaseError."""
        answer = completion_from(
            await self._http.call(self._endpoint, Call(body=request.body(stream=False))),
            self._endpoint.secrets,
        )
        if isinstance(answer, CloudBaseError):
            raise answer
        return answer

    def _loop(
        self,
        request: ChatRequest,
        tools: Iterable[AnyTool] | None,
        tool_choice: str | dict[str, Any] | None,
        callbacks: Callbacks,
        **options: Any,
    ) -> ToolLoop:
        offered = OfferedTools(tools or (), self._tools, self._endpoint.secrets)
        parameters = dict(request.parameters)
        if tools is not None:
            parameters["tools"] = offered.as_dicts
        if tool_choice is not None:
            parameters["tool_choice"] = tool_choice
        return ToolLoop(replace(request, parameters=parameters), offered, callbacks, **options)

    async def _answers(self, loop: ToolLoop) -> list[Completion]:
        """All whole answers of a call; what ends it after the first is in the loop's `error`."""
        answers: list[Completion] = []
        while True:
            try:
                answer = await self.complete(loop.request())
            except CloudBaseError as error:
                if not answers:
                    raise
                loop.error = error
                return answers
            answers.append(answer)
            loop.count(answer.usage)
            if not await loop.take(answer):
                return answers

    async def _steps(self, loop: ToolLoop) -> AsyncGenerator[StreamRead, None]:
        """All reads of a call, the first of each step empty: the service has begun to answer."""
        while True:
            built = AnswerBuilder()
            try:
                async with aclosing(self._step(loop.request(), built)) as reads:
                    async for last in reads:
                        if not built.is_finished:
                            yield last
            finally:
                loop.count(built.usage)
            answer = built.answer
            if not loop.goes_on_after(answer):
                break
            yield last
            await loop.take(answer)
            if loop.error is not None:
                raise loop.error
        try:
            await loop.take(answer)
        except Exception:  # of the callback: what was read is told before it
            yield last
            raise
        yield replace(last, is_last=True)

    async def _step(
        self, request: ChatRequest, built: AnswerBuilder
    ) -> AsyncGenerator[StreamRead, None]:
        reader = ChunkReader(self._endpoint.secrets, joins=False)
        async with aclosing(self._reads(request, reader, TEXT_PACE)) as reads:
            async for events in reads:
                built.add(events)
                yield StreamRead(reader.frames, events)

    async def _reads(
        self, request: ChatRequest, reader: ChunkReader, pace: float
    ) -> AsyncGenerator[list[StreamEvent], None]:
        """The events of each read; the first time none, when the service has begun to answer."""
        body = request.body(stream=True)
        async with self._http.stream(self._endpoint, body, pace=pace) as reads:
            yield []
            while not reader.is_done:
                yield await self._next(reads, reader)
                if reader.failure is not None:
                    raise reader.failure

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

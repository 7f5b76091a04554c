"""Chunks of a streamed answer to events (OpenAI chat completions)."""

import msgspec

from chat.cloudbase import errors, refusals
from chat.cloudbase.events import (
    Finished,
    ModelNamed,
    ReasoningDelta,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    UsageReported,
)
from chat.cloudbase.framing import Frames, payloads

_NOTHING = msgspec.Raw()


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: str | None = None


class _Call(msgspec.Struct):
    index: int | None = None
    id: str | None = None
    function: _Function | None = None


class _Delta(msgspec.Struct):
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None  # what newer vLLM and OpenRouter call it
    tool_calls: list[_Call] | None = None


class _Choice(msgspec.Struct):
    index: int | None = 0
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Chunk(msgspec.Struct):
    """What we read of a chunk. Raw members are looked at only when it matters."""

    model: str | None = None
    choices: list[_Choice] | None = None
    usage: msgspec.Raw = _NOTHING
    error: msgspec.Raw = _NOTHING
    code: msgspec.Raw = _NOTHING


class _PromptDetails(msgspec.Struct):
    cached_tokens: int | None = None


class _CompletionDetails(msgspec.Struct):
    reasoning_tokens: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    prompt_tokens_details: _PromptDetails | None = None
    completion_tokens_details: _CompletionDetails | None = None
    prompt_cache_hit_tokens: int | None = None  # what DeepSeek calls cached_tokens


# Some services write numbers as strings.
_decode_chunk = msgspec.json.Decoder(_Chunk, strict=False).decode
_decode_usage = msgspec.json.Decoder(_Usage, strict=False).decode


class _Apart:
    """Events in their order, one for each piece."""

    __slots__ = ("events",)

    def __init__(self) -> None:
        self.events: list[StreamEvent] = []

    def add(self, kind: type[TextDelta] | type[ReasoningDelta], text: str) -> None:
        self.events.append(kind(text))

    def add_call(self, delta: ToolCallDelta) -> None:
        self.events.append(delta)

    def flush(self) -> None:
        pass


class _Joined(_Apart):
    """Events in their order, neighbouring text of one kind joined, and pieces of one call."""

    __slots__ = ("_kind", "_parts")

    def __init__(self) -> None:
        super().__init__()
        self._kind: type[TextDelta] | type[ReasoningDelta] = TextDelta
        self._parts: list[str] = []

    def add(self, kind: type[TextDelta] | type[ReasoningDelta], text: str) -> None:
        if kind is not self._kind:
            self.flush()
            self._kind = kind
        self._parts.append(text)

    def add_call(self, delta: ToolCallDelta) -> None:
        self.flush()
        before = self.events[-1] if self.events else None
        if isinstance(before, ToolCallDelta) and before.index == delta.index:
            self.events[-1] = before + delta
        else:
            self.events.append(delta)

    def flush(self) -> None:
        if self._parts:
            self.events.append(self._kind("".join(self._parts)))
            self._parts.clear()


class _CallIndex:
    """Which call of an answer a piece belongs to, also where a service leaves the index out."""

    def __init__(self) -> None:
        self._by_id: dict[str, int] = {}
        self._latest = 0

    def of(self, call: _Call, position: int, *, is_alone: bool) -> int:
        """The index of a piece at `position` of its chunk's list.

        Without an index, an id nobody has seen begins a call; without either, the piece belongs
        to the latest call if it is alone, else its place in the list says.
        """
        if call.index is not None:
            index = call.index
        elif call.id:
            index = self._by_id.get(call.id, len(self._by_id))
        else:
            index = self._latest if is_alone else position
        if call.id:
            self._by_id[call.id] = index
        self._latest = index
        return index


class ChunkReader:
    """Turns the bytes of one streamed answer into events.

    It never raises: what arrived before trouble is handed out first. Afterwards `failure` holds
    the trouble, or `is_done` says that nothing more is to come.
    """

    def __init__(self, secrets: tuple[str, ...] = (), *, joins: bool = True) -> None:
        """`secrets` are the keys to keep out of an error; `joins` makes neighbouring pieces of
        one read one event."""
        self.failure: errors.CloudBaseError | None = None
        self.is_done = False
        self.frames: list[bytes] = []
        """The whole events of the last read, as they were sent."""
        self._frames = Frames()
        self._secrets = secrets
        self._joins = joins
        self._call_index = _CallIndex()
        self._model_is_known = False
        self._finish_reason: str | None = None
        self._raw_usage = _NOTHING
        self._usage: UsageReported | None = None

    @property
    def has_finished(self) -> bool:
        """Whether the model has said why it stopped: the text is complete, a report may follow."""
        return self._finish_reason is not None

    def feed(self, data: bytes) -> list[StreamEvent]:
        """Take the bytes of one read; return all events in them."""
        self.frames, is_too_long = self._frames.cut(data)
        events = self._events(payloads(self.frames))
        if is_too_long and not self._is_over:
            self.failure = errors.AnswerTooLong("an event of the stream is too long")
        return events

    def finish(self) -> list[StreamEvent]:
        """Take the end of the stream; return the last events."""
        events: list[StreamEvent] = []
        self.frames = self._frames.rest()
        if not self._is_over:
            events = self._events(payloads(self.frames))
            if isinstance(self.failure, errors.ProviderSpokeGarbage):
                half = errors.StreamBroken("the stream ended in the middle of an event")
                self.failure = None if self.has_finished else half
        if not self._is_over:
            events += self._ending()
        return events

    @property
    def _is_over(self) -> bool:
        return self.is_done or self.failure is not None

    def _events(self, data: list[bytes]) -> list[StreamEvent]:
        """All events of the chunks of one read: the name, the text, the last usage report."""
        collected = _Joined() if self._joins else _Apart()
        for payload in data:
            chunk = self._chunk(payload)
            if chunk is None:
                break
            self._take(chunk, collected)
            if self._is_refusal(chunk, payload):
                break
        collected.flush()
        self._report_usage(collected.events)
        if self.is_done:
            collected.events += self._ending()
        return collected.events

    def _take(self, chunk: _Chunk, collected: _Apart) -> None:
        if not self._model_is_known and chunk.model:
            self._model_is_known = True
            collected.events.append(ModelNamed(chunk.model))
        if chunk.usage is not _NOTHING:
            self._raw_usage = chunk.usage
            if not self._joins:
                self._report_usage(collected.events)
        for choice in chunk.choices or ():
            # Any other index is a second answer to the same question: nobody asked for one.
            if not choice.index:
                self._take_choice(choice, collected)

    def _take_choice(self, choice: _Choice, collected: _Apart) -> None:
        delta = choice.delta
        if delta is not None:
            thought = delta.reasoning_content or delta.reasoning
            if thought:
                collected.add(ReasoningDelta, thought)
            if delta.content:
                collected.add(TextDelta, delta.content)
            if delta.tool_calls:
                self._take_calls(delta.tool_calls, collected)
        if choice.finish_reason:
            self._finish_reason = choice.finish_reason

    def _take_calls(self, calls: list[_Call], collected: _Apart) -> None:
        for position, call in enumerate(calls):
            index = self._call_index.of(call, position, is_alone=len(calls) == 1)
            said = call.function or _Function()
            collected.add_call(
                ToolCallDelta(index, call.id or "", said.name or "", said.arguments or "")
            )

    def _chunk(self, payload: bytes) -> _Chunk | None:
        """The chunk in an event's data; None when the stream is over, whatever ended it."""
        try:
            return _decode_chunk(payload)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            if payload.strip() == b"[DONE]":
                self.is_done = True
            else:
                self.failure = errors.ProviderSpokeGarbage(str(error), secrets=self._secrets)
            return None

    def _is_refusal(self, chunk: _Chunk, payload: bytes) -> bool:
        """Notice an error inside the stream: an `error`, a `code`, or "error" as the reason."""
        is_suspect = chunk.error is not _NOTHING or chunk.code is not _NOTHING
        if not is_suspect and self._finish_reason != "error":
            return False
        frame = refusals.parsed(payload) or {}
        if refusals.holds_error(frame) or self._finish_reason == "error":
            self.failure = refusals.from_frame(frame, secrets=self._secrets)
        return self.failure is not None

    def _report_usage(self, events: list[StreamEvent]) -> None:
        """Some services repeat their report on every chunk: joined, only the last of a read is
        decoded."""
        raw, self._raw_usage = self._raw_usage, _NOTHING
        usage = usage_from(raw) if raw is not _NOTHING else None
        if usage is not None and usage != self._usage:
            self._usage = usage
            events.append(usage)

    def _ending(self) -> list[StreamEvent]:
        if self._finish_reason is not None:
            self.is_done = True
            return [Finished(self._finish_reason)]
        if self.is_done:
            return [Finished("unknown")]
        self.failure = errors.StreamBroken("the stream ended before the answer did")
        return []


def usage_from(raw: bytes | msgspec.Raw) -> UsageReported | None:
    """Return the usage report in a chunk's or an answer's `usage`, None if it says nothing."""
    try:
        usage = _decode_usage(raw)
    except msgspec.DecodeError:
        return None  # null, or a shape nobody documents: the ledger then says "unknown"
    if usage.prompt_tokens is None and usage.completion_tokens is None:
        return None
    prompt, completion = usage.prompt_tokens or 0, usage.completion_tokens or 0
    prompt_details = usage.prompt_tokens_details or _PromptDetails()
    completion_details = usage.completion_tokens_details or _CompletionDetails()
    cached = prompt_details.cached_tokens
    return UsageReported(
        prompt_tokens=prompt,
        completion_tokens=completion,
        total_tokens=usage.total_tokens or prompt + completion,
        cached_tokens=usage.prompt_cache_hit_tokens if cached is None else cached,
        reasoning_tokens=completion_details.reasoning_tokens,
    )

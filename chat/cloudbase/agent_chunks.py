"""Frames of an agent's answer (CloudBase gateway, send-message and recommend-questions)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from httpx_sse import ServerSentEvent

from chat.cloudbase import errors, refusals
from chat.cloudbase.events import UsageReported
from chat.cloudbase.framing import EventDecoder, Frames
from chat.cloudbase.members import Members

_ANSWER_TYPES: Final = frozenset({"", "text", "assistant"})
_ENDINGS: Final = frozenset({"stop", "length"})
"""Reasons of a complete answer; "error" and "content_filter" are errors (refusals.py)."""


@dataclass(frozen=True, slots=True)
class SearchResult:
    """A page that a web search found."""

    index: str
    title: str
    url: str


@dataclass(frozen=True, slots=True)
class SearchInfo:
    """What a web search found."""

    search_results: tuple[SearchResult, ...]
    raw: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class AgentToolCall:
    """A tool that the agent calls (the wire's `{id, function: {name, arguments}}`).

    `arguments` is JSON text.
    """

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class AgentChunk:
    """A piece of an agent's answer (AgentStreamChunk).

    `type` says what is in it: "text" (in `content`), "thinking" (in `reasoning_content`),
    "search" (`search_info`), "knowledge" (`knowledge_base`), "tool-call" (`tool_call`),
    "tool-result" (`tool_call_id`, `result`), "db" (`related_tables`, how many) or "finish".
    `finish_reason`, which the documents spell finish_reasion, is "continue" until it is "stop",
    "length", "error" or "content_filter". `created` is in Unix seconds, `usage` in tokens: its
    completion grows from chunk to chunk. `record_id` is what feedback names. A missing text is "",
    a missing list (), anything else None; `raw` is the frame as it came.
    """

    type: str
    role: str
    content: str
    reasoning_content: str
    finish_reason: str
    created: int | None
    record_id: str
    model: str
    version: str
    usage: UsageReported | None
    knowledge_base: tuple[str, ...]
    search_info: SearchInfo | None
    tool_call: AgentToolCall | None
    tool_call_id: str
    result: Any
    related_tables: int | None
    error: Mapping[str, Any] | None
    raw: Mapping[str, Any] = field(repr=False)

    @property
    def text(self) -> str:
        """What of it belongs to the answer: the content of a "text" frame, or of one that does
        not say what it is; "" of all others, whose content is no answer."""
        return self.content if self.type in _ANSWER_TYPES else ""


class Frame:
    """An event of the stream, and the chunk in it. It has no repr, because tracebacks show locals
    and a service may repeat a key."""

    __slots__ = ("chunk", "event")

    def __init__(self, event: ServerSentEvent, chunk: AgentChunk | None) -> None:
        self.event = event
        self.chunk = chunk


class AgentReader:
    """Turns the bytes of one agent's answer into frames.

    It never raises: what arrived before trouble is handed out first, the frame that tells of it
    included. Afterwards `failure` holds the trouble, or `is_done` says that nothing more comes.
    """

    def __init__(self, secrets: tuple[str, ...] = ()) -> None:
        """`secrets` are the keys to keep out of an error."""
        self.failure: errors.CloudBaseError | None = None
        self.is_done = False
        self.has_finished = False
        """Whether the agent has said why it stopped: the answer is complete."""
        self._frames = Frames()
        self._decoder = EventDecoder()
        self._secrets = secrets

    @property
    def is_over(self) -> bool:
        """Whether there is nothing more to read."""
        return self.is_done or self.failure is not None

    def feed(self, data: bytes) -> list[Frame]:
        """Take the bytes of one read; return the frames they complete."""
        cut, is_too_long = self._frames.cut(data)
        frames = self._told(cut)
        if is_too_long and not self.is_over:
            self.failure = errors.AnswerTooLong("an event of the stream is too long")
        return frames

    def finish(self) -> list[Frame]:
        """Take the end of the stream; return the last frames."""
        if self.is_over:
            return []
        frames = self._told(self._frames.rest())
        is_half = isinstance(self.failure, errors.ProviderSpokeGarbage)
        if is_half or not self.is_over:
            self.failure = None if self.has_finished else errors.StreamBroken("no end was told")
        self.is_done = self.failure is None
        return frames

    def _told(self, cut: list[bytes]) -> list[Frame]:
        frames: list[Frame] = []
        for lines in cut:
            event = self._decoder.decode(lines)
            if event is not None:
                frames.append(Frame(event, self._take(event)))
            if self.is_over:
                break
        return frames

    def _take(self, event: ServerSentEvent) -> AgentChunk | None:
        if event.data.strip() == "[DONE]":
            self.is_done = True
            return None
        raw = refusals.parsed(event.data.encode())
        if raw is None:
            self.failure = errors.ProviderSpokeGarbage("a frame is not a JSON object")
            return None
        chunk = chunk_from(raw)
        self.has_finished = self.has_finished or chunk.finish_reason in _ENDINGS
        if refusals.holds_error(raw):
            self.failure = refusals.from_frame(raw, secrets=self._secrets)
        return chunk


def chunk_from(raw: Mapping[str, Any]) -> AgentChunk:
    """Return the chunk in a frame, whatever of it is there."""
    members = Members(raw)
    return AgentChunk(
        type=members.text("type"),
        role=members.text("role"),
        content=members.text("content"),
        reasoning_content=members.text("reasoning_content"),
        finish_reason=members.text("finish_reason", "finish_reasion"),
        created=members.whole("created"),
        record_id=members.text("record_id"),
        model=members.text("model"),
        version=members.text("version"),
        usage=_usage(members.mapping("usage")),
        knowledge_base=members.texts("knowledge_base"),
        search_info=_search_info(members.mapping("search_info")),
        tool_call=_tool_call(members.mapping("tool_call")),
        tool_call_id=members.text("toolCallId"),
        result=members.value("result"),
        related_tables=_related_tables(members.mapping("search_results")),
        error=members.mapping("error"),
        raw=raw,
    )


def _usage(raw: Mapping[str, Any] | None) -> UsageReported | None:
    """The documents write prompt_tokens, the API reference promptTokens; None if there is none."""
    members = Members(raw or {})
    prompt, completion = members.whole("prompt_tokens"), members.whole("completion_tokens")
    total = members.whole("total_tokens")
    if prompt is None and completion is None and total is None:
        return None
    prompt, completion = prompt or 0, completion or 0
    return UsageReported(prompt, completion, prompt + completion if total is None else total)


def _search_info(raw: Mapping[str, Any] | None) -> SearchInfo | None:
    if raw is None:
        return None
    found = (Members(item) for item in Members(raw).objects("search_results"))
    results = (SearchResult(hit.text("index"), hit.text("title"), hit.text("url")) for hit in found)
    return SearchInfo(tuple(results), raw)


def _tool_call(raw: Mapping[str, Any] | None) -> AgentToolCall | None:
    if raw is None:
        return None
    members = Members(raw)
    function = Members(members.mapping("function") or {})
    arguments = function.mapping("arguments")
    told = msgspec.json.encode(arguments).decode() if arguments is not None else ""
    return AgentToolCall(
        id=members.text("id"),
        name=function.text("name"),
        arguments=function.text("arguments") or told,
    )


def _related_tables(raw: Mapping[str, Any] | None) -> int | None:
    return Members(raw or {}).whole("relateTables")

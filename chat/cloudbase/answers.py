"""Answers of a model: read from a whole body, or put together from the events of a stream."""

from collections.abc import Iterable
from typing import cast

import msgspec

from chat.cloudbase import errors, refusals
from chat.cloudbase.chunks import usage_from
from chat.cloudbase.events import (
    Finished,
    ModelNamed,
    ReasoningDelta,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    UsageReported,
)
from chat.cloudbase.messages import Answer, ChatMessage, Completion, ToolCall

_NOTHING = msgspec.Raw()


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: str | None = None


class _Call(msgspec.Struct):
    id: str | None = None
    function: _Function | None = None


class _Message(msgspec.Struct):
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[_Call] | None = None


class _Choice(msgspec.Struct):
    message: _Message
    finish_reason: str | None = None


class _Body(msgspec.Struct):
    choices: list[_Choice]
    model: str | None = None
    usage: msgspec.Raw = _NOTHING


# Some services write numbers as strings.
_decode = msgspec.json.Decoder(_Body, strict=False).decode


def completion_from(
    body: bytes, secrets: Iterable[str] = ()
) -> Completion | errors.ProviderSpokeGarbage:
    """Return the whole answer in a body, or that it is none.

    Whoever calls has looked for an error before, and raises what is returned.
    """
    try:
        said = _decode(body)
        choice = said.choices[0]
    except (msgspec.DecodeError, UnicodeDecodeError, IndexError) as error:
        return errors.ProviderSpokeGarbage(str(error), secrets=secrets)
    message = choice.message
    raw = refusals.parsed(body) or {}
    return Completion(
        text=message.content or "",
        reasoning=message.reasoning_content or message.reasoning or "",
        tool_calls=tuple(map(_received, message.tool_calls or ())),
        finish_reason=choice.finish_reason or None,
        model=said.model or None,
        usage=usage_from(said.usage) if said.usage is not _NOTHING else None,
        message=cast("ChatMessage", {"role": "assistant", **raw["choices"][0]["message"]}),
        raw=raw,
    )


def _received(call: _Call) -> ToolCall:
    function = call.function or _Function()
    return _call(call.id or "", function.name or "", function.arguments or "")


class AnswerBuilder:
    """Puts the answer of a stream together again."""

    def __init__(self) -> None:
        self.usage: UsageReported | None = None
        """The report so far: of each number the last that was not 0 (CloudBase JS SDK)."""
        self.is_finished = False
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._calls: dict[int, ToolCallDelta] = {}
        self._model: str | None = None
        self._finish_reason: str | None = None

    def add(self, events: Iterable[StreamEvent]) -> None:
        """Take in what arrived."""
        for event in events:
            match event:
                case TextDelta(text):
                    self._text.append(text)
                case ReasoningDelta(text):
                    self._reasoning.append(text)
                case ToolCallDelta(index):
                    before = self._calls.get(index, ToolCallDelta(index))
                    self._calls[index] = before + event
                case UsageReported():
                    self.usage = _newer(self.usage, event)
                case ModelNamed(model):
                    self._model = model
                case Finished(reason):
                    self.is_finished = True
                    self._finish_reason = reason

    @property
    def answer(self) -> Answer:
        """What has arrived, as one answer."""
        text, reasoning = "".join(self._text), "".join(self._reasoning)
        deltas = [delta for _, delta in sorted(self._calls.items())]
        calls = tuple(_call(delta.id, delta.name, delta.arguments) for delta in deltas)
        return Answer(
            text=text,
            reasoning=reasoning,
            tool_calls=calls,
            finish_reason=self._finish_reason,
            model=self._model,
            usage=self.usage,
            message=_message(text, reasoning, calls),
        )


def _newer(before: UsageReported | None, now: UsageReported) -> UsageReported:
    if before is None:
        return now
    return UsageReported(
        now.prompt_tokens or before.prompt_tokens,
        now.completion_tokens or before.completion_tokens,
        now.total_tokens or before.total_tokens,
        now.cached_tokens or before.cached_tokens,
        now.reasoning_tokens or before.reasoning_tokens,
    )


def _call(id: str, name: str, arguments: str) -> ToolCall:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def _message(text: str, reasoning: str, calls: tuple[ToolCall, ...]) -> ChatMessage:
    """The assistant's message. Thoughts go back with a call, and only then.

    DeepSeek refuses to go on without the thoughts that led to a call; of other answers it
    ignores them, and its older models refuse them (DeepSeek API, thinking mode).
    """
    message: ChatMessage = {"role": "assistant", "content": text}
    if calls and reasoning:
        message["reasoning_content"] = reasoning
    if calls:
        message["tool_calls"] = list(calls)
    return message

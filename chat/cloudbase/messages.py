"""What we ask a model (OpenAI chat completions, request body) and what a whole answer holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from chat.cloudbase.events import UsageReported

Role = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation; `content` is text or a list of OpenAI content parts.

    `tool_calls` belongs to an assistant's message, `tool_call_id` to a tool's answer.
    """

    role: Role
    content: str | Sequence[Mapping[str, Any]] | None
    tool_calls: Sequence[Mapping[str, Any]] = ()
    tool_call_id: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """The message as it is sent; what is not set is absent."""
        message: dict[str, Any] = {"role": self.role, "content": self.content}
        if self.tool_calls:
            message["tool_calls"] = self.tool_calls
        if self.tool_call_id is not None:
            message["tool_call_id"] = self.tool_call_id
        return message


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """What a model is to answer: its id, the messages, and parameters that pass through untouched.

    A streaming request asks for a usage report by `stream_options`; a parameter of that name
    replaces ours, and None leaves it out for services that refuse it.
    """

    model: str
    messages: Sequence[Message]
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def body(self, *, stream: bool) -> bytes:
        """The JSON of the request, UTF-8."""
        parameters = dict(self.parameters)
        if stream:
            parameters.setdefault("stream_options", {"include_usage": True})
        if parameters.get("stream_options", ...) is None:
            del parameters["stream_options"]
        return msgspec.json.encode(
            {
                **parameters,
                "model": self.model,
                "messages": [message.as_dict() for message in self.messages],
                "stream": stream,
            }
        )


@dataclass(frozen=True, slots=True)
class Completion:
    """A whole answer; `raw` is the body as it came, unknown members included."""

    text: str
    reasoning: str
    finish_reason: str | None
    model: str | None
    usage: UsageReported | None
    raw: Mapping[str, Any]

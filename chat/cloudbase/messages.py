"""What we ask a model (OpenAI chat completions, request body) and what a whole answer holds."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Required, TypedDict, cast

from chat.cloudbase.encoding import encoded
from chat.cloudbase.events import Usage

Role = Literal["system", "user", "assistant", "tool"]


class CalledFunction(TypedDict):
    """What a tool call asks for; `arguments` is JSON text."""

    name: str
    arguments: str


class ToolCall(TypedDict):
    """One call that a model makes of a tool, as it stands in an assistant's message."""

    id: str
    type: str
    function: CalledFunction


class ChatMessage(TypedDict, total=False):
    """One message of a conversation as plain JSON-able members (OpenAI chat completions).

    Members that are not named here pass through as they are.
    """

    role: Required[str]
    content: str | Sequence[Mapping[str, Any]] | None
    tool_calls: Sequence[ToolCall]
    tool_call_id: str
    reasoning_content: str


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation; `content` is text or a list of OpenAI content parts.

    `tool_calls` belongs to an assistant's message, `tool_call_id` to a tool's answer.
    """

    role: Role
    content: str | Sequence[Mapping[str, Any]] | None
    tool_calls: Sequence[Mapping[str, Any]] = ()
    tool_call_id: str | None = None

    def as_dict(self) -> ChatMessage:
        """The message as it is sent; what is not set is absent."""
        message: dict[str, Any] = {"role": self.role, "content": self.content}
        if self.tool_calls:
            message["tool_calls"] = self.tool_calls
        if self.tool_call_id is not None:
            message["tool_call_id"] = self.tool_call_id
        return cast("ChatMessage", message)


AnyMessage = Message | ChatMessage | Mapping[str, Any]
"""How a caller may write a message."""


def as_dicts(messages: Iterable[AnyMessage]) -> list[ChatMessage]:
    """Return a new list of the messages, each as a dict of its own."""
    return [
        message.as_dict() if isinstance(message, Message) else cast("ChatMessage", dict(message))
        for message in messages
    ]


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """What a model is to answer: its id, the messages, and parameters that pass through untouched.

    A streaming request asks for a usage report by `stream_options`; a parameter of that name
    replaces ours, and None leaves it out for services that refuse it.
    """

    model: str
    messages: Sequence[AnyMessage]
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def body(self, *, stream: bool) -> bytes:
        """The JSON of the request, UTF-8."""
        parameters = dict(self.parameters)
        if stream:
            parameters.setdefault("stream_options", {"include_usage": True})
        if parameters.get("stream_options", ...) is None:
            del parameters["stream_options"]
        return encoded(
            {
                **parameters,
                "model": self.model,
                "messages": as_dicts(self.messages),
                "stream": stream,
            }
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of a model. `message` is the assistant's message to send back if the
    conversation goes on; `text` and `reasoning` are "" and `tool_calls` is () where it has none.
    """

    text: str
    reasoning: str
    tool_calls: tuple[ToolCall, ...]
    finish_reason: str | None
    model: str | None
    usage: Usage | None
    message: ChatMessage


@dataclass(frozen=True, slots=True)
class Completion(Answer):
    """A whole answer; `message` is as it was received, and `raw` the body, with every member."""

    raw: dict[str, Any]

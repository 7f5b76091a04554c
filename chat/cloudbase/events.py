"""What happened while a model answered: small frozen values, a union to match on."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ModelNamed:
    """The model that answers, as it names itself. Once, before everything else if it says so."""

    model: str


@dataclass(frozen=True, slots=True)
class TextDelta:
    """More of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """More of what the model thinks before it answers."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """More of a call that the model makes of a tool.

    `index` says of which call of the answer. A filled `id` or `name` replaces an earlier one;
    `arguments`, a piece of JSON text, is added to what came before.
    """

    index: int
    id: str = ""
    name: str = ""
    arguments: str = ""

    def __add__(self, later: "ToolCallDelta") -> "ToolCallDelta":
        """The two as one."""
        return ToolCallDelta(
            self.index,
            later.id or self.id,
            later.name or self.name,
            self.arguments + later.arguments,
        )


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens; of several requests the sum. None means that no service said."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None

    def __add__(self, other: "Usage") -> "Usage":
        """The sum; what one of them does not say counts 0."""
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.total_tokens + other.total_tokens,
            _sum(self.cached_tokens, other.cached_tokens),
            _sum(self.reasoning_tokens, other.reasoning_tokens),
        )


def _sum(one: int | None, other: int | None) -> int | None:
    return other if one is None else one + (other or 0)


@dataclass(frozen=True, slots=True)
class UsageReported(Usage):
    """Tokens of this request so far, as the service counts them; a later report replaces it."""


@dataclass(frozen=True, slots=True)
class Finished:
    """The answer is complete; the last event. `reason` is the service's word: stop, length, …"""

    reason: str


StreamEvent = ModelNamed | TextDelta | ReasoningDelta | ToolCallDelta | UsageReported | Finished

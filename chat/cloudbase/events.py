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
class UsageReported:
    """Tokens of this request so far, as counted by the service; a later report replaces this one.

    None means that the service did not say.
    """

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    """The answer is complete; the last event. `reason` is the service's word: stop, length, …"""

    reason: str


StreamEvent = ModelNamed | TextDelta | ReasoningDelta | UsageReported | Finished

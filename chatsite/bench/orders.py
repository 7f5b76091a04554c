"""What the parts of a bench say to each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

DONE = "[DONE]"
"""The last data of a stream, and the last frame of the relay."""


@dataclass(frozen=True, slots=True)
class Order:
    """A question to the synthetic model: the name of the stream, its tokens, tokens a second."""

    stream: str
    tokens: int
    rate: float

    def __str__(self) -> str:
        """The words of the question."""
        return f"{self.stream} {self.tokens} {self.rate}"

    @classmethod
    def parse(cls, question: str) -> Self:
        """Read a question back; raises ValueError if it is none of ours."""
        stream, tokens, rate = question.split()
        return cls(stream, int(tokens), float(rate))

"""The steps of a trace, for whoever traces. While nobody does, they cost next to nothing.

    with tracing.step("gate", model=model.name) as step:
        ...
        step.note(status="passed")

Facts are ids, names of models and codes: never what people wrote, never a key.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Final, Protocol

Fact = str | int | float | bool


class Step(Protocol):
    """A step that is being taken."""

    def note(self, **facts: Fact) -> None:
        """Add what is known about it only now."""


class Tracer(Protocol):
    """Whoever writes steps down."""

    def step(
        self, name: str, under: object | None, facts: dict[str, Fact]
    ) -> AbstractContextManager[Step]:
        """Take a step; it ends with the block, and fails with what leaves it."""

    def here(self) -> object:
        """The step that is being taken here, to take others under it elsewhere."""


class _Untraced:
    """A step that nobody writes down."""

    def __enter__(self) -> _Untraced:
        return self

    def __exit__(self, *_trouble: object) -> None:
        pass

    def note(self, **facts: Fact) -> None:
        pass


_UNTRACED: Final = _Untraced()
_tracer: Tracer | None = None


def trace_with(tracer: Tracer | None) -> None:
    """From now on `tracer` writes the steps of this process down; None: nobody does."""
    global _tracer
    _tracer = tracer


def step(name: str, *, under: object | None = None, **facts: Fact) -> AbstractContextManager[Step]:
    """Take a step, below that of `under` (see `here`), else below the one being taken here."""
    return _UNTRACED if _tracer is None else _tracer.step(name, under, facts)


def here() -> object | None:
    """The step that is being taken here, for a task whose context is not ours."""
    return None if _tracer is None else _tracer.here()

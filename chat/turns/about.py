"""What a task is about, for its log lines; it goes along into its tasks and the database's threads.

Made of no model: the logs are set up before there are any.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chat import request_ids

if TYPE_CHECKING:
    from chat.turns.questions import Turn


@dataclass(frozen=True, slots=True)
class About:
    """Numbers of rows, and the names of what is asked; nobody's name and nobody's words."""

    turn: int | None = None
    """The number of the answer's row."""
    user: int | None = None
    environment: str = ""
    group: str = ""
    model: str = ""

    def facts(self) -> dict[str, str | int]:
        """What is known of it, and the request id."""
        known = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {
            name: value
            for name, value in {"request_id": request_ids.current.get(), **known}.items()
            if value not in ("", None)
        }


current: ContextVar[About] = ContextVar("about", default=About())  # noqa: B039  # it is frozen


@contextmanager
def telling(turn: Turn) -> Iterator[None]:
    """Inside, everything that is done is about `turn`, and has its request id."""
    tokens = request_ids.current.set(turn.message.request_id), current.set(_of(turn))
    try:
        yield
    finally:
        request_ids.current.reset(tokens[0])
        current.reset(tokens[1])


def _of(turn: Turn) -> About:
    if turn.model is None:
        return About(turn.message.pk, turn.asker_pk)
    group = turn.model.group
    return About(
        turn=turn.message.pk,
        user=turn.asker_pk,
        environment=group.environment.env_id,
        group=group.name,
        model=turn.model.name,
    )

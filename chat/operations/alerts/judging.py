"""When an alert begins and when it ends, whatever is measured."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto


class Change(Enum):
    """What became of an alert."""

    NONE = auto()
    BEGAN = auto()
    ENDED = auto()


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether something is told to be so, and for how many looks in a row it was otherwise."""

    is_firing: bool = False
    streak: int = 0


def judged(standing: Standing, *, is_over: bool, hold: int) -> tuple[Standing, Change]:
    """What one more look makes of it.

    What begins and what ends must be seen `hold` times in a row, so that a value which goes up and
    down around its threshold is told once.
    """
    if is_over == standing.is_firing:
        return Standing(standing.is_firing), Change.NONE
    if standing.streak + 1 < hold:
        return Standing(standing.is_firing, standing.streak + 1), Change.NONE
    return Standing(is_over), Change.BEGAN if is_over else Change.ENDED

"""What the doctor says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found at a check, on one line, and what to do about it (empty: nothing)."""

    check: str
    state: State
    said: str
    remedy: str = ""


def ok(check: str, said: str) -> Finding:
    """All is well."""
    return Finding(check, State.OK, said)


def warning(check: str, said: str, remedy: str) -> Finding:
    """It works, and should be otherwise."""
    return Finding(check, State.WARNING, said, remedy)


def error(check: str, said: str, remedy: str) -> Finding:
    """Something does not work, or is not safe."""
    return Finding(check, State.ERROR, said, remedy)

"""The values of preflight: what was wanted, each check with its evidence, and one next action."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class State(StrEnum):
    """What a check came to."""

    OK = "ok"
    NOT_OK = "not_ok"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"
    WAITING = "waiting"
    """Nothing was asked yet, or what is known is too old."""


class Intent(StrEnum):
    """What a person wants (CloudBase AI, eligibility by user intent)."""

    ANYTHING = "anything"
    HUNYUAN = "hunyuan"
    MANAGED = "managed"
    THIRD_PARTY = "third_party"


class Step(StrEnum):
    """The checks, in the order in which they are made: eligibility, then readiness."""

    CONNECTION = "connection"
    GROWTH_PLAN = "growth_plan"
    CHANNEL = "channel"
    TOKEN_PACK = "token_pack"  # noqa: S105  # the name of a check
    RESOURCE_PLAN = "resource_plan"
    GROUP_EXISTS = "group_exists"
    GROUP_ON = "group_on"
    MODEL_LISTED = "model_listed"
    CALL = "call"


class ActionKind(StrEnum):
    """How a next action is offered."""

    LINK = "link"
    ENABLE = "enable"
    """A button: switch the model on, at its price."""
    CALL = "call"
    """A button: a real call of one token."""
    WAIT = "wait"
    """A countdown, and then the check again."""
    CONFIGURE = "configure"
    """A page of ours: the keys or the groups of the environment."""
    RECHECK = "recheck"


@dataclass(frozen=True, slots=True)
class NextAction:
    """The one thing to do about a check. `label` is English, marked for the translators."""

    kind: ActionKind
    label: str
    url: str = ""
    until: datetime | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    """Fill the `%(name)s` places of `label`."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """By what a check was decided; nothing in it is secret."""

    action: str
    at: datetime | None = None
    request_id: str | None = None
    saw: str = ""
    """In the service's own words and names."""


@dataclass(frozen=True, slots=True)
class Check:
    """One check. `sentence` is English, marked for the translators; `params` fill its places."""

    step: Step
    state: State
    sentence: str
    params: Mapping[str, Any] = field(default_factory=dict)
    evidence: Evidence | None = None
    action: NextAction | None = None
    is_blocking: bool = True
    """Whether a state other than ok or skipped keeps the call from being made."""

    @property
    def is_passed(self) -> bool:
        """Whether this check keeps nothing from being called."""
        return not self.is_blocking or self.state in (State.OK, State.SKIPPED)


@dataclass(frozen=True, slots=True)
class Subject:
    """What is to be called, and why."""

    intent: Intent
    group: str
    model: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """All checks of a subject, in their order, and what they come to."""

    subject: Subject
    checks: tuple[Check, ...]

    @property
    def in_the_way(self) -> Check | None:
        """The check to deal with next, None if the call may be made.

        It is the first that is not passed; one that is unknown comes after all others, since only
        a real call settles it, which takes everything else to be right. For the same reason a real
        call that worked makes up for all but what was seen to be wrong.
        """
        failing = [check for check in self.checks if not check.is_passed]
        if not failing:
            return None
        wrong = [check for check in failing if check.state is State.NOT_OK]
        call = self.check(Step.CALL)
        if call is not None and call.state is State.OK:
            return next(iter(wrong), None)
        definite = [check for check in failing if check.state is not State.UNKNOWN]
        return next(iter(definite or failing), None)

    @property
    def state(self) -> State:
        """Ok if the call may be made, else the state of what is in the way."""
        check = self.in_the_way
        return State.OK if check is None else check.state

    def check(self, step: Step) -> Check | None:
        """The check of a step, if it is made for this subject."""
        return next((check for check in self.checks if check.step is step), None)

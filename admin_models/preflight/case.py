"""One case to judge: the facts, what is to be called, and on what terms."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeVar

from admin_models.preflight.checks import (
    ActionKind,
    Check,
    Evidence,
    NextAction,
    State,
    Step,
    Subject,
)
from admin_models.preflight.facts import REFUSALS, Facts, Failure, Seen
from chat.cloudbase.errors import _

CALL_PROVES: Final = timedelta(hours=24)
"""So long a real call proves what cannot be seen; a refused one ends it at once."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Terms:
    """What the checks depend on beside the facts."""

    now: datetime
    max_age: timedelta
    """Of an answer; an older one has to be asked for again."""
    blocking_switches: frozenset[int] = frozenset()
    """Values of `versionSwitchStatus` that keep a pack from paying; the vendor documents none."""


@dataclass(frozen=True, slots=True)
class Case:
    """Everything that a check looks at."""

    facts: Facts
    subject: Subject
    terms: Terms

    def is_fresh(self, seen: Seen[T]) -> bool:
        """Whether what was seen is young enough to decide by."""
        return seen.fresh(self.terms.now, self.terms.max_age) is not None

    @property
    def call(self) -> Seen[bool]:
        """The last real call of the subject."""
        return self.facts.call(self.subject.group, self.subject.model)

    @property
    def refusal(self) -> Failure | None:
        """How the service refused the last real call, if that says something about the next."""
        failure = self.call.failure
        return failure if failure is not None and failure.code in REFUSALS else None

    @property
    def was_answered(self) -> bool:
        """Whether a real call proves that the next one works too."""
        return self.refusal is None and self.call.fresh(self.terms.now, CALL_PROVES) is True

    def unseen(self, step: Step, seen: Seen[T], *, is_blocking: bool = True) -> Check | None:
        """The check of something that is not known (any more); None if it is."""
        if self.is_fresh(seen):
            return None
        if not self.facts.has_cloud_keys:
            return Check(
                step,
                State.UNKNOWN,
                _("Without the secret id and key of the account this cannot be seen."),
                evidence=Evidence(seen.action),
                action=NextAction(ActionKind.CONFIGURE, _("Enter the secret id and key")),
                is_blocking=is_blocking,
            )
        if seen.failure is not None:
            return Check(
                step,
                State.UNKNOWN,
                _("The question could not be answered: %(code)s."),
                {"code": seen.failure.code},
                evidence=evidence_of_failure(seen.action, seen.failure),
                action=NextAction(ActionKind.RECHECK, _("Check again")),
                is_blocking=is_blocking,
            )
        sentence = _("This is being checked.")
        return Check(step, State.WAITING, sentence, is_blocking=is_blocking)


def evidence(seen: Seen[T], saw: str = "") -> Evidence:
    """By the last answer, or where there was none, by the failure."""
    if seen.at is None and seen.failure is not None:
        return evidence_of_failure(seen.action, seen.failure)
    return Evidence(seen.action, seen.at, seen.request_id, saw)


def evidence_of_failure(action: str, failure: Failure) -> Evidence:
    """By how an action failed, in the service's own words."""
    said = str(failure.error.get("detail") or failure.code)
    return Evidence(action, failure.at, failure.request_id, said)


def try_it() -> NextAction:
    """The offer of a real call, never made by itself."""
    return NextAction(ActionKind.CALL, _("Make a call of one token"))

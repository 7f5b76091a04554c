"""From what was seen to a verdict, in the fixed order. No clock, no database, no network."""

from __future__ import annotations

from typing import Final

from admin_models.preflight import eligibility, readiness
from admin_models.preflight.case import Case, Terms, evidence, evidence_of_failure, try_it
from admin_models.preflight.checks import (
    ActionKind,
    Check,
    Intent,
    NextAction,
    State,
    Step,
    Subject,
    Verdict,
)
from admin_models.preflight.facts import Facts
from chat.cloudbase import group_names
from chat.cloudbase.errors import _

GROWTH_MODEL: Final = "hunyuan-2.0-instruct-20251111"
"""What the growth plan makes available by itself (CloudBase AI, default models)."""


def verdict(facts: Facts, subject: Subject, terms: Terms) -> Verdict:
    """All checks for calling `subject`, in their order: eligibility first, then readiness."""
    case = Case(facts, subject, terms)
    made = [_connection(facts), *eligibility.checks(case), *readiness.checks(case)]
    is_something_unknown = any(c.state is State.UNKNOWN and c.is_blocking for c in made)
    return Verdict(subject, (*made, _call(case, is_needed=is_something_unknown)))


def intent_of(group: str) -> Intent:
    """What somebody wants who asks for a model of this group."""
    if group_names.is_custom(group):
        return Intent.THIRD_PARTY
    return Intent.HUNYUAN if group == group_names.GROWTH_PLAN else Intent.MANAGED


def suggested(intent: Intent, facts: Facts, model: str = "") -> Subject:
    """The group that an intent leads to, and its model if nobody named one.

    Nothing in particular: the growth plan's model where the environment takes part in the plan,
    else the managed group. A third party's: the custom group that lists it, or none yet. It is a
    suggestion to a person; a call never switches by itself.
    """
    if intent is Intent.THIRD_PARTY:
        return Subject(intent, _custom_group_of(model, facts), model)
    is_for_growth = intent is Intent.HUNYUAN or (
        intent is Intent.ANYTHING and eligibility.is_enrolled(facts)
    )
    if is_for_growth:
        return Subject(intent, group_names.GROWTH_PLAN, model or GROWTH_MODEL)
    return Subject(intent, group_names.MANAGED, model)


def _custom_group_of(model: str, facts: Facts) -> str:
    groups = [g for g in facts.groups.answer or () if group_names.is_custom(g.group_name)]
    return next((group.group_name for group in groups if group.offers(model)), "")


def _connection(facts: Facts) -> Check:
    configure = NextAction(ActionKind.CONFIGURE, _("Open the environment's settings"))
    if not facts.is_enabled:
        sentence = _("This environment is switched off.")
        return Check(Step.CONNECTION, State.NOT_OK, sentence, action=configure)
    if not facts.has_key:
        sentence = _("This environment has no API key, so that no model can be called.")
        return Check(Step.CONNECTION, State.NOT_OK, sentence, action=configure)
    return Check(Step.CONNECTION, State.OK, _("The environment is set up and switched on."))


def _call(case: Case, *, is_needed: bool) -> Check:
    """A real call, for what cannot be seen."""
    failure = case.call.failure
    if case.was_answered:
        sentence, seen = _("A real call was answered."), evidence(case.call)
        return Check(Step.CALL, State.OK, sentence, evidence=seen, is_blocking=is_needed)
    if failure is not None:
        return Check(
            Step.CALL,
            State.NOT_OK if case.refusal else State.UNKNOWN,
            _("The last real call was refused: %(code)s.")
            if case.refusal
            else _("The last real call got no answer: %(code)s."),
            {"code": failure.code},
            evidence=evidence_of_failure(case.call.action, failure),
            action=try_it(),
            is_blocking=is_needed,
        )
    if not is_needed:
        return Check(Step.CALL, State.SKIPPED, _("Nothing is left for a call to prove."))
    sentence = _("Only a real call of one token can settle what is unknown.")
    return Check(Step.CALL, State.UNKNOWN, sentence, action=try_it())

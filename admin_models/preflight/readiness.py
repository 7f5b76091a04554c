"""Second: is the group there, is it on, and does it list the model? (CloudBase AI, mandatory
preflight, step two)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from admin_models.preflight import links
from admin_models.preflight.case import Case, evidence
from admin_models.preflight.checks import ActionKind, Check, Intent, NextAction, State, Step
from admin_models.preflight.facts import Facts
from chat.cloudbase import group_names
from chat.cloudbase.control_plane import AIModelGroup
from chat.cloudbase.errors import _

TAKES_EFFECT: Final = timedelta(minutes=2)
"""After that long a change of a group counts everywhere (CloudBase, model management)."""

_TOO_EARLY: Final = ("model_disabled", "model_not_enabled", "model_not_found", "group_not_found")
"""Codes of a refused call that a change may explain which does not count yet."""
_STEPS = (Step.GROUP_EXISTS, Step.GROUP_ON, Step.MODEL_LISTED)


def checks(case: Case) -> Iterator[Check]:
    """Three separate facts of the group and the model."""
    seen = case.facts.groups
    if not case.is_fresh(seen):
        unseen = (case.unseen(step, seen) for step in _STEPS)
        yield from filter(None, unseen)
        return
    group = case.facts.group(case.subject.group)
    yield _exists(case, group)
    if group is None:
        for step in _STEPS[1:]:
            yield Check(step, State.SKIPPED, _("There is no such group."))
        return
    yield _is_on(case, group)
    yield _lists(case, group)


def _exists(case: Case, group: AIModelGroup | None) -> Check:
    params = {"group": case.subject.group}
    saw = evidence(case.facts.groups, saw=case.facts.group_names or "-")
    if group is not None:
        sentence = _("The group %(group)s exists.")
        return Check(Step.GROUP_EXISTS, State.OK, sentence, params, evidence=saw)
    return Check(
        Step.GROUP_EXISTS,
        State.NOT_OK,
        _("The environment has no group %(group)s.")
        if case.subject.group
        else _("No custom group of the environment offers this model."),
        params,
        evidence=saw,
        action=_make_the_group(case),
    )


def _make_the_group(case: Case) -> NextAction:
    if case.subject.intent is Intent.THIRD_PARTY or case.facts.is_local:
        return _register()
    return _open_console(case.facts)


def _open_console(facts: Facts) -> NextAction:
    return NextAction(ActionKind.LINK, _("Open the console"), links.console(facts.env_id))


def _register() -> NextAction:
    return NextAction(ActionKind.CONFIGURE, _("Register a custom group"))


def _is_on(case: Case, group: AIModelGroup) -> Check:
    saw = evidence(case.facts.groups, saw=f"Status {group.status}")
    if group.is_on:
        return Check(Step.GROUP_ON, State.OK, _("The group is switched on."), evidence=saw)
    sentence = _("The group is switched off.")
    return Check(Step.GROUP_ON, State.NOT_OK, sentence, evidence=saw, action=_enable(case))


def _lists(case: Case, group: AIModelGroup) -> Check:
    model = case.subject.model
    is_listed = bool(model) and group.offers(model)
    saw = evidence(case.facts.groups, saw=model if is_listed else "-")
    params = {"model": model}
    if is_listed and (until := _not_yet_in_effect(case)) is not None:
        return Check(
            Step.MODEL_LISTED,
            State.WAITING,
            _("The model %(model)s was switched on a moment ago; it may take two minutes."),
            params,
            evidence=saw,
            action=NextAction(ActionKind.WAIT, _("Wait"), until=until),
        )
    if is_listed:
        return Check(Step.MODEL_LISTED, State.OK, _("The model is switched on."), evidence=saw)
    sentence, action = _why_not_listed(case)
    return Check(Step.MODEL_LISTED, State.NOT_OK, sentence, params, evidence=saw, action=action)


def _why_not_listed(case: Case) -> tuple[str, NextAction]:
    facts, subject = case.facts, case.subject
    if not subject.model:
        return _("No model was chosen yet."), NextAction(ActionKind.CONFIGURE, _("Choose a model"))
    if subject.group == group_names.GROWTH_PLAN:
        sentence = _("The group of the growth plan does not offer the model %(model)s.")
        return sentence, _open_console(facts)
    is_at_hand = facts.managed(subject.group, subject.model) is not None
    if facts.is_local or is_at_hand or subject.group != group_names.MANAGED:
        return _("The model %(model)s is not switched on in this group."), _enable(case)
    if facts.catalogue.answer is None:
        sentence = _("The model %(model)s is not switched on; the catalogue was not readable.")
        return sentence, NextAction(ActionKind.RECHECK, _("Check again"))
    sentence = _(
        "The model %(model)s is neither switched on nor in the catalogue; capital letters count. "
        "A model from elsewhere needs a custom group."
    )
    return sentence, _register()


def _enable(case: Case) -> NextAction:
    model = case.subject.model
    return NextAction(ActionKind.ENABLE, _("Switch on %(model)s"), params={"model": model})


def _not_yet_in_effect(case: Case) -> datetime | None:
    """Until when a change made here may not count yet, if a call was refused since; else None."""
    changed = case.facts.switched_on.get((case.subject.group, case.subject.model))
    refusal = case.refusal
    if changed is None or refusal is None or refusal.at < changed:
        return None
    until = changed + TAKES_EFFECT
    return until if refusal.code in _TOO_EARLY and until > case.terms.now else None

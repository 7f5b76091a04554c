"""First: may the environment be billed for this group?

Sources: CloudBase AI, mandatory preflight, step one; CloudBase, overview of billing (the
resource-point plan that replaced token packs in June 2026).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from admin_models.preflight import links
from admin_models.preflight.case import (
    CALL_PROVES,
    Case,
    evidence,
    evidence_of_failure,
    try_it,
)
from admin_models.preflight.checks import ActionKind, Check, Intent, NextAction, State, Step
from admin_models.preflight.facts import Facts, Failure
from chat.cloudbase import group_names
from chat.cloudbase.control_plane import PostpayPackage
from chat.cloudbase.errors import _

GROWTH_ACTIVITY: Final = "ai_miniprogram_inspire_plan"
PACK_PREFIX: Final = "pkg_tcb_tokencredits_"
PACK_EXPIRED: Final = 3
PACK_DISABLED: Final = 4

_NOTHING_PAYS: Final = ("quota_exhausted", "environment_suspended")
"""Codes of a refused call (CloudBase gateway, error codes)."""


def checks(case: Case) -> Iterator[Check]:
    """The growth plan or who else pays, in their order; custom groups need neither."""
    if case.subject.group not in (group_names.GROWTH_PLAN, group_names.MANAGED):
        sentence = _("A custom group is paid for at its own vendor.")
        yield Check(Step.GROWTH_PLAN, State.SKIPPED, sentence)
        yield Check(Step.TOKEN_PACK, State.SKIPPED, sentence)
    elif case.subject.group == group_names.GROWTH_PLAN:
        yield _growth_plan(case, is_blocking=True)
        yield _channel(case)
    else:
        if case.subject.intent is Intent.ANYTHING and not case.facts.is_local:
            yield _growth_plan(case, is_blocking=False)
        pack = _token_pack(case)
        yield pack
        if not case.facts.is_local:
            yield _resource_plan(case, pack.state)


def is_enrolled(facts: Facts) -> bool:
    """Whether the environment was seen to take part in the growth plan."""
    return any(
        record.activity_name == GROWTH_ACTIVITY and record.env_id == facts.env_id
        for record in facts.activities.answer or ()
    )


def _growth_plan(case: Case, *, is_blocking: bool) -> Check:
    seen = case.facts.activities
    if (unseen := case.unseen(Step.GROWTH_PLAN, seen, is_blocking=is_blocking)) is not None:
        return unseen
    has_enrolled = is_enrolled(case.facts)
    sentence = (
        _("The environment takes part in the Mini Program growth plan.")
        if has_enrolled
        else _(
            "The environment does not take part in the Mini Program growth plan. Enrol it and "
            "check again, or choose another group and model."
        )
    )
    return Check(
        Step.GROWTH_PLAN,
        State.OK if has_enrolled else State.NOT_OK,
        sentence,
        evidence=evidence(seen, saw=GROWTH_ACTIVITY if has_enrolled else "-"),
        action=None if has_enrolled else _enrol(),
        is_blocking=is_blocking,
    )


def _enrol() -> NextAction:
    return NextAction(ActionKind.LINK, _("Enrol in the growth plan"), links.ENROLMENT)


def _channel(case: Case) -> Check:
    """The plan's quota answers mini programs only (CloudBase gateway, AI_CHANNEL_NOT_ALLOWED)."""
    if case.was_answered:
        sentence, seen = _("The service answered a call from here."), evidence(case.call)
        return Check(Step.CHANNEL, State.OK, sentence, evidence=seen)
    if (refusal := _recent_refusal_of_channel(case)) is not None:
        sentence = _(
            "The service refused a call from here: the quota of the growth plan answers mini "
            "programs only. Choose a model of the group cloudbase."
        )
        seen = evidence_of_failure(case.call.action, refusal)
        choose = NextAction(ActionKind.CONFIGURE, _("Choose a model of the group cloudbase"))
        return Check(Step.CHANNEL, State.NOT_OK, sentence, evidence=seen, action=choose)
    sentence = _(
        "The quota of the growth plan may be spent from mini programs only; calls by plain HTTP, "
        "like ours, are usually refused. Only a real call can tell."
    )
    return Check(Step.CHANNEL, State.UNKNOWN, sentence, action=try_it())


def _recent_refusal_of_channel(case: Case) -> Failure | None:
    """A plan may change its terms: after a while another call is offered."""
    refusal = case.refusal
    if refusal is None or refusal.code != "channel_not_allowed":
        return None
    return refusal if case.terms.now - refusal.at < CALL_PROVES else None


def _token_pack(case: Case) -> Check:
    """Whether a pack pays. A miss is the last word only where no other plan can be behind it."""
    seen, is_last_word = case.facts.packages, case.facts.is_local
    if (unseen := case.unseen(Step.TOKEN_PACK, seen, is_blocking=is_last_word)) is not None:
        return unseen
    packs = [p for p in seen.answer or () if p.postpay_package_id.startswith(PACK_PREFIX)]
    paying = next((pack for pack in packs if _pays(pack, case)), None)
    saw = evidence(seen, saw=", ".join(map(_described, packs)) or "-")
    if paying is not None:
        return Check(
            Step.TOKEN_PACK,
            State.OK,
            _("The token pack %(pack)s pays."),
            {"pack": paying.postpay_package_id},
            evidence=saw,
            is_blocking=is_last_word,
        )
    return Check(
        Step.TOKEN_PACK,
        State.NOT_OK,
        _why_none_pays(packs),
        evidence=saw,
        action=_get_a_pack(case.facts),
        is_blocking=is_last_word,
    )


def _get_a_pack(facts: Facts) -> NextAction:
    if facts.is_local:
        return NextAction(ActionKind.CONFIGURE, _("Issue a token pack"))
    return NextAction(ActionKind.LINK, _("Buy a token pack"), links.purchase(facts.env_id))


def _pays(pack: PostpayPackage, case: Case) -> bool:
    is_usable = pack.status not in (PACK_EXPIRED, PACK_DISABLED)
    return is_usable and pack.version_switch_status not in case.terms.blocking_switches


def _why_none_pays(packs: Sequence[PostpayPackage]) -> str:
    statuses = {pack.status for pack in packs}
    if not packs:
        return _("The environment has no token pack.")
    if statuses == {PACK_EXPIRED}:
        return _("The token pack has expired or is used up.")
    if statuses == {PACK_DISABLED}:
        return _("The token pack is disabled.")
    if statuses == {PACK_EXPIRED, PACK_DISABLED}:
        return _("No token pack pays: they have expired, are used up, or are disabled.")
    return _("The token pack is being switched to another version and cannot pay meanwhile.")


def _described(pack: PostpayPackage) -> str:
    return f"{pack.postpay_package_id} (status {pack.status})"


def _resource_plan(case: Case, pack: State) -> Check:
    """Packs were replaced by a plan that no documented action shows: a miss proves nothing."""
    if pack is State.OK:
        return Check(Step.RESOURCE_PLAN, State.SKIPPED, _("The token pack pays already."))
    if pack is State.WAITING:
        return Check(Step.RESOURCE_PLAN, State.WAITING, _("The token packs are checked first."))
    if case.was_answered:
        sentence, seen = _("A call was answered, so that something pays."), evidence(case.call)
        return Check(Step.RESOURCE_PLAN, State.OK, sentence, evidence=seen)
    if case.refusal is not None and case.refusal.code in _NOTHING_PAYS:
        return Check(
            Step.RESOURCE_PLAN,
            State.NOT_OK,
            _("The service refused a call, as nothing pays for it: %(code)s."),
            {"code": case.refusal.code},
            evidence=evidence_of_failure(case.call.action, case.refusal),
            action=_get_a_pack(case.facts),
        )
    sentence = _(
        "The environment may pay by a resource-point plan, which replaced token packs in June "
        "2026 and cannot be asked for. Only a real call can tell."
    )
    return Check(
        Step.RESOURCE_PLAN,
        State.UNKNOWN,
        sentence,
        evidence=evidence(case.facts.information, saw=_seen_of_plan(case.facts)),
        action=try_it(),
    )


def _seen_of_plan(facts: Facts) -> str:
    information, credits_used = facts.information.answer, facts.credits.answer
    package = f"PackageName {information.package_name or '-'}" if information else ""
    points = f"DeductValue {credits_used.deduct_value}" if credits_used else ""
    return ", ".join(filter(None, (package, points))) or "-"

"""Stage preflight: a call was not made, because it could not have worked.

PreflightFailed
├── NoModelChosen
├── EnvironmentDisabled, KeyMissing
├── NotEnrolled, ChannelClosed, NobodyPays     who would pay
├── GroupMissing, GroupOff                     is it ready
├── ModelNotEnabled, ModelNotYetReady
├── NotYetKnown                                nothing was seen that allows it
└── CallRefused
"""

from __future__ import annotations

from typing import Any, ClassVar

from admin_models.models import Environment
from admin_models.preflight.checks import Check, NextAction, State, Step, Subject
from chat.cloudbase.errors import CloudBaseError, FixableBy, Stage, _


class PreflightFailed(CloudBaseError):
    """A call was not made; `next_action` is what to do about it, as `as_dict` stores it."""

    code = "preflight_failed"
    stage: ClassVar[Stage] = "preflight"
    fixable_by: ClassVar[FixableBy] = "admin"
    is_retryable = True
    user_message = _("This model cannot be called now.")
    next_action: dict[str, Any] | None = None

    def as_dict(self) -> dict[str, Any]:
        """As every error, with `next_action` if there is one."""
        action = {"next_action": self.next_action} if self.next_action else {}
        return super().as_dict() | action


class NoModelChosen(PreflightFailed):
    code = "preflight_no_model"
    user_message = _("No model is connected yet. An administrator can connect one.")


class EnvironmentDisabled(PreflightFailed):
    code = "preflight_environment_disabled"
    user_message = _("The environment of this model is switched off. Please choose another model.")


class KeyMissing(PreflightFailed):
    code = "preflight_key_missing"
    user_message = _("The environment of this model has no API key. An administrator can enter it.")


class NotEnrolled(PreflightFailed):
    code = "preflight_not_enrolled"
    user_message = _(
        "The environment does not take part in the Mini Program growth plan, which pays for "
        "%(model)s. Enrol it and try again, or choose another model."
    )


class ChannelClosed(PreflightFailed):
    code = "preflight_channel_closed"
    user_message = _(
        "The quota of the growth plan answers mini programs only, so that %(model)s cannot be "
        "called from here. Please choose another model."
    )


class NobodyPays(PreflightFailed):
    code = "preflight_nobody_pays"
    user_message = _(
        "Nothing pays for calls of %(model)s: the token pack is missing, used up, expired or "
        "disabled."
    )


class GroupMissing(PreflightFailed):
    code = "preflight_group_missing"
    user_message = _("The environment has no group %(group)s. Please choose another model.")


class GroupOff(PreflightFailed):
    code = "preflight_group_off"
    user_message = _("The group of this model is switched off. Please choose another model.")


class ModelNotEnabled(PreflightFailed):
    code = "preflight_model_not_enabled"
    user_message = _("This model is not enabled. Please choose another model.")


class ModelNotYetReady(PreflightFailed):
    code = "preflight_model_not_yet_ready"
    fixable_by: ClassVar[FixableBy] = "nobody"
    user_message = _(
        "%(model)s was switched on a moment ago; it may take two minutes. Please try again then."
    )


class NotYetKnown(PreflightFailed):
    code = "preflight_not_yet_known"
    user_message = _(
        "It is not known yet whether %(model)s may be called, so that no call was made. "
        "An administrator can settle it."
    )


class CallRefused(PreflightFailed):
    code = "preflight_call_refused"
    user_message = _(
        "The service refused the last call of %(model)s (%(refusal)s), and nothing shows that this "
        "has changed. An administrator can try again."
    )


_NOT_OK: dict[Step, type[PreflightFailed]] = {
    Step.GROWTH_PLAN: NotEnrolled,
    Step.CHANNEL: ChannelClosed,
    Step.TOKEN_PACK: NobodyPays,
    Step.RESOURCE_PLAN: NobodyPays,
    Step.GROUP_EXISTS: GroupMissing,
    Step.GROUP_ON: GroupOff,
    Step.MODEL_LISTED: ModelNotEnabled,
    Step.CALL: CallRefused,
}


def of_check(check: Check, subject: Subject, environment: Environment) -> PreflightFailed:
    """The error for a check that is in the way of calling `subject`."""
    names: dict[str, Any] = {"group": subject.group, "model": subject.model}
    refusal: dict[str, Any] = (
        {"refusal": str(check.params["code"])} if "code" in check.params else {}
    )
    request_id = check.evidence.request_id if check.evidence else None
    error = _kind(check, environment)(request_id=request_id, **names, **refusal)
    if check.action is not None:
        error.next_action = _as_dict(check.action) | names | {"environment": environment.pk}
    return error


def _kind(check: Check, environment: Environment) -> type[PreflightFailed]:
    if check.step is Step.CONNECTION:
        return KeyMissing if environment.is_enabled else EnvironmentDisabled
    if check.state is State.NOT_OK:
        return _NOT_OK[check.step]
    is_on_its_way = check.step is Step.MODEL_LISTED and check.action is not None
    is_waiting = check.state is State.WAITING
    return ModelNotYetReady if is_on_its_way and is_waiting else NotYetKnown


def _as_dict(action: NextAction) -> dict[str, Any]:
    return {
        "kind": str(action.kind),
        "label": action.label,
        "params": dict(action.params),
        "url": action.url,
        "until": action.until.isoformat() if action.until else "",
    }

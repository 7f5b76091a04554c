"""May this environment call this model? Asked before every turn; nothing falls back by itself."""

from __future__ import annotations

from typing import ClassVar

from chat.cloudbase.errors import CloudBaseError, FixableBy, Stage, _

from .models import AIModel, GroupStatus


class PreflightFailed(CloudBaseError):
    """A call was not made, because it could not have worked."""

    code = "preflight_failed"
    stage: ClassVar[Stage] = "preflight"
    fixable_by: ClassVar[FixableBy] = "admin"
    is_retryable = True
    user_message = _("This model cannot be called now.")


class NoModelChosen(PreflightFailed):
    code = "preflight_no_model"
    user_message = _("No model is connected yet. An administrator can connect one.")


class EnvironmentDisabled(PreflightFailed):
    code = "preflight_environment_disabled"
    user_message = _("The environment of this model is switched off. Please choose another model.")


class GroupOff(PreflightFailed):
    code = "preflight_group_off"
    user_message = _("The group of this model is switched off. Please choose another model.")


class ModelNotEnabled(PreflightFailed):
    code = "preflight_model_not_enabled"
    user_message = _("This model is not enabled. Please choose another model.")


def check(model: AIModel | None) -> AIModel:
    """The model, if it may be called now.

    Expects `group__environment` to be loaded, makes no query, and raises a `PreflightFailed`
    that names the first thing in the way: environment, then group, then model.
    """
    if model is None:
        raise NoModelChosen
    if not model.group.environment.is_enabled:
        raise EnvironmentDisabled
    if model.group.status != GroupStatus.ON:
        raise GroupOff
    if not model.is_enabled:
        raise ModelNotEnabled
    return model

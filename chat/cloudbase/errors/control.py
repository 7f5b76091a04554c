"""Stage preflight: the control plane of an environment answered, and refused or failed."""

from typing import ClassVar

from chat.cloudbase.errors.base import CloudBaseError, FixableBy, Stage, _


class ControlPlaneError(CloudBaseError):
    """`service_code` is the service's own code, for example `AuthFailure.SignatureExpire`."""

    code = "control_plane_error"
    stage: ClassVar[Stage] = "preflight"
    fixable_by: ClassVar[FixableBy] = "admin"
    user_message = _("The management interface of the environment refused the request.")

    @property
    def service_code(self) -> str | None:
        """The code as the service wrote it, None if it gave none."""
        code = self.params.get("service_code")
        return code if isinstance(code, str) else None


class SecretPairRefused(ControlPlaneError):
    code = "secret_pair_refused"
    user_message = _(
        "The vendor did not accept the secret id and secret key. An administrator can replace them."
    )


class ClockSkewed(ControlPlaneError):
    code = "clock_skewed"
    fixable_by = "operations"
    user_message = _(
        "The vendor refused the signature as too old or too new: the clock of this server is wrong."
    )


class ControlNotAuthorized(ControlPlaneError):
    code = "control_not_authorized"
    user_message = _(
        "The secret id is valid, but its account may not do this. An administrator can grant it "
        "the permission."
    )


class ControlParameterRefused(ControlPlaneError):
    code = "control_parameter_refused"
    user_message = _("The management interface did not accept a parameter of the request.")


class EnvironmentNotFound(ControlPlaneError):
    code = "environment_not_found"
    user_message = _("There is no such environment in the account of the secret id.")


class ResourceNotFound(ControlPlaneError):
    code = "resource_not_found"
    user_message = _("The environment does not have what the request names.")


class PlanTooSmall(ControlPlaneError):
    code = "plan_too_small"
    user_message = _(
        "The plan of the environment does not include this. An administrator can upgrade the plan."
    )


class EnvironmentFrozen(ControlPlaneError):
    code = "environment_frozen"
    user_message = _(
        "The environment is frozen, isolated or unpaid. An administrator can settle this with the "
        "vendor."
    )


class LimitReached(ControlPlaneError):
    code = "limit_reached"
    user_message = _("The environment already has as many of these as it may have.")


class GroupExists(ControlPlaneError):
    code = "group_exists"
    user_message = _("The environment already has a group or a key of that name.")


class ActionUnknown(ControlPlaneError):
    code = "action_unknown"
    fixable_by = "nobody"
    user_message = _("The management interface of this environment cannot do this.")


class ControlPlaneFailed(ControlPlaneError):
    code = "control_plane_failed"
    fixable_by = "nobody"
    is_retryable = True
    user_message = _(
        "The management interface of the environment failed. Please try again in a moment."
    )


class ControlPlaneBusy(ControlPlaneFailed):
    code = "control_plane_busy"
    user_message = _(
        "The management interface has too many requests. Please try again in a moment."
    )


class ControlPlaneSpokeGarbage(ControlPlaneError):
    code = "control_plane_spoke_garbage"
    fixable_by = "operations"
    user_message = _(
        "What answered at the address of the management interface is not the management interface."
    )

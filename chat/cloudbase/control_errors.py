"""From what Tencent's control plane said to the error it stands for.

Sources: `tcb` 2018-06-08, error codes of the vendor's Python SDK 3.1; the platform-wide ones
(AuthFailure.Signature…, RequestLimitExceeded, InvalidAction) from Tencent Cloud, common error
codes. Errors come with HTTP 200, in `Response.Error`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from chat.cloudbase import errors, refusals
from chat.cloudbase.members import Members

_BY_SERVICE_CODE: dict[str, type[errors.ControlPlaneError]] = {
    "AuthFailure": errors.SecretPairRefused,
    "AuthFailure.SignatureExpire": errors.ClockSkewed,
    "AuthFailure.UnauthorizedOperation": errors.ControlNotAuthorized,
    "UnauthorizedOperation": errors.ControlNotAuthorized,
    "OperationDenied": errors.ControlNotAuthorized,
    "OperationDenied.FreePackageDenied": errors.PlanTooSmall,
    "OperationDenied.ResourceFrozen": errors.EnvironmentFrozen,
    "FailedOperation": errors.ControlPlaneFailed,
    "FailedOperation.PackageUnsupported": errors.PlanTooSmall,
    "FailedOperation.AccountInsufficient": errors.EnvironmentFrozen,
    "ResourceUnavailable": errors.EnvironmentFrozen,
    "ResourceUnavailable.ResourceExist": errors.GroupExists,
    "InvalidParameter": errors.ControlParameterRefused,
    "InvalidParameter.Action": errors.ActionUnknown,
    "InvalidParameter.EnvId": errors.EnvironmentNotFound,
    "InvalidParameter.ResourceNotExists": errors.ResourceNotFound,
    "InvalidParameterValue": errors.ControlParameterRefused,
    "MissingParameter": errors.ControlParameterRefused,
    "UnknownParameter": errors.ControlParameterRefused,
    "ResourceNotFound": errors.ResourceNotFound,
    "ResourceNotFound.EnvNotExist": errors.EnvironmentNotFound,
    "ResourceInUse": errors.GroupExists,
    "LimitExceeded": errors.LimitReached,
    "LimitExceeded.Concurrent": errors.ControlPlaneBusy,
    "LimitExceeded.Request": errors.ControlPlaneBusy,
    "RequestLimitExceeded": errors.ControlPlaneBusy,
    "InternalError": errors.ControlPlaneFailed,
    "InvalidAction": errors.ActionUnknown,
    "NoSuchVersion": errors.ActionUnknown,
    "UnsupportedOperation": errors.ActionUnknown,
}
"""A code that is not here is its longest beginning that is, cut at the dots."""

_MAY_MEAN_THE_PLAN = frozenset(
    {
        "FailedOperation",
        "LimitExceeded",
        "OperationDenied",
        "ResourceUnavailable",
        "UnauthorizedOperation",
        "UnsupportedOperation",
    }
)
_PLAN_WORDS = re.compile(
    r"套餐|标准版|个人版|体验版"
    r"|\b(?:upgrade|standard|higher|current|free)\b[^.]{0,40}\b(?:plan|package|edition)\b"
    r"|\b(?:plan|package|edition)\b[^.]{0,40}\b(?:upgrade|not support|or above|or higher)",
    re.IGNORECASE,
)
_CODE_LENGTH = 120


def in_answer(
    status: int, body: bytes, headers: Mapping[str, str], *, secrets: Iterable[str] = ()
) -> errors.ControlPlaneError | None:
    """Return what is wrong with an answer of the control plane, None for a success."""
    response = response_of(body)
    said = response.mapping("Error") if response else None
    if response and said:
        return _refusal(Members(said), response.text("RequestId"), status, headers, secrets)
    if response and response.value("Error") is None and 200 <= status < 300:
        return None
    return _no_answer(status, body, headers, secrets)


def response_of(body: bytes) -> Members | None:
    """Return the members of `Response`, None if the body has none."""
    said = refusals.parsed(body)
    response = Members(said).mapping("Response") if said is not None else None
    return Members(response) if response is not None else None


def _refusal(
    said: Members,
    request_id: str,
    status: int,
    headers: Mapping[str, str],
    secrets: Iterable[str],
) -> errors.ControlPlaneError:
    code, message = said.text("Code"), said.text("Message")
    return _kind(code, message)(
        message or code,
        request_id=request_id,
        status=status,
        retry_after=refusals.seconds_to_wait(headers.get("retry-after", "")),
        secrets=secrets,
        service_code=errors.scrub(code, secrets)[:_CODE_LENGTH],
    )


def _no_answer(
    status: int, body: bytes, headers: Mapping[str, str], secrets: Iterable[str]
) -> errors.ControlPlaneError:
    """Something else answered, for example a gateway on the way."""
    kind: type[errors.ControlPlaneError] = errors.ControlPlaneSpokeGarbage
    if status == 429:
        kind = errors.ControlPlaneBusy
    elif status >= 500:
        kind = errors.ControlPlaneFailed
    return kind(
        refusals.text_of(body, headers.get("content-type", "")) or f"HTTP {status}",
        status=status,
        retry_after=refusals.seconds_to_wait(headers.get("retry-after", "")),
        secrets=secrets,
    )


def _kind(code: str, message: str) -> type[errors.ControlPlaneError]:
    family = code.partition(".")[0]
    kind = _by_longest_beginning(code)
    is_about_the_plan = family in _MAY_MEAN_THE_PLAN and _PLAN_WORDS.search(message)
    if is_about_the_plan and not issubclass(kind, errors.ControlPlaneBusy):
        return errors.PlanTooSmall
    return kind


def _by_longest_beginning(code: str) -> type[errors.ControlPlaneError]:
    while code:
        if code in _BY_SERVICE_CODE:
            return _BY_SERVICE_CODE[code]
        code = code.rpartition(".")[0]
    return errors.ControlPlaneError

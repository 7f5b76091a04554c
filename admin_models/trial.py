"""Tries a connection before anything is saved: each thing that can be wrong is told by itself."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from django.conf import settings

from admin_models import connections
from admin_models.findings import (
    CONNECTION,
    KEY,
    NAME,
    Finding,
    Tried,
    connected,
    host_of,
    looked_up,
    not_tried,
    refused,
)
from admin_models.models import Environment
from admin_models.preflight.checks import State
from chat.cloudbase import errors, group_names, tencent
from chat.cloudbase.app import CHINA_REGIONS
from chat.cloudbase.control_plane import Answered, EnvironmentInfo, Page
from chat.cloudbase.errors import CloudBaseError, _

NO_SUCH_MODEL: Final = "preflight-no-such-model"
"""Asked for, so that the gateway looks at the key and nothing can answer or cost anything."""

_KEY_REFUSED: Final = (errors.KeyRefused, errors.EnvironmentSuspended, errors.WrongAddress)
_KEY_ACCEPTED: Final = (
    errors.ModelNotEnabled,
    errors.GroupNotFound,
    errors.GroupIncomplete,
    errors.ModelDisabled,
    errors.ChannelNotAllowed,
    errors.ParameterRefused,
    errors.QuotaExhausted,
    errors.TooManyAtOnce,
)
"""Refusals that only somebody with a good key hears; any other proves nothing."""
_UNSIGNED: Final = (errors.SecretPairRefused, errors.ClockSkewed)
_SIGNED: Final = (
    errors.ControlNotAuthorized,
    errors.EnvironmentNotFound,
    errors.ResourceNotFound,
    errors.EnvironmentFrozen,
    errors.PlanTooSmall,
)
"""Refusals that come after the signature was accepted."""


async def of(environment: Environment) -> tuple[Tried, Tried]:
    """Try the gateway and the management interface of an environment, saved or not, at once.

    Never raises a CloudBaseError; each try ends after the time of a preflight question.
    """
    gateway, management = await asyncio.gather(_gateway(environment), _management(environment))
    return gateway, management


# The gateway, which answers


async def _gateway(environment: Environment) -> Tried:
    title = _("The gateway, which answers")
    try:
        app = connections.cloudbase_app(environment)
    except CloudBaseError as error:
        return Tried(title, "", (refused(KEY, error),))
    host = host_of(app.base_url)
    if (name := await looked_up(app.base_url, _CHECK_ENVIRONMENT)).state is not State.OK:
        return Tried(title, host, (name, not_tried(CONNECTION), not_tried(KEY)))
    refusal = await _asked_for_nothing(app.ai().create_model(group_names.MANAGED))
    connection = connected(app.base_url, refusal)
    key = _key(refusal) if connection.state is not State.NOT_OK else not_tried(KEY)
    return Tried(title, host, (name, connection, key))


async def _asked_for_nothing(model: Any) -> CloudBaseError | None:
    """Ask for a model that does not exist; the refusal tells how far the question came."""
    try:
        async with asyncio.timeout(settings.PREFLIGHT_TIMEOUT_SECONDS):
            await model.generate_text(
                model=NO_SUCH_MODEL, messages=[{"role": "user", "content": "1"}], max_steps=1
            )
    except TimeoutError:
        return errors.ProviderTimedOut()
    except CloudBaseError as error:
        return error
    return None


def _key(error: CloudBaseError | None) -> Finding:
    if isinstance(error, _KEY_REFUSED) or type(error) is errors.NotAllowed:
        return refused(KEY, error)
    if error is None or isinstance(error, _KEY_ACCEPTED):
        return _ok(KEY, _("The gateway knows the API key."), error)
    return refused(KEY, error, State.UNKNOWN)


# The management interface


async def _management(environment: Environment) -> Tried:
    title = _("The management interface, which tells what is set up")
    url = environment.control_url or _standard_address(environment)
    steps = (NAME, CONNECTION, _SIGNATURE, _PERMISSION)
    if not environment.has_cloud_keys:
        return Tried(title, host_of(url), tuple(_without_keys(step) for step in steps[2:]))
    if (name := await looked_up(url, _CHECK_ENVIRONMENT)).state is not State.OK:
        return Tried(title, host_of(url), (name, *map(not_tried, steps[1:])))
    said, error = await _described(environment)
    connection = connected(url, error)
    if connection.state is State.NOT_OK:
        return Tried(title, host_of(url), (name, connection, *map(not_tried, steps[2:])))
    findings = (name, connection, _signature(error), _permission(environment, said, error))
    return Tried(title, host_of(url), findings)


Said = Answered[Page[EnvironmentInfo]]


async def _described(environment: Environment) -> tuple[Said | None, CloudBaseError | None]:
    """The environment as its account sees it, if the account may also see its models."""
    try:
        async with asyncio.timeout(settings.PREFLIGHT_TIMEOUT_SECONDS):
            plane = connections.cloudbase_app(environment).control_plane()
            said = await plane.describe_envs(env_id=environment.env_id)
            await plane.describe_ai_models()
    except TimeoutError:
        return None, errors.ProviderTimedOut()
    except CloudBaseError as error:
        return None, error
    return said, None


def _signature(error: CloudBaseError | None) -> Finding:
    if isinstance(error, _UNSIGNED):
        return refused(_SIGNATURE, error)
    if error is None or isinstance(error, _SIGNED):
        return _ok(_SIGNATURE, _("The secret id and key were accepted."), error)
    return refused(_SIGNATURE, error, State.UNKNOWN)


def _permission(
    environment: Environment, said: Said | None, error: CloudBaseError | None
) -> Finding:
    if said is None or error is not None:
        is_known = isinstance(error, errors.ControlPlaneError) and not isinstance(
            error, (*_UNSIGNED, errors.ControlPlaneFailed, errors.ControlPlaneSpokeGarbage)
        )
        if is_known:
            return refused(_PERMISSION, error)
        return not_tried(_PERMISSION)
    found = next((e for e in said.value.items if e.env_id == environment.env_id), None)
    if found is None:
        missing = errors.EnvironmentNotFound(request_id=said.request_id)
        return refused(_PERMISSION, missing)
    saw = ", ".join(filter(None, (found.alias, found.status, found.region)))
    sentence = _("The account may see the environment and its models.")
    return Finding(_PERMISSION, State.OK, sentence, saw=saw, request_id=said.request_id)


def _standard_address(environment: Environment) -> str:
    is_abroad = environment.is_international or environment.region not in CHINA_REGIONS
    return tencent.INTERNATIONAL if is_abroad else tencent.CHINA


# What both have

_SIGNATURE: Final = _("Signature")
_PERMISSION: Final = _("Permission")
_CHECK_ENVIRONMENT: Final = _(
    "Check the environment id, the region and the name service of this server."
)


def _ok(title: str, sentence: str, error: CloudBaseError | None) -> Finding:
    """It worked, as a refusal for another reason tells."""
    request_id = error.request_id if error else None
    return Finding(
        title, State.OK, sentence, saw=error.code if error else "", request_id=request_id
    )


def _without_keys(title: str) -> Finding:
    return Finding(
        title,
        State.UNKNOWN,
        _("Not tried: this takes the secret id and key of the account."),
        advice=_("Enter them, or go on without: what they would show stays unknown."),
    )

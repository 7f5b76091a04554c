"""Tries a connection before anything is saved: each thing that can be wrong is told by itself."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from django.conf import settings

from admin_models import connections
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


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was tried. Sentences are English, marked for the translators."""

    title: str
    state: State
    sentence: str
    params: Mapping[str, Any] = field(default_factory=dict)
    advice: str = ""
    saw: str = ""
    """In the service's own words and names; nothing in it is secret."""
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Tried:
    """What was found out of one address."""

    title: str
    host: str
    findings: tuple[Finding, ...]

    @property
    def is_good(self) -> bool:
        """Whether nothing stands in the way."""
        return all(found.state in (State.OK, State.SKIPPED) for found in self.findings)


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
        return Tried(title, "", (_refused(_("API key"), error),))
    host = _host(app.base_url)
    if (name := await _looked_up(app.base_url)).state is not State.OK:
        return Tried(title, host, (name, _not_tried(_CONNECTION), _not_tried(_KEY)))
    refusal = await _asked_for_nothing(app.ai().create_model(group_names.MANAGED))
    connection = _connected(app.base_url, refusal)
    key = _key(refusal) if connection.state is not State.NOT_OK else _not_tried(_KEY)
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
        return _refused(_KEY, error)
    if error is None or isinstance(error, _KEY_ACCEPTED):
        return _ok(_KEY, _("The gateway knows the API key."), error)
    return _refused(_KEY, error, State.UNKNOWN)


# The management interface


async def _management(environment: Environment) -> Tried:
    title = _("The management interface, which tells what is set up")
    url = environment.control_url or _standard_address(environment)
    steps = (_NAME, _CONNECTION, _SIGNATURE, _PERMISSION)
    if not environment.has_cloud_keys:
        return Tried(title, _host(url), tuple(_without_keys(step) for step in steps[2:]))
    if (name := await _looked_up(url)).state is not State.OK:
        return Tried(title, _host(url), (name, *map(_not_tried, steps[1:])))
    said, error = await _described(environment)
    connection = _connected(url, error)
    if connection.state is State.NOT_OK:
        return Tried(title, _host(url), (name, connection, *map(_not_tried, steps[2:])))
    findings = (name, connection, _signature(error), _permission(environment, said, error))
    return Tried(title, _host(url), findings)


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
        return _refused(_SIGNATURE, error)
    if error is None or isinstance(error, _SIGNED):
        return _ok(_SIGNATURE, _("The secret id and key were accepted."), error)
    return _refused(_SIGNATURE, error, State.UNKNOWN)


def _permission(
    environment: Environment, said: Said | None, error: CloudBaseError | None
) -> Finding:
    if said is None or error is not None:
        is_known = isinstance(error, errors.ControlPlaneError) and not isinstance(
            error, (*_UNSIGNED, errors.ControlPlaneFailed, errors.ControlPlaneSpokeGarbage)
        )
        if is_known:
            return _refused(_PERMISSION, error)
        return _not_tried(_PERMISSION)
    found = next((e for e in said.value.items if e.env_id == environment.env_id), None)
    if found is None:
        missing = errors.EnvironmentNotFound(request_id=said.request_id)
        return _refused(_PERMISSION, missing)
    saw = ", ".join(filter(None, (found.alias, found.status, found.region)))
    sentence = _("The account may see the environment and its models.")
    return Finding(_PERMISSION, State.OK, sentence, saw=saw, request_id=said.request_id)


def _standard_address(environment: Environment) -> str:
    is_abroad = environment.is_international or environment.region not in CHINA_REGIONS
    return tencent.INTERNATIONAL if is_abroad else tencent.CHINA


# What both have


_NAME: Final = _("Name (DNS)")
_CONNECTION: Final = _("Connection (TLS)")
_KEY: Final = _("API key")
_SIGNATURE: Final = _("Signature")
_PERMISSION: Final = _("Permission")

_ADVICE: Final[Mapping[str, str]] = {
    "provider_not_trusted": _("Check the address, and whether a proxy stands in between."),
    "provider_unreachable": _("Check the address, and whether a firewall lets this server out."),
    "provider_timed_out": _("Try again; if it stays so, check firewall and proxy."),
    "key_refused": _("Make a new API key in the console and copy all of it."),
    "key_expired": _("Make a new API key in the console."),
    "secret_pair_refused": _("Copy the secret id and the secret key of one pair again."),
    "clock_skewed": _("Set the clock of this server."),
    "control_not_authorized": _("Let the account read CloudBase (tcb), or use another pair."),
    "environment_not_found": _("Check the environment id, the region and the account."),
    "environment_suspended": _("Settle what the environment owes, in the console."),
    "wrong_address": _("Check the environment id and the gateway address."),
    "control_plane_spoke_garbage": _("Check the management address."),
}
"""What to do about an error, by its code."""


async def _looked_up(url: str) -> Finding:
    parts = urlsplit(url)
    try:
        async with asyncio.timeout(settings.PREFLIGHT_TIMEOUT_SECONDS):
            found = await asyncio.get_running_loop().getaddrinfo(
                parts.hostname, parts.port or 443, type=socket.SOCK_STREAM
            )
    except (OSError, TimeoutError, UnicodeError):
        return Finding(
            _NAME,
            State.NOT_OK,
            _("There is no server of the name %(host)s."),
            {"host": _host(url)},
            advice=_("Check the environment id, the region and the name service of this server."),
        )
    return Finding(
        _NAME,
        State.OK,
        _("%(host)s was found."),
        {"host": _host(url)},
        saw=", ".join(dict.fromkeys(str(address[0]) for *_rest, address in found)),
    )


def _connected(url: str, error: CloudBaseError | None) -> Finding:
    if isinstance(error, errors.ProviderTimedOut):
        return _refused(_CONNECTION, error, State.UNKNOWN)
    if isinstance(
        error, errors.ProviderUnreachable | errors.ProviderNotTrusted | errors.IllegalBaseUrl
    ):
        return _refused(_CONNECTION, error)
    if urlsplit(url).scheme == "http":
        sentence = _("The server answers, but the address is plain http: keys travel unencrypted.")
        return Finding(_CONNECTION, State.SKIPPED, sentence)
    return Finding(_CONNECTION, State.OK, _("The connection is encrypted and the server proven."))


def _refused(title: str, error: CloudBaseError | None, state: State = State.NOT_OK) -> Finding:
    if error is None:
        return _not_tried(title)
    return Finding(
        title,
        state,
        error.user_message,
        error.params,
        advice=_ADVICE.get(error.code, ""),
        saw=error.detail or error.code,
        request_id=error.request_id,
    )


def _ok(title: str, sentence: str, error: CloudBaseError | None) -> Finding:
    """It worked, as a refusal for another reason tells."""
    request_id = error.request_id if error else None
    return Finding(
        title, State.OK, sentence, saw=error.code if error else "", request_id=request_id
    )


def _not_tried(title: str) -> Finding:
    return Finding(title, State.UNKNOWN, _("Not tried: something before it does not work."))


def _without_keys(title: str) -> Finding:
    return Finding(
        title,
        State.UNKNOWN,
        _("Not tried: this takes the secret id and key of the account."),
        advice=_("Enter them, or go on without: what they would show stays unknown."),
    )


def _host(url: str) -> str:
    return urlsplit(url).netloc

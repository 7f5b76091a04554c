"""The control plane's door: `POST /`, the action in a header, errors with HTTP 200.

What it checks, in order: protocol, signature and time, throttling, the action's name, the names
and kinds of its parameters. The actions themselves are in `control_actions`. Sources: Tencent
Cloud API 3.0; product tcb, version 2018-06-08.
"""

import asyncio
import json
import time
import uuid
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from tests.fakes import signatures
from tests.fakes.control_actions import ACTIONS, Action, ActionRefused
from tests.fakes.gateway import sent_as
from tests.fakes.quirks import Casing, Quirks

if TYPE_CHECKING:
    from tests.fakes.environment import CloudBaseEnvironment

VERSION: Final = "2018-06-08"

_NULLABLE = frozenset({"aimodels", "aimodelgroups", "models", "managedaimodellist"})


@dataclass
class ControlCall:
    """One call as it came in, refused ones too."""

    action: str
    params: dict[str, Any]
    """As they were sent, in the caller's spelling."""
    headers: dict[str, str]
    region: str | None
    signed_headers: list[str]
    error: str | None = None
    """The code it was refused with."""
    at: float = field(default_factory=time.time)


class ControlPlane:
    """Answers for one account; `calls` is what it heard."""

    def __init__(self, environment: "CloudBaseEnvironment") -> None:
        self._environment = environment
        self.calls: list[ControlCall] = []
        self.meanwhile: defaultdict[str, deque[Callable[[], object]]] = defaultdict(deque)

    def routes(self) -> list[web.RouteDef]:
        """One address for every action."""
        return [web.post("/", self._answer)]

    async def _answer(self, request: web.Request) -> web.Response:
        sent = await sent_as(request)
        call = _heard(sent, request)
        self.calls.append(call)
        quirks = self._environment.quirks
        await asyncio.sleep(quirks.slow_actions.get(call.action, 0))
        try:
            told = self._run(sent, call)
        except (ActionRefused, signatures.SignatureRefused) as refused:
            call.error = refused.code
            told = {"Error": {"Code": refused.code, "Message": refused.message}}
        self._let_others_act(call.action)
        await asyncio.sleep(quirks.late_answers.get(call.action, 0))
        if call.action in quirks.lost_answers and request.transport is not None:
            request.transport.abort()
        return _enveloped(told)

    def _let_others_act(self, action: str) -> None:
        if waiting := self.meanwhile.get(action):
            waiting.popleft()()

    def _run(self, sent: signatures.Sent, call: ControlCall) -> dict[str, Any]:
        state, quirks = self._environment.state, self._environment.quirks
        _check_protocol(sent)
        signatures.check(sent, state.secret_keys, time.time() + quirks.clock_offset)
        _check_rate(quirks)
        action = _known(call.action, quirks)
        if call.action in quirks.refused_actions:
            raise ActionRefused(quirks.refused_actions[call.action], "refused, as the test says")
        if call.action in quirks.forbidden_actions:
            raise ActionRefused("UnauthorizedOperation", "the account may not do this")
        params = _checked(call, action, quirks)
        answer = action.run(state, quirks, params)
        return _spelt(answer, action, quirks)


def _heard(sent: signatures.Sent, request: web.Request) -> ControlCall:
    return ControlCall(
        action=sent.headers.get("x-tc-action", ""),
        params=_params(sent.body),
        headers=dict(request.headers),
        region=sent.headers.get("x-tc-region"),
        signed_headers=signatures.signed_headers(sent.headers.get("authorization", "")),
    )


def _params(body: bytes) -> dict[str, Any]:
    try:
        params = json.loads(body)
    except ValueError:
        return {}
    return params if isinstance(params, dict) else {}


def _check_protocol(sent: signatures.Sent) -> None:
    if sent.headers.get("content-type") != "application/json":
        raise ActionRefused("UnsupportedProtocol", "Content-Type is not application/json")
    if sent.headers.get("x-tc-version") != VERSION:
        raise ActionRefused("NoSuchVersion", "the version of the interface does not exist")
    if not sent.body.lstrip().startswith(b"{"):
        raise ActionRefused("InvalidParameter", "the body is not a JSON object")


def _check_rate(quirks: Quirks) -> None:
    if quirks.throttled_times > 0:
        quirks.throttled_times -= 1
        raise ActionRefused("RequestLimitExceeded", "the frequency limit is exceeded")


def _known(name: str, quirks: Quirks) -> Action:
    if name not in ACTIONS or name in quirks.missing_actions:
        raise ActionRefused("InvalidAction", f"the action {name} does not exist")
    return ACTIONS[name]


def _checked(call: ControlCall, action: Action, quirks: Quirks) -> dict[str, Any]:
    """The parameters in PascalCase, all known, none missing."""
    _check_casing(call.params, quirks.accepts_for.get(call.action, quirks.accepts))
    params: dict[str, Any] = _respelt(call.params, pascal)
    for name, value in params.items():
        if name not in action.takes:
            raise ActionRefused("UnknownParameter", f"the parameter {name} is not recognized")
        if not isinstance(value, action.takes[name]):
            raise ActionRefused("InvalidParameter", f"the parameter {name} has the wrong type")
    for name in action.needs:
        if name not in params:
            raise ActionRefused("MissingParameter", f"the parameter {name} is missing")
    return params


def _check_casing(params: Mapping[str, Any], accepts: Casing) -> None:
    wanted = {"pascal": pascal, "camel": camel, "either": str}[accepts]
    for name in _names(params):
        if name != wanted(name):
            raise ActionRefused("InvalidParameter", f"the parameter {name} is not recognized")


def _names(value: Any) -> Iterator[str]:
    """Every member name, at any depth."""
    if isinstance(value, Mapping):
        for name, member in value.items():
            yield name
            yield from _names(member)
    elif isinstance(value, list):
        for member in value:
            yield from _names(member)


def _spelt(answer: dict[str, Any], action: Action, quirks: Quirks) -> dict[str, Any]:
    spellings = {
        "as described": camel if action.answers_in_camel_case else pascal,
        "pascal": pascal,
        "camel": camel,
    }
    spelt: dict[str, Any] = _respelt(answer, spellings[quirks.answers_in])
    return _nulled(spelt) if quirks.empty_lists_are_null else spelt


def _respelt(value: Any, spelling: Callable[[str], str]) -> Any:
    if isinstance(value, Mapping):
        return {spelling(name): _respelt(member, spelling) for name, member in value.items()}
    if isinstance(value, list):
        return [_respelt(member, spelling) for member in value]
    return value


def _nulled(value: Any) -> Any:
    """The lists that the vendor describes as "or null" are null when they are empty."""
    if isinstance(value, list):
        return [_nulled(member) for member in value]
    if not isinstance(value, dict):
        return value
    return {
        name: None if member == [] and name.lower() in _NULLABLE else _nulled(member)
        for name, member in value.items()
    }


def pascal(name: str) -> str:
    """EnvId."""
    return name[:1].upper() + name[1:]


def camel(name: str) -> str:
    """envId."""
    return name[:1].lower() + name[1:]


def _enveloped(told: dict[str, Any]) -> web.Response:
    """HTTP 200 and the bare content type, which the vendor's clients insist on."""
    body = json.dumps({"Response": {**told, "RequestId": str(uuid.uuid4())}}, ensure_ascii=False)
    return web.Response(body=body.encode(), content_type="application/json")

"""A CloudBase environment on loopback: both planes, with a state that a test can change.

Inside a test's own loop:

    async with CloudBaseEnvironment() as environment:
        app = CloudBase(
            env="env-demo",
            api_key=API_KEY,
            base_url=environment.gateway_url,
            control_url=environment.control_url,
        )

For synchronous tests, and as a process of its own:

    with running_in_thread() as environment: ...
    python -m tests.fakes.environment --port 0 --state '{"plan": "free"}' --quirks '{}'

which prints one line `{"gateway_url": …, "control_url": …}` and serves until it is ended.

It is a `ModelServer`: what its models say is a `Script` (`environment.say`, `once`, `pause`), and
`requests` are the questions that reached a model. Around that it knows who may ask what:

- `environment.state`, an `EnvironmentState`: groups, catalogue, packs, plan, keys. Chat, images
  and the control plane's actions read and change this one object; `state.catch_up()` ends the two
  minutes that a change may take (`quirks.changes_take_effect_after`).
- `environment.quirks`, a `Quirks`: how the service differs from its description.
- `environment.agents`, `environment.images`: what agents say and remember, what is drawn.
- `environment.refuse_next("EXCEED_CONCURRENT_REQUEST_LIMIT", times=2)` refuses the next calls of
  the data plane with that code and its HTTP status, whatever they ask.

What it saw: `environment.data_calls` (every request of the data plane, refused ones too) and
`environment.control_calls` (every action: parameters as sent, signed headers, region, and the
code it was refused with).

Control over HTTP beside that of `ModelServer` (paths under `control_url`):

    GET  /state                          the state as JSON
    POST /state    {"plan": "free"}      changes members of the state
    POST /quirks   {"answers_in": "camel", "throttled_times": 2}
    POST /refuse   {"code": "SYS_ERR", "times": 1}
    GET  /calls                          {"data": […], "control": […]}
"""

import argparse
import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from typing import Any

import msgspec
from aiohttp import web

from tests.fakes import gateway, threads
from tests.fakes.agents import Agents
from tests.fakes.control_plane import ControlCall, ControlPlane
from tests.fakes.environment_state import EnvironmentState
from tests.fakes.gateway import Refusal
from tests.fakes.images import Images
from tests.fakes.model_server import ModelServer, Script
from tests.fakes.quirks import Quirks
from tests.fakes.sign_in import SignIn

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class DataCall:
    """One request of the data plane as it came in."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any
    error: str | None = None
    """The code it was refused with."""


class CloudBaseEnvironment(ModelServer):
    """The environment; an async context manager."""

    def __init__(
        self,
        state: EnvironmentState | None = None,
        quirks: Quirks | None = None,
        *,
        script: Script | None = None,
        port: int = 0,
    ) -> None:
        super().__init__(script, port=port)
        self.state = state or EnvironmentState()
        self.quirks = quirks or Quirks()
        self.agents = Agents(self)
        self.images = Images(self)
        self.data_calls: list[DataCall] = []
        self._sign_in = SignIn(self)
        self._control_plane = ControlPlane(self)
        self._refusals: deque[str] = deque()
        self._chats = 0

    @property
    def control_calls(self) -> list[ControlCall]:
        """Every call of the control plane."""
        return self._control_plane.calls

    def meanwhile(self, action: str, *others: Callable[[], object]) -> None:
        """Let somebody else act right after each of the next calls of an action of the control
        plane, before its caller hears of it."""
        self._control_plane.meanwhile[action].extend(others)

    def refuse_next(self, code: str, times: int = 1) -> None:
        """Refuse the next calls of the data plane with this code."""
        self._refusals.extend([code] * times)

    async def may_go_on(self) -> None:
        """Wait while answers are paused."""
        await self._gate.wait()

    # ── HTTP ────────────────────────────────────────────────────────────────

    def _application(self) -> web.Application:
        application = super()._application()
        application.middlewares.append(self._at_the_door)
        application.add_routes(
            [
                web.post("/v1/ai/{group}/v1/chat/completions", self._completions),
                *self.images.routes(),
                *self.agents.routes(),
                *self._sign_in.routes(),
                *self._control_plane.routes(),
                web.get("/state", self._tell_state),
                web.post("/state", self._take_state),
                web.post("/quirks", self._take_quirks),
                web.post("/refuse", self._take_refusal),
                web.get("/calls", self._tell_calls),
            ]
        )
        return application

    @web.middleware
    async def _at_the_door(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if not request.path.startswith(("/v1/ai/", "/v1/aibot/")):
            return await handler(request)
        call = await _heard(request)
        self.data_calls.append(call)
        try:
            await self._admit(request)
            return await handler(request)
        except Refusal as refusal:
            call.error = refusal.code
            return refusal.response(self.quirks)
        except web.HTTPNotFound:
            call.error = "INVALID_PATH"
            return Refusal("INVALID_PATH", "no such path").response(self.quirks)

    async def _admit(self, request: web.Request) -> None:
        if self._refusals:
            raise Refusal(self._refusals.popleft())
        gateway.check_credentials(await gateway.sent_as(request), self.state, self.quirks)
        if self.state.is_suspended:
            raise Refusal("ENV_SUSPENDED", "the environment is suspended")
        if request.path.startswith("/v1/aibot/"):
            self.agents.check(request.path)

    async def _completions(self, request: web.Request) -> web.StreamResponse:
        if "group" in request.match_info:
            await self._check_question(request)
        self._chats += 1
        try:
            return await super()._completions(request)
        finally:
            self._chats -= 1

    async def _check_question(self, request: web.Request) -> None:
        body = json.loads(await request.read())
        gateway.check_model(request.match_info["group"], body, self.state, self.quirks)
        if not isinstance(body.get("messages"), list) or not body["messages"]:
            raise Refusal("AI_MODEL_PARAM_INVALID", "messages is invalid")
        if self.state.most_at_once is not None and self._chats >= self.state.most_at_once:
            raise Refusal("EXCEED_CONCURRENT_REQUEST_LIMIT", "too many requests at once")

    async def _list_models(self, request: web.Request) -> web.Response:
        name = request.match_info.get("group")
        group = self.state.serving(name) if name else None
        if group is not None:
            self.models = list(group.models)
        return await super()._list_models(request)

    # ── being steered ───────────────────────────────────────────────────────

    async def _tell_state(self, _: web.Request) -> web.Response:
        return web.json_response(msgspec.to_builtins(self.state))

    async def _take_state(self, request: web.Request) -> web.Response:
        self.state = changed_state(self.state, await request.json())
        return await self._tell_state(request)

    async def _take_quirks(self, request: web.Request) -> web.Response:
        told = msgspec.to_builtins(self.quirks) | await request.json()
        self.quirks = msgspec.convert(told, Quirks)
        return web.json_response(msgspec.to_builtins(self.quirks))

    async def _take_refusal(self, request: web.Request) -> web.Response:
        told = await request.json()
        self.refuse_next(told["code"], told.get("times", 1))
        return web.json_response({})

    async def _tell_calls(self, _: web.Request) -> web.Response:
        data = [asdict(call) for call in self.data_calls]
        return web.json_response({"data": data, "control": [asdict(c) for c in self.control_calls]})


def changed_state(state: EnvironmentState, changes: dict[str, Any]) -> EnvironmentState:
    """Return a state with some members replaced, given as JSON would hold them."""
    return msgspec.convert(msgspec.to_builtins(state) | changes, EnvironmentState)


async def _heard(request: web.Request) -> DataCall:
    body = await request.read()
    with suppress(ValueError):
        body = json.loads(body)
    return DataCall(
        request.method, request.path, dict(request.query), dict(request.headers), body or None
    )


@contextmanager
def running_in_thread(
    state: EnvironmentState | None = None, quirks: Quirks | None = None
) -> Iterator[CloudBaseEnvironment]:
    """Run an environment in a thread with a loop of its own; for tests that have none."""
    with threads.running(CloudBaseEnvironment(state, quirks)) as environment:
        yield environment


def main() -> None:
    """Serve until ended."""
    parser = argparse.ArgumentParser(description="A CloudBase environment on loopback.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--script", type=json.loads, default={})
    parser.add_argument("--state", type=json.loads, default={})
    parser.add_argument("--quirks", type=json.loads, default={})
    options = parser.parse_args()
    environment = CloudBaseEnvironment(
        changed_state(EnvironmentState(), options.state),
        msgspec.convert(options.quirks, Quirks),
        script=Script(**options.script),
        port=options.port,
    )
    with suppress(KeyboardInterrupt):
        asyncio.run(threads.serve_for_ever(environment, ["gateway_url", "control_url"]))


if __name__ == "__main__":
    main()

"""A model service on loopback that says what it is told; both shapes, OpenAI and CloudBase.

Inside a test's own loop:

    async with ModelServer() as server:
        server.say = ["Hel", "lo"]                    # the text pieces of every answer from now on
        app = OpenAICompatible(base_url=server.base_url, api_key="k")
        app = CloudBase(env="env-demo", base_url=server.gateway_url, api_key="k")

For synchronous tests (a thread with a loop of its own) and for a process of its own:

    with running_in_thread() as server: ...           # same attributes, all safe to use
    python -m tests.fakes.model_server --port 0 --script '{"say": ["Hi"]}'

which prints one line `{"base_url": …, "gateway_url": …, "control_url": …}` and serves until it
is ended.

What it says is a `Script`; see its members. `server.script` is what every answer follows,
`server.once(Script(...), ...)` queues scripts for the next requests, one each ("refuse, then
succeed"; "call a tool, then answer": `server.once(calling(("get_weather", {"city": "Beijing"})))`).
`server.say = [...]` and `server.tell(delay=0.02, usage="each")` change the script.

Waiting in mid-sentence: `server.pause()` makes every answer stop before its next piece until
`server.resume()`; `Script(pause_after=2)` does it by itself after two pieces. `resume()` lets
all answers run on.

What it saw: `server.requests`, a list of `SeenRequest` (path, headers, body, pieces said, and
`disconnected`, an event set when the client hangs up before the answer is complete).
`await server.seen(n)` waits for the nth request.

Control over HTTP, for a server in a process of its own (paths under `control_url`):

    POST /script   {"say": […], "delay": 0.02}   replaces the script; a JSON list queues scripts
    POST /pause, POST /resume
    GET  /requests                               [{path, headers, body, said, is_disconnected}]

Also `GET …/models`, with `server.models`; or `server.listing`, a script that refuses it.
"""

import argparse
import asyncio
import json
import ssl
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from aiohttp import web

from tests.fakes import threads

Usage = Literal["extra", "last", "each", "none"]
Ending = Literal["done", "close", "reset", "truncated", "hang"]
ToolOrder = Literal["cloudbase", "openai", "no_role", "no_index"]


@dataclass
class Script:
    """One answer.

    A `status` other than 200, or a `body`, refuses; "{authorization}" in the body is replaced by
    the header as it was received. Otherwise the answer is `think`, then `say`, each piece a chunk,
    then `tool_calls`, each in several chunks.
    """

    say: Sequence[str] = ("Hello", " there")
    think: Sequence[str] = ()
    tool_calls: Sequence[tuple[str, dict[str, Any] | str]] = ()
    """Name and arguments of each call, arguments as they are or as text; the ids are call_1, …"""
    tool_order: ToolOrder = "cloudbase"
    """How a stream tells the calls. `cloudbase`: the role with the first call, the reason to finish
    with the last piece. `openai`: the role alone first, the reason alone last. `no_role`: as
    `cloudbase`, but nobody says the role. `no_index`: as `cloudbase`, without the indexes."""
    model: str | None = None
    """The model that answers; None for the one that was asked."""
    delay: float = 0.0
    """Seconds before each piece."""
    delays: Sequence[float] = ()
    """Seconds before each single piece, for as many as are given."""
    silence: float = 0.0
    """Seconds before the status line."""
    pause_after: int | None = None
    usage: Usage = "extra"
    """In a chunk with no choices (if it was asked for), on the last, on each, or not at all."""
    prompt_tokens: int = 9
    cached_tokens: int | None = None
    finish_reason: str | None = "stop"
    ending: Ending = "done"
    """`done`: [DONE]. `close`: the body ends without it. `reset`: the connection is torn down.
    `truncated`: a chunk of HTTP is left half sent. `hang`: nothing more, but no end either."""
    frames: Sequence[str] = ()
    """Sent as they are after the pieces, before the ending: garbage, comments, error frames."""
    separator: str = "\n\n"
    status: int = 200
    body: str | dict[str, Any] | None = None
    content_type: str | None = None
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def refuses(self) -> bool:
        """Whether this is a plain answer instead of a completion."""
        return self.status != 200 or self.body is not None


def refusal(
    status: int, code: str, message: str = "no", *, headers: dict[str, str] | None = None
) -> Script:
    """Return a script that refuses as the CloudBase gateway does."""
    body = {"code": code, "message": message, "requestId": "req-1"}
    return Script(status=status, body=body, headers=headers or {})


def calling(*calls: tuple[str, dict[str, Any] | str], **members: Any) -> Script:
    """Return a script that calls tools and says nothing, the way the CloudBase gateway does."""
    told = {"say": (), "finish_reason": "tool_calls", "usage": "last"} | members
    return Script(tool_calls=calls, **told)


@dataclass
class SeenRequest:
    """One request as it came in, and what became of it."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    said: int = 0
    disconnected: asyncio.Event = field(default_factory=asyncio.Event)
    disconnected_at: float | None = None
    """time.monotonic() when the client hung up."""

    def as_dict(self) -> dict[str, Any]:
        """What the control endpoint tells of it."""
        return {
            "path": self.path,
            "headers": self.headers,
            "body": self.body,
            "said": self.said,
            "is_disconnected": self.disconnected.is_set(),
        }


class ModelServer:
    """The server; an async context manager."""

    def __init__(
        self,
        script: Script | None = None,
        *,
        port: int = 0,
        certificate: ssl.SSLContext | None = None,
    ) -> None:
        self.script = script or Script()
        self.models: list[str] = ["fake-model"]
        self.listing: Script | None = None
        self.requests: list[SeenRequest] = []
        self._port = port
        self._certificate = certificate
        self._queued: deque[Script] = deque()
        self._gate = asyncio.Event()
        self._gate.set()
        self._arrival = asyncio.Condition()
        self._thread: int | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> "ModelServer":
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        # A handler is cancelled when the client hangs up: that is how we notice.
        self._runner = web.AppRunner(
            self._application(), handler_cancellation=True, shutdown_timeout=0.1
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port, ssl_context=self._certificate)
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._gate.set()
        assert self._runner is not None
        await self._runner.cleanup()

    # ── what a test tells it ────────────────────────────────────────────────

    @property
    def gateway_url(self) -> str:
        """Base URL for CloudBase(base_url=…)."""
        scheme = "https" if self._certificate else "http"
        return f"{scheme}://127.0.0.1:{self._port}"

    @property
    def base_url(self) -> str:
        """Base URL for OpenAICompatible(base_url=…)."""
        return f"{self.gateway_url}/v1"

    @property
    def control_url(self) -> str:
        """Where POST /script and its like are."""
        return self.gateway_url

    @property
    def say(self) -> Sequence[str]:
        """The text pieces of an answer."""
        return self.script.say

    @say.setter
    def say(self, pieces: Sequence[str]) -> None:
        self.tell(say=pieces)

    def tell(self, **changes: Any) -> None:
        """Change members of the script."""
        self.script = replace(self.script, **changes)

    def once(self, *scripts: Script) -> None:
        """Queue scripts for the next requests, one each."""
        self._queued.extend(scripts)

    def pause(self) -> None:
        """Make every answer wait before its next piece."""
        self._in_loop(self._gate.clear)

    def resume(self) -> None:
        """Let every answer run on."""
        self._in_loop(self._gate.set)

    async def seen(self, number: int = 1) -> SeenRequest:
        """Wait for the request of that number, counted from 1; only in the server's loop."""
        async with self._arrival:
            await self._arrival.wait_for(lambda: len(self.requests) >= number)
        return self.requests[number - 1]

    def _in_loop(self, change: Callable[[], object]) -> None:
        """Call at once in the server's own thread, soon from any other."""
        assert self._loop is not None
        if threading.get_ident() == self._thread:
            change()
        else:
            self._loop.call_soon_threadsafe(change)

    # ── HTTP ────────────────────────────────────────────────────────────────

    def _application(self) -> web.Application:
        application = web.Application(client_max_size=64 * 1024 * 1024)
        application.add_routes(
            [
                web.post("/v1/chat/completions", self._completions),
                web.post("/v1/ai/{group}/chat/completions", self._completions),
                web.get("/v1/models", self._list_models),
                web.get("/v1/ai/{group}/models", self._list_models),
                web.post("/script", self._take_script),
                web.post("/pause", self._take_pause),
                web.post("/resume", self._take_resume),
                web.get("/requests", self._list_requests),
            ]
        )
        return application

    async def _completions(self, request: web.Request) -> web.StreamResponse:
        seen = SeenRequest(request.path, dict(request.headers), await request.json())
        script = self._queued.popleft() if self._queued else self.script
        async with self._arrival:
            self.requests.append(seen)
            self._arrival.notify_all()
        try:
            await asyncio.sleep(script.silence)
            if script.refuses:
                return _refused(script, request)
            if not seen.body.get("stream"):
                return await self._whole(script, seen)
            return await self._streamed(script, seen, request)
        except (asyncio.CancelledError, ConnectionError):
            seen.disconnected_at = time.monotonic()
            seen.disconnected.set()
            raise

    async def _whole(self, script: Script, seen: SeenRequest) -> web.Response:
        async for _ in self._pieces(script, seen):
            pass
        message: dict[str, Any] = {"role": "assistant", "content": "".join(script.say)}
        if script.think:
            message["reasoning_content"] = "".join(script.think)
        if script.tool_calls:
            message["tool_calls"] = [_call(number, *call) for number, call in _numbered(script)]
        choice = {"index": 0, "message": message, "finish_reason": script.finish_reason}
        answer = _envelope(script, seen, "chat.completion") | {"choices": [choice]}
        if script.usage != "none":
            answer["usage"] = _usage(script, seen)
        return web.json_response(answer, headers=script.headers)

    async def _streamed(
        self, script: Script, seen: SeenRequest, request: web.Request
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"X-Request-Id": "req-1", **script.headers})
        response.content_type = script.content_type or "text/event-stream"
        await response.prepare(request)
        async for chunk in self._chunks(script, seen):
            await response.write(_frame(chunk, script).encode())
        for frame in script.frames:
            await response.write(frame.encode("utf-8", "surrogateescape"))
        await _end(script, request, response)
        return response

    async def _chunks(self, script: Script, seen: SeenRequest) -> AsyncIterator[dict[str, Any]]:
        envelope = _envelope(script, seen, "chat.completion.chunk")
        ends_with_piece = bool(script.tool_calls) and script.tool_order != "openai"
        left = len(_deltas(script))
        async for delta in self._pieces(script, seen):
            left -= 1
            reason = script.finish_reason if ends_with_piece and not left else None
            yield envelope | _choice(script, seen, delta, reason)
        if script.finish_reason is not None and not ends_with_piece:
            yield envelope | _choice(script, seen, {}, script.finish_reason)
        wants_usage = (seen.body.get("stream_options") or {}).get("include_usage")
        if script.usage == "extra" and wants_usage:
            yield envelope | {"choices": [], "usage": _usage(script, seen)}

    async def _pieces(self, script: Script, seen: SeenRequest) -> AsyncIterator[dict[str, Any]]:
        """The deltas, each in its time."""
        deltas = _deltas(script)
        for number, delta in enumerate(deltas):
            if number == script.pause_after:
                self._gate.clear()
            if not self._gate.is_set():
                await self._gate.wait()
            wait = script.delays[number] if number < len(script.delays) else script.delay
            if wait:
                await asyncio.sleep(wait)
            seen.said += 1
            says_role = number == 0 and script.tool_order != "no_role"
            yield {"role": "assistant", **delta} if says_role else delta

    async def _list_models(self, request: web.Request) -> web.Response:
        if self.listing is not None:
            await asyncio.sleep(self.listing.silence)
            return _refused(self.listing, request)
        data = [{"id": model, "object": "model", "created": 0} for model in self.models]
        return web.json_response({"object": "list", "data": data})

    async def _take_script(self, request: web.Request) -> web.Response:
        told = await request.json()
        if isinstance(told, list):
            self.once(*(Script(**script) for script in told))
        else:
            self.script = Script(**told)
        return web.json_response(asdict(self.script))

    async def _take_pause(self, _: web.Request) -> web.Response:
        self.pause()
        return web.json_response({})

    async def _take_resume(self, _: web.Request) -> web.Response:
        self.resume()
        return web.json_response({})

    async def _list_requests(self, _: web.Request) -> web.Response:
        return web.json_response([seen.as_dict() for seen in self.requests])


@contextmanager
def running_in_thread(script: Script | None = None) -> Iterator[ModelServer]:
    """Run a server in a thread with a loop of its own; for tests that have none."""
    with threads.running(ModelServer(script)) as server:
        yield server


def _envelope(script: Script, seen: SeenRequest, kind: str) -> dict[str, Any]:
    model = script.model if script.model is not None else seen.body.get("model")
    return {"id": "chatcmpl-1", "object": kind, "created": 1760000000, "model": model}


def _choice(
    script: Script, seen: SeenRequest, delta: dict[str, Any], reason: str | None
) -> dict[str, Any]:
    members: dict[str, Any] = {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
    if script.usage == "each" or (script.usage == "last" and reason is not None):
        members["usage"] = _usage(script, seen)
    return members


def _deltas(script: Script) -> list[dict[str, Any]]:
    """The pieces of an answer in their order."""
    deltas: list[dict[str, Any]] = [{"reasoning_content": piece} for piece in script.think]
    deltas += [{"content": piece} for piece in script.say]
    if script.tool_calls and script.tool_order == "openai" and not deltas:
        deltas.append({"content": ""})
    for number, call in _numbered(script):
        pieces = _call_pieces(number, *call, script)
        opening = {} if deltas else {"content": ""}
        deltas.append(opening | {"tool_calls": [next(pieces)]})
        deltas += [{"tool_calls": [piece]} for piece in pieces]
    return deltas


def _numbered(script: Script) -> Iterator[tuple[int, tuple[str, dict[str, Any] | str]]]:
    return enumerate(script.tool_calls, start=1)


def _call(number: int, name: str, arguments: dict[str, Any] | str) -> dict[str, Any]:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    function = {"name": name, "arguments": text}
    return {"id": f"call_{number}", "type": "function", "function": function}


def _call_pieces(
    number: int, name: str, arguments: dict[str, Any] | str, script: Script
) -> Iterator[dict[str, Any]]:
    """The call without its arguments, then these in pieces of eight characters."""
    call = _call(number, name, arguments)
    index = {} if script.tool_order == "no_index" else {"index": number - 1}
    text: str = call["function"]["arguments"]
    yield index | call | {"function": {"name": name, "arguments": ""}}
    for start in range(0, len(text), 8):
        yield index | {"function": {"arguments": text[start : start + 8]}}


def _usage(script: Script, seen: SeenRequest) -> dict[str, Any]:
    """Every piece counts as one token."""
    usage: dict[str, Any] = {
        "prompt_tokens": script.prompt_tokens,
        "completion_tokens": seen.said,
        "total_tokens": script.prompt_tokens + seen.said,
    }
    if script.cached_tokens is not None:
        usage["prompt_tokens_details"] = {"cached_tokens": script.cached_tokens}
    if script.think:
        reasoning = min(seen.said, len(script.think))
        usage["completion_tokens_details"] = {"reasoning_tokens": reasoning}
    return usage


def _frame(chunk: dict[str, Any], script: Script) -> str:
    return f"data: {json.dumps(chunk, ensure_ascii=False)}{script.separator}"


def _refused(script: Script, request: web.Request) -> web.Response:
    body = script.body if script.body is not None else ""
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
    text = text.replace("{authorization}", request.headers.get("Authorization", ""))
    kind = "application/json" if isinstance(body, dict) else "text/html"
    return web.Response(
        status=script.status,
        text=text,
        content_type=script.content_type or kind,
        headers=script.headers,
    )


async def _end(script: Script, request: web.Request, response: web.StreamResponse) -> None:
    transport = request.transport
    assert transport is not None
    match script.ending:
        case "done":
            await response.write(f"data: [DONE]{script.separator}".encode())
        case "reset":
            transport.abort()
        case "truncated":
            transport.write(b'40\r\ndata: {"choices"')
            transport.close()
        case "hang":
            await asyncio.Event().wait()


def main() -> None:
    """Serve until ended."""
    parser = argparse.ArgumentParser(description="A model service that says what it is told.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--script", type=json.loads, default={})
    options = parser.parse_args()
    with suppress(KeyboardInterrupt):
        server = ModelServer(Script(**options.script), port=options.port)
        asyncio.run(threads.serve_for_ever(server, ["base_url", "gateway_url", "control_url"]))


if __name__ == "__main__":
    main()

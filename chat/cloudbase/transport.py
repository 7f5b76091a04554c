"""The one HTTP client: connections, time limits, retries; HTTP trouble becomes an error of ours.

No error raised here has a cause or a context: the libraries' exceptions hold the request, and with
it the key. Nor is a body, which may repeat the key, in a frame that raises: helpers return errors.
What was said is in `detail`, scrubbed.
"""

from __future__ import annotations

import asyncio
import http.cookiejar
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Final, Self, cast
from urllib.parse import urlencode

import httpx

from chat.cloudbase import errors, network, refusals
from chat.cloudbase.credentials import Credential

MOST_READS: Final = 1000
"""Reads a second of all streams together; beyond 50 streams each gets fewer, larger ones."""
PACE: Final = 0.05
"""Seconds between two reads of a stream: twenty a second are enough for the eye."""

ERROR_BODY_LIMIT: Final = 64 * 1024
ANSWER_LIMIT: Final = 16 * 1024 * 1024
"""Bytes we read of a refusal, and of a whole answer."""

_TRIES: Final = 3
_LONGEST_WAIT: Final = 8.0
_IDENTITY: Final = {"accept-encoding": "identity"}


@dataclass(frozen=True, slots=True)
class Patience:
    """How long we wait, in seconds.

    A model may think for a long time between two words, but it should pick up the phone.
    """

    connect: float = 5.0
    first_byte: float = 120.0
    """From the open connection to the status line; sending the request is part of it.
    Where nothing is streamed, the status line usually comes with the whole answer."""
    idle: float = 120.0
    """Between two pieces of the answer."""
    after_finish: float = 5.0
    """For the usage report and `[DONE]`, once the model has said why it stopped."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to post, and as whom."""

    url: str
    credential: Credential
    patience: Patience = Patience()

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not appear in an error."""
        return self.credential.secrets

    def at(self, path: str) -> Endpoint:
        """The endpoint at a path below this one, its segments escaped already."""
        return replace(self, url=f"{self.url}/{path}")


@dataclass(frozen=True, slots=True)
class Call:
    """One request: its method, the query without what is None, and the body, JSON in UTF-8."""

    method: str = "POST"
    body: bytes = b""
    query: Mapping[str, str | int | bool | None] = field(default_factory=dict)
    accept: str = "application/json"
    is_repeatable: bool = True
    """Whether it may be sent again after 502, 503 or 504, when nobody knows what became of it."""
    headers: Mapping[str, str] = field(default_factory=dict)

    def url(self, base: str) -> str:
        """The address with the query."""
        pairs = {name: _spelt(value) for name, value in self.query.items() if value is not None}
        return f"{base}?{urlencode(pairs)}" if pairs else base


class HttpPool:
    """The connections of one process; an async context manager, bound to the loop it is opened in.

    A connection serves one request: some servers drop a connection after a stream without saying
    so, and a model answers so slowly that a handshake does not show.
    """

    def __init__(
        self,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        max_connections: int = 1000,
        backoff: float = 0.5,
    ) -> None:
        """Make a pool of at most `max_connections` at once; `transport` replaces the network.

        `backoff` is the longest wait before the first repetition, in seconds; it doubles.
        """
        self._transport = transport
        self._max_connections = max_connections
        self._streams = 0
        self._backoff = backoff
        self._client: httpx.AsyncClient | None = None

    async def __aenter__(self) -> Self:
        """Open the pool."""
        transport = self._transport or network.open_transport(self._max_connections)
        self._client = httpx.AsyncClient(
            transport=transport,
            cookies=_no_cookies(),
            headers={"user-agent": "chatsite", "connection": "close"},
            trust_env=False,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the pool and every connection in it."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def call(self, endpoint: Endpoint, call: Call) -> bytes:
        """Send a request and return the JSON object of a successful answer, b"" for an empty one.

        Raises CloudBaseError for everything else, an error inside an HTTP 200 included.
        """
        async with self._answer(endpoint, call) as response:
            answer = await _json_of(response, endpoint)
        if isinstance(answer, errors.CloudBaseError):
            raise answer
        return answer

    @asynccontextmanager
    async def stream(
        self, endpoint: Endpoint, body: bytes, *, pace: float = PACE
    ) -> AsyncGenerator[Reads, None]:
        """Post JSON; give the reads of an event stream, at most one in `pace` seconds.

        Leaving the context closes the connection. Raises CloudBaseError if there is no stream.
        """
        call = Call(body=body, accept="text/event-stream")
        async with self._answer(endpoint, call) as response:
            if not _is_event_stream(response):
                raise await _refusal(response, endpoint)
            async with aclosing(_pieces(response)) as pieces:
                self._streams += 1
                try:
                    yield Reads(pieces, endpoint, lambda: max(pace, self._streams / MOST_READS))
                finally:
                    self._streams -= 1

    @asynccontextmanager
    async def _answer(self, endpoint: Endpoint, call: Call) -> AsyncGenerator[httpx.Response, None]:
        """Give the successful answer whose body is still to be read, after as many tries as help.

        Nothing is repeated once the first byte of a successful answer was there.
        """
        response = await self._opened(endpoint, call)
        try:
            yield response
        finally:
            await _close(response)

    async def _opened(self, endpoint: Endpoint, call: Call) -> httpx.Response:
        number = 1
        while True:
            answer = await self._try(endpoint, call)
            if isinstance(answer, httpx.Response):
                return answer
            number += 1
            wait = _wait_before(number, answer, self._backoff, call.is_repeatable)
            if wait is None:
                raise answer
            await asyncio.sleep(wait)

    async def _try(self, endpoint: Endpoint, call: Call) -> httpx.Response | errors.CloudBaseError:
        """Send once; return the successful answer, its body unread, or what went wrong."""
        try:
            response = await self._send(endpoint, call)
        except network.TROUBLE as error:
            return network.before_answer(error, endpoint.secrets)
        if response.is_success:
            return response
        try:
            return await _refusal(response, endpoint)
        finally:
            await _close(response)

    async def _send(self, endpoint: Endpoint, call: Call) -> httpx.Response:
        if self._client is None:
            raise RuntimeError("The HttpPool is not open: use it in `async with`.")
        patience = endpoint.patience
        url = call.url(endpoint.url)
        request = self._client.build_request(
            call.method,
            url,
            content=call.body or None,
            headers=_headers(endpoint.credential, url, call),
            timeout=httpx.Timeout(
                connect=patience.connect, pool=patience.connect, read=None, write=None
            ),
        )
        async with asyncio.timeout(patience.connect + patience.first_byte):
            return await self._client.send(request, stream=True)


def _until_next_step(pace: float) -> float:
    """Seconds. All streams keep step, so that one turn of the loop serves many of them."""
    return pace - time.monotonic() % pace


class Reads:
    """The bytes of a stream, everything that has arrived at a time, and not too often.

    While nobody waits for the next read the connection is not read either: what arrives
    meanwhile is joined by the kernel, at no cost to us.
    """

    def __init__(
        self, pieces: AsyncIterator[bytes], endpoint: Endpoint, pace: Callable[[], float]
    ) -> None:
        self._pieces = pieces
        self._endpoint = endpoint
        self._pace = pace
        self._is_first = True

    async def next(self, within: float | None = None) -> bytes:
        """Return what has arrived, b"" at the end of the stream.

        Waits at most `within` seconds, else as long as a silence may last. Raises
        ProviderTimedOut, StreamBroken or ProviderSpokeGarbage.
        """
        if not self._is_first:
            await asyncio.sleep(_until_next_step(self._pace()))
        self._is_first = False
        try:
            return await _next(self._pieces, within or self._endpoint.patience.idle)
        except network.TROUBLE as error:
            failure = network.inside_answer(error, self._endpoint.secrets)
        raise failure


def _no_cookies() -> http.cookiejar.CookieJar:
    """A jar that takes nothing: everyone's conversations share the client."""
    policy = http.cookiejar.DefaultCookiePolicy(allowed_domains=[])
    return http.cookiejar.CookieJar(policy=policy)


def _headers(credential: Credential, url: str, call: Call) -> httpx.Headers:
    """httpx's own type, because it hides the key in its repr."""
    headers = httpx.Headers({"accept": call.accept, **_IDENTITY, **call.headers})
    if call.body:
        headers["content-type"] = "application/json"
    headers.update(credential.headers(call.method, url, call.body))
    return headers


def _spelt(value: str | int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _is_event_stream(response: httpx.Response) -> bool:
    kind: str = response.headers.get("content-type", "")
    return kind.lower().startswith("text/event-stream")


def _pieces(response: httpx.Response) -> AsyncGenerator[bytes, None]:
    return cast("AsyncGenerator[bytes, None]", response.aiter_bytes())


async def _next(pieces: AsyncIterator[bytes], seconds: float) -> bytes:
    """Return the next piece, b"" if there is none; raise TimeoutError after so many seconds."""
    async with asyncio.timeout(seconds):
        return await anext(pieces, b"")


async def _close(response: httpx.Response) -> None:
    """Close the connection; that it was broken already is no news."""
    with suppress(*network.TROUBLE):
        await response.aclose()


async def _whole(
    response: httpx.Response, limit: int, endpoint: Endpoint
) -> tuple[bytes, errors.CloudBaseError | None]:
    """Read a body; return it, and what went wrong. A refusal is cut at the limit."""
    body = bytearray()
    try:
        async with aclosing(_pieces(response)) as pieces:
            while piece := await _next(pieces, endpoint.patience.idle):
                body += piece
                if len(body) > limit:
                    break
    except network.TROUBLE as error:
        if response.is_success or not body:
            return b"", network.inside_answer(error, endpoint.secrets)
        # Of a refusal, half an explanation is better than none.
    if len(body) > limit and response.is_success:
        return b"", errors.ProviderSpokeGarbage("the answer is too long")
    return bytes(body[:limit]), None


async def _refusal(response: httpx.Response, endpoint: Endpoint) -> errors.CloudBaseError:
    body, failure = await _whole(response, ERROR_BODY_LIMIT, endpoint)
    return failure or _error_in(response, body, endpoint)


async def _json_of(response: httpx.Response, endpoint: Endpoint) -> bytes | errors.CloudBaseError:
    body, failure = await _whole(response, ANSWER_LIMIT, endpoint)
    if failure is not None:
        return failure
    if not body:
        return body
    said = refusals.parsed(body)
    is_answer = said is not None and not refusals.holds_error(said)
    return body if is_answer else _error_in(response, body, endpoint)


def _error_in(response: httpx.Response, body: bytes, endpoint: Endpoint) -> errors.CloudBaseError:
    return refusals.from_response(
        response.status_code, body, response.headers, secrets=endpoint.secrets
    )


def _wait_before(
    number: int, failure: errors.CloudBaseError, backoff: float, is_repeatable: bool
) -> float | None:
    """Seconds to wait before try `number`; None if there should be none.

    Repeated is what surely has not begun to cost anything: no connection, or turned away busy.
    """
    did_nothing = isinstance(failure, errors.ProviderUnreachable | errors.TooManyAtOnce)
    may_repeat = did_nothing or (is_repeatable and failure.status in (502, 503, 504))
    if number > _TRIES or not may_repeat:
        return None
    if failure.retry_after is not None:
        return failure.retry_after if failure.retry_after <= _LONGEST_WAIT else None
    jitter = random.uniform(0.5, 1.0)  # noqa: S311 -- no secret
    return jitter * backoff * 2.0 ** (number - 2)

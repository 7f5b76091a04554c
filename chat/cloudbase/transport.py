"""The one HTTP client: connections, time limits, tries; HTTP trouble becomes an error of ours.

No error raised here has a cause or a context: the libraries' exceptions hold the request, and with
it the key. Nor is a body, which may repeat the key, in a frame that raises: helpers return errors.
A cancellation loses its traceback for the same reason. What was said is in `detail`, scrubbed.
"""

from __future__ import annotations

import asyncio
import http.cookiejar
import math
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Final, Protocol, Self, TypeVar
from urllib.parse import urlencode

import httpx
from aiohttp.abc import AbstractResolver

from chat.cloudbase import bodies, errors, network, refusals, retries
from chat.cloudbase.addresses import Allowed
from chat.cloudbase.credentials import Credential

MOST_READS: Final = 750
"""Reads a second of all streams together; beyond 37 streams each gets fewer, larger ones."""
PACE: Final = 0.05
"""Seconds between two reads of a stream: twenty a second are enough for the eye."""

_IDENTITY: Final = {"accept-encoding": "identity"}

T = TypeVar("T")

MoreHeaders = Callable[[], Mapping[str, str]]
"""Asked for each request."""


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


class FindsErrors(Protocol):
    """How a service says that something is wrong."""

    def __call__(
        self, status: int, body: bytes, headers: Mapping[str, str], *, secrets: Iterable[str]
    ) -> errors.CloudBaseError | None:
        """Return what is wrong with an answer of any status, None if it is a success."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to post, as whom, and how the service there words its errors."""

    url: str
    credential: Credential
    patience: Patience = Patience()
    find_error: FindsErrors = refusals.in_answer
    in_confidence: tuple[str, ...] = field(default=(), repr=False)
    """Secrets of others that a request holds."""
    answer_limit: int | None = None
    """Bytes that a successful answer may have; None is as many as a stream brings, and what
    `bodies.ANSWER_LIMIT` says of a whole one."""

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not appear in an error."""
        return (*self.credential.secrets, *self.in_confidence)

    def keeping(self, secrets: tuple[str, ...]) -> Endpoint:
        """The endpoint for a request that holds these secrets."""
        return replace(self, in_confidence=secrets)

    def at(self, path: str) -> Endpoint:
        """The endpoint at a path below this one, its segments escaped already."""
        return replace(self, url=f"{self.url}/{path}")


@dataclass(frozen=True, slots=True)
class Call:
    """One request: its method, the query without what is None, and the body, JSON in UTF-8."""

    method: str = "POST"
    body: bytes = field(default=b"", repr=False)
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
        allowed: Allowed | None = None,
        resolver: AbstractResolver | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        max_connections: int = 1000,
        backoff: float = 0.5,
        tries: int = retries.TRIES,
        more_headers: MoreHeaders | None = None,
    ) -> None:
        """Make a pool of at most `max_connections` at once; `transport` replaces the network.

        `allowed` is what may be called besides public addresses; None: anything may. `resolver`
        looks names up, else the system does.
        A request is sent `tries` times at the most; `backoff` is the longest wait before the first
        repetition, in seconds, and doubles. `more_headers` gives headers that every request gets,
        such as those of a trace; where a request has one of its own, that counts.
        """
        self._allowed = allowed
        self._resolver = resolver
        self._transport = transport
        self._max_connections = max_connections
        self._streams = 0
        self._backoff = backoff
        self._tries = tries
        self._more_headers = more_headers
        self._client: httpx.AsyncClient | None = None

    async def __aenter__(self) -> Self:
        """Open the pool."""
        transport = self._transport or network.open_transport(
            self._max_connections, self._allowed, self._resolver
        )
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
        return await self._tried(endpoint, call, bodies.whole_answer)

    @asynccontextmanager
    async def stream(
        self,
        endpoint: Endpoint,
        body: bytes,
        *,
        pace: float = PACE,
        is_repeatable: bool = True,
    ) -> AsyncGenerator[Reads, None]:
        """Post JSON; give the reads of an event stream, at most one in `pace` seconds.

        `is_repeatable` is that of `Call`. Leaving the context closes the connection. Raises
        CloudBaseError if there is no stream.
        """
        call = Call(body=body, accept="text/event-stream", is_repeatable=is_repeatable)
        response = await self._tried(endpoint, call, bodies.event_stream)
        self._streams += 1
        try:
            async with aclosing(bodies.pieces(response)) as pieces:
                yield Reads(pieces, endpoint, lambda: max(pace, self._streams / MOST_READS))
        finally:
            self._streams -= 1
            await bodies.close(response)

    async def post_json(
        self, url: str, body: bytes, credential: Credential, *, within: float
    ) -> tuple[int, bytes]:
        """Post once to somebody who is no model service; return the status of the answer and how
        its body begins, at most `bodies.BEGINNING` bytes.

        A redirection is an answer like any other. Raises CloudBaseError if there is no answer
        `within` so many seconds.
        """
        patience = Patience(connect=within / 2, first_byte=within / 2)
        call = Call(body=body, accept="*/*", is_repeatable=False)
        outcome = await self._try(Endpoint(url, credential, patience), call, bodies.beginning)
        if isinstance(outcome, errors.CloudBaseError):
            raise outcome
        return outcome

    async def _tried(
        self,
        endpoint: Endpoint,
        call: Call,
        take: Callable[[httpx.Response, Endpoint], Awaitable[T | errors.CloudBaseError]],
    ) -> T:
        """Send as often as helps, and return what `take` makes of the answer.

        `take` closes the answer or returns it; what it returns is never asked for again.
        """
        number = 1
        while True:
            outcome = await self._try(endpoint, call, take)
            if not isinstance(outcome, errors.CloudBaseError):
                return outcome
            number += 1
            wait = retries.wait_before(
                number, outcome, backoff=self._backoff, is_repeatable=call.is_repeatable
            )
            if wait is None or number > self._tries:
                raise outcome
            await asyncio.sleep(wait)

    async def _try(
        self,
        endpoint: Endpoint,
        call: Call,
        take: Callable[[httpx.Response, Endpoint], Awaitable[T | errors.CloudBaseError]],
    ) -> T | errors.CloudBaseError:
        """Send once. A cancellation leaves without the libraries' frames, which hold headers."""
        try:
            return await self._outcome(endpoint, call, take)
        except asyncio.CancelledError as cancelled:
            raise cancelled.with_traceback(None) from None

    async def _outcome(
        self,
        endpoint: Endpoint,
        call: Call,
        take: Callable[[httpx.Response, Endpoint], Awaitable[T | errors.CloudBaseError]],
    ) -> T | errors.CloudBaseError:
        try:
            response = await self._send(endpoint, call)
        except network.TROUBLE as error:
            return network.before_answer(error, endpoint.secrets)
        return await take(response, endpoint)

    async def _send(self, endpoint: Endpoint, call: Call) -> httpx.Response:
        if self._client is None:
            raise RuntimeError("The HttpPool is not open: use it in `async with`.")
        patience = endpoint.patience
        url = network.as_written(call.url(endpoint.url))
        request = self._client.build_request(
            call.method,
            url,
            content=call.body or None,
            headers=_headers(endpoint.credential, url, self._with_more_headers(call)),
            timeout=httpx.Timeout(
                connect=patience.connect, pool=patience.connect, read=None, write=None
            ),
        )
        async with asyncio.timeout(patience.connect + patience.first_byte):
            return await self._client.send(request, stream=True)

    def _with_more_headers(self, call: Call) -> Call:
        if self._more_headers is None:
            return call
        return replace(call, headers={**self._more_headers(), **call.headers})


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
        self._may_come = math.inf if endpoint.answer_limit is None else endpoint.answer_limit

    async def next(self, within: float | None = None) -> bytes:
        """Return what has arrived, b"" at the end of the stream.

        Waits at most `within` seconds, else as long as a silence may last. Raises
        ProviderTimedOut, StreamBroken or ProviderSpokeGarbage, or AnswerTooLong.
        """
        if not self._is_first:
            await asyncio.sleep(_until_next_step(self._pace()))
        self._is_first = False
        seconds = self._endpoint.patience.idle if within is None else within
        try:
            data = await bodies.next_piece(self._pieces, seconds)
        except network.TROUBLE as error:
            failure = network.inside_answer(error, self._endpoint.secrets)
        except asyncio.CancelledError as cancelled:
            raise cancelled.with_traceback(None) from None
        else:
            self._may_come -= len(data)
            if self._may_come >= 0:
                return data
            del data  # it may repeat the key
            failure = errors.AnswerTooLong()
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

"""The one HTTP client: connections, time limits, retries; HTTP trouble becomes an error of ours.

No error raised here has a cause or a context: the libraries' exceptions hold the request, and with
it the key. Nor is a body, which may repeat the key, in a frame that raises: helpers return errors.
What was said is in `detail`, scrubbed.
"""

from __future__ import annotations

import asyncio
import http.cookiejar
import random
import ssl
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from types import TracebackType
from typing import Any, Final, Self, cast

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from chat.cloudbase import errors

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
    """From the open connection to the status line; sending the request is part of it."""
    idle: float = 120.0
    """Between two pieces of the answer."""
    after_finish: float = 5.0
    """For the usage report and `[DONE]`, once the model has said why it stopped."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to post, and as whom."""

    url: str
    api_key: str = field(repr=False)
    patience: Patience = Patience()

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not appear in an error."""
        return (self.api_key,) if self.api_key else ()


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
        self._backoff = backoff
        self._client: httpx.AsyncClient | None = None

    async def __aenter__(self) -> Self:
        """Open the pool."""
        transport = self._transport or _aiohttp_transport(self._max_connections)
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

    async def post(self, endpoint: Endpoint, body: bytes) -> bytes:
        """Post JSON and return the JSON body of a successful answer.

        Raises CloudBaseError for everything else, an error inside an HTTP 200 included.
        """
        async with self._answer(endpoint, body, accept="application/json") as response:
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
        async with self._answer(endpoint, body, accept="text/event-stream") as response:
            if not _is_event_stream(response):
                raise await _refusal(response, endpoint)
            async with aclosing(_pieces(response)) as pieces:
                yield Reads(pieces, endpoint, pace)

    @asynccontextmanager
    async def _answer(
        self, endpoint: Endpoint, body: bytes, *, accept: str
    ) -> AsyncGenerator[httpx.Response, None]:
        """Give the successful answer whose body is still to be read, after as many tries as help.

        Nothing is repeated once the first byte of a successful answer was there.
        """
        response = await self._opened(endpoint, body, accept)
        try:
            yield response
        finally:
            await _close(response)

    async def _opened(self, endpoint: Endpoint, body: bytes, accept: str) -> httpx.Response:
        number = 1
        while True:
            answer = await self._try(endpoint, body, accept)
            if isinstance(answer, httpx.Response):
                return answer
            number += 1
            wait = _wait_before(number, answer, self._backoff)
            if wait is None:
                raise answer
            await asyncio.sleep(wait)

    async def _try(
        self, endpoint: Endpoint, body: bytes, accept: str
    ) -> httpx.Response | errors.CloudBaseError:
        """Post once; return the successful answer, its body unread, or what went wrong."""
        try:
            response = await self._send(endpoint, body, accept)
        except _TROUBLE as error:
            return _before_answer(error, endpoint)
        if response.is_success:
            return response
        try:
            return await _refusal(response, endpoint)
        finally:
            await _close(response)

    async def _send(self, endpoint: Endpoint, body: bytes, accept: str) -> httpx.Response:
        if self._client is None:
            raise RuntimeError("The HttpPool is not open: use it in `async with`.")
        patience = endpoint.patience
        request = self._client.build_request(
            "POST",
            endpoint.url,
            content=body,
            headers=_headers(endpoint, accept),
            timeout=httpx.Timeout(
                connect=patience.connect, pool=patience.connect, read=None, write=None
            ),
        )
        async with asyncio.timeout(patience.connect + patience.first_byte):
            return await self._client.send(request, stream=True)


class Reads:
    """The bytes of a stream, everything that has arrived at a time, and not too often.

    While nobody waits for the next read the connection is not read either: what arrives
    meanwhile is joined by the kernel, at no cost to us.
    """

    def __init__(self, pieces: AsyncIterator[bytes], endpoint: Endpoint, pace: float) -> None:
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
            await asyncio.sleep(self._pace)
        self._is_first = False
        try:
            return await _next(self._pieces, within or self._endpoint.patience.idle)
        except _TROUBLE as error:
            failure = _inside_answer(error, self._endpoint)
        raise failure


def _aiohttp_transport(max_connections: int) -> AiohttpTransport:
    context = _ssl_context()

    def session() -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=max_connections, force_close=True, ssl=context),
            cookie_jar=aiohttp.DummyCookieJar(),
            response_class=_HeldResponse,
        )

    return AiohttpTransport(verify=context, client=session)


@cache
def _ssl_context() -> ssl.SSLContext:
    """Reading the authorities' certificates takes some ten milliseconds: once a process."""
    return httpx.create_ssl_context()


def _no_cookies() -> http.cookiejar.CookieJar:
    """A jar that takes nothing: everyone's conversations share the client."""
    policy = http.cookiejar.DefaultCookiePolicy(allowed_domains=[])
    return http.cookiejar.CookieJar(policy=policy)


class _HeldContent:
    """A body whose connection is read only while somebody waits for it.

    Otherwise every token wakes the loop when it arrives, and what came before a reset is lost.
    """

    def __init__(self, content: aiohttp.StreamReader, connection: asyncio.Transport) -> None:
        self._content = content
        self._connection = connection

    async def iter_chunked(self, _size: int) -> AsyncIterator[bytes]:
        """Give everything that has arrived at a time, whatever size the caller has in mind."""
        while True:
            if not self._connection.is_closing():
                self._connection.resume_reading()
            data = await self._content.readany()
            if not self._connection.is_closing():
                self._connection.pause_reading()
            if not data:
                return
            yield data

    def __getattr__(self, name: str) -> Any:
        """Everything else is as it was."""
        return getattr(self._content, name)


class _HeldResponse(aiohttp.ClientResponse):
    async def start(self, connection: Any) -> aiohttp.ClientResponse:
        transport, closed = connection.transport, connection.protocol.closed
        await super().start(connection)
        if closed is not None:
            closed.add_done_callback(self._notice_the_end)
        if transport is not None:
            self.content = _HeldContent(self.content, transport)  # type: ignore[assignment] # stands in for it
        return self

    def _notice_the_end(self, closed: asyncio.Future[None]) -> None:
        """Wake whoever waits for more: after malformed chunks aiohttp closes and tells nobody."""
        closed.exception()  # seen
        if not self.content.is_eof() and self.content.exception() is None:
            self.content.set_exception(aiohttp.ClientPayloadError("The body is malformed."))


def _headers(endpoint: Endpoint, accept: str) -> httpx.Headers:
    """httpx's own type, because it hides the key in its repr."""
    headers = httpx.Headers({"content-type": "application/json", "accept": accept, **_IDENTITY})
    if endpoint.api_key:
        headers["authorization"] = f"Bearer {endpoint.api_key}"
    return headers


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
    with suppress(*_TROUBLE):
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
    except _TROUBLE as error:
        # Half an explanation is better than none.
        return bytes(body), None if response.is_error and body else _inside_answer(error, endpoint)
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
    said = errors.parsed(body)
    is_answer = said is not None and not errors.holds_error(said)
    return body if is_answer else _error_in(response, body, endpoint)


def _error_in(response: httpx.Response, body: bytes, endpoint: Endpoint) -> errors.CloudBaseError:
    return errors.from_response(
        response.status_code, body, response.headers, secrets=endpoint.secrets
    )


def _wait_before(number: int, failure: errors.CloudBaseError, backoff: float) -> float | None:
    """Seconds to wait before try `number`; None if there should be none.

    Repeated is what surely has not begun to cost anything: no connection, or turned away busy.
    """
    may_repeat = isinstance(failure, errors.ProviderUnreachable | errors.TooManyAtOnce)
    if number > _TRIES or not (may_repeat or failure.status in (502, 503, 504)):
        return None
    if failure.retry_after is not None:
        return failure.retry_after if failure.retry_after <= _LONGEST_WAIT else None
    jitter = random.uniform(0.5, 1.0)  # noqa: S311 -- no secret
    return jitter * backoff * 2.0 ** (number - 2)


_TROUBLE = (
    httpx.HTTPError,
    httpx.InvalidURL,
    httpx.StreamError,
    aiohttp.ClientError,
    OSError,  # TimeoutError is one
    UnicodeError,
)
"""What httpx and, where httpx-aiohttp lets it through, aiohttp may raise."""


def _before_answer(error: Exception, endpoint: Endpoint) -> errors.CloudBaseError:
    """Trouble before the status line.

    httpx-aiohttp calls most things ConnectTimeout; only the exception behind it tells the truth.
    """
    truth = _truth(error)
    match truth:
        case aiohttp.InvalidURL() | httpx.InvalidURL() | httpx.UnsupportedProtocol():
            kind: type[errors.CloudBaseError] = errors.IllegalBaseUrl
        case aiohttp.ClientSSLError():
            kind = errors.ProviderNotTrusted
        case aiohttp.ClientConnectorError() | aiohttp.ConnectionTimeoutError():
            kind = errors.ProviderUnreachable
        case httpx.ConnectError() | httpx.ConnectTimeout() | httpx.PoolTimeout():
            kind = errors.ProviderUnreachable
        case TimeoutError() | httpx.TimeoutException():
            kind = errors.ProviderTimedOut
        case aiohttp.ClientResponseError() | httpx.DecodingError():
            kind = errors.ProviderSpokeGarbage
        case _:
            kind = errors.ProviderHungUp
    return kind(_words(truth), secrets=endpoint.secrets)


def _inside_answer(error: Exception, endpoint: Endpoint) -> errors.CloudBaseError:
    """Trouble after the status line."""
    truth = _truth(error)
    match truth:
        case TimeoutError() | httpx.TimeoutException():
            kind: type[errors.CloudBaseError] = errors.ProviderTimedOut
        case httpx.DecodingError():
            kind = errors.ProviderSpokeGarbage
        case _:
            kind = errors.StreamBroken
    return kind(_words(truth), secrets=endpoint.secrets)


def _truth(error: Exception) -> BaseException:
    cause = error.__cause__
    return cause if isinstance(cause, aiohttp.ClientError | OSError) else error


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".removesuffix(": ")

"""What httpx is given for a network: aiohttp, and what its exceptions mean."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterable
from functools import cache
from typing import Any

import aiohttp
import httpx
import yarl
from httpx_aiohttp import AiohttpTransport

from chat.cloudbase import errors


def open_transport(max_connections: int) -> AiohttpTransport:
    """Return httpx's transport over aiohttp; it connects when the first request is sent."""
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


def as_written(url: str) -> str:
    """Return an address as aiohttp will write it, which unquotes what needs no quoting.

    A signature covers path and query, so whoever signs must see them the way they are sent. An
    impossible address is returned as it is: httpx will refuse it.
    """
    try:
        return str(yarl.URL(url))
    except ValueError:
        return url


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
        self.reason = None  # httpx logs it, and a service may repeat the key there
        if closed is not None:
            closed.add_done_callback(self._notice_the_end)
        if transport is not None:
            self.content = _HeldContent(self.content, transport)  # type: ignore[assignment] # stands in for it
        return self

    def _notice_the_end(self, closed: asyncio.Future[None]) -> None:
        """Wake whoever waits for more: after malformed chunks aiohttp closes and tells nobody."""
        if not closed.cancelled():
            closed.exception()  # seen
        if not self.content.is_eof() and self.content.exception() is None:
            self.content.set_exception(aiohttp.ClientPayloadError("The body is malformed."))


TROUBLE = (
    httpx.HTTPError,
    httpx.InvalidURL,
    httpx.StreamError,
    aiohttp.ClientError,
    OSError,  # TimeoutError is one
    UnicodeError,
)
"""What httpx and, where httpx-aiohttp lets it through, aiohttp may raise."""


def before_answer(error: Exception, secrets: Iterable[str]) -> errors.CloudBaseError:
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
    return kind(_words(truth), secrets=secrets)


def inside_answer(error: Exception, secrets: Iterable[str]) -> errors.CloudBaseError:
    """Trouble after the status line."""
    truth = _truth(error)
    match truth:
        case TimeoutError() | httpx.TimeoutException():
            kind: type[errors.CloudBaseError] = errors.ProviderTimedOut
        case httpx.DecodingError():
            kind = errors.ProviderSpokeGarbage
        case _:
            kind = errors.StreamBroken
    return kind(_words(truth), secrets=secrets)


def _truth(error: Exception) -> BaseException:
    cause = error.__cause__
    return cause if isinstance(cause, aiohttp.ClientError | OSError) else error


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".removesuffix(": ")

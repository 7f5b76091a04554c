"""What httpx is given for a network: aiohttp, and what its exceptions mean."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Iterable
from functools import cache
from ipaddress import ip_address
from typing import Any

import aiohttp
import httpx
import yarl
from aiohttp.abc import AbstractResolver, ResolveResult
from httpx_aiohttp import AiohttpTransport

from chat.cloudbase import addresses, errors
from chat.cloudbase.addresses import Allowed, Target


def open_transport(
    max_connections: int,
    allowed: Allowed | None = None,
    resolver: AbstractResolver | None = None,
) -> AiohttpTransport:
    """Return httpx's transport over aiohttp; it connects when the first request is sent.

    With `allowed`, only to public addresses and those. `resolver` looks names up, else the system
    does.
    """
    context = _ssl_context()

    def session() -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=_connector(
                allowed, resolver, limit=max_connections, force_close=True, ssl=context
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            response_class=_HeldResponse,
        )

    return AiohttpTransport(verify=context, client=session)


def _connector(
    allowed: Allowed | None, resolver: AbstractResolver | None, **options: Any
) -> aiohttp.TCPConnector:
    if allowed is None:
        return aiohttp.TCPConnector(resolver=resolver, **options)
    guarded = _GuardedResolver(resolver or aiohttp.ThreadedResolver(), allowed)
    return _GuardedConnector(allowed, resolver=guarded, **options)


class _Refused(aiohttp.ClientConnectionError):
    """We do not connect to this address."""

    def __init__(self, error: errors.CloudBaseError) -> None:
        super().__init__()
        self.error = error


class _GuardedConnector(aiohttp.TCPConnector):
    """Connects nowhere we should not; what is written as an address never reaches a resolver."""

    def __init__(self, allowed: Allowed, **options: Any) -> None:
        super().__init__(**options)
        self._allowed = allowed

    async def connect(self, req: aiohttp.ClientRequest, *rest: Any, **options: Any) -> Any:
        """Look at the host of every request, whoever made it."""
        refusal = _refusal(req.url, self._allowed)
        if refusal is not None:
            raise _Refused(refusal)
        return await super().connect(req, *rest, **options)


def _refusal(url: yarl.URL, allowed: Allowed) -> errors.CloudBaseError | None:
    target = Target.of(url.raw_host or "", url.port or 0)
    try:
        addresses.check_target(target, allowed)
    except errors.RequestError as error:
        return error.with_traceback(None)
    return None


class _GuardedResolver(AbstractResolver):
    """Gives only addresses that may be called, so that what is checked is what is connected to."""

    def __init__(self, resolver: AbstractResolver, allowed: Allowed) -> None:
        self._resolver = resolver
        self._allowed = allowed

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Leave out what is forbidden; raise _Refused if nothing is left."""
        found = await self._resolver.resolve(host, port, family)
        target = Target.of(host, port)
        kept = [
            each
            for each in found
            if addresses.may_connect(target, ip_address(each["host"]), self._allowed)
        ]
        if found and not kept:
            raise _Refused(addresses.forbidden(target, ip_address(found[0]["host"])))
        return kept

    async def close(self) -> None:
        """Close what looks names up."""
        await self._resolver.close()


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
    if isinstance(truth, _Refused):
        return truth.error
    match truth:
        case aiohttp.InvalidURL() | httpx.InvalidURL() | httpx.UnsupportedProtocol():
            kind: type[errors.CloudBaseError] = errors.IllegalBaseUrl
        case aiohttp.ClientSSLError():
            kind = errors.ProviderNotTrusted
        case aiohttp.ClientConnectorError(os_error=ConnectionRefusedError()):
            kind = errors.ConnectionRefused
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

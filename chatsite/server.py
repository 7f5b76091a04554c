"""daphne, with a beginning, an end, and patience with readers who are slow.

One task lives as long as the server: it starts what the application needs, opens the port, waits
for the signal to end, lets answers in flight come to rest, and only then ends the connections.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from daphne.access import AccessLogGenerator
from daphne.http_protocol import HTTPFactory, WebRequest
from daphne.server import Server as DaphneServer
from daphne.ws_protocol import WebSocketFactory, WebSocketProtocol
from twisted.internet import reactor as twisted_reactor
from twisted.internet.defer import Deferred
from twisted.logger import globalLogBeginner

from chatsite import memory

logger = logging.getLogger(__name__)

reactor: Any = twisted_reactor  # what it can do depends on the one installed; types know only some

# How long requests that are being answered may take to end by themselves, in seconds.
REQUEST_GRACE = 3.0
BACKLOG = 512
# How long the thread of the database may keep the interpreter, in seconds. After each system call
# the loop has to ask for it again, and Python's own 5 ms would make every reader wait.
SWITCH_INTERVAL = 0.001
# Bytes. Frames of an answer in flight are shorter, unless their reader is slow.
SHORT_FRAME = 8 * 1024


class Gate:
    """Open while a connection takes what is sent to it; a push producer in Twisted's words."""

    def __init__(self) -> None:
        self._is_open = asyncio.Event()
        self._is_open.set()

    def pauseProducing(self) -> None:
        """The transport holds more than it should: wait."""
        self._is_open.clear()

    def resumeProducing(self) -> None:
        """The transport has sent what it held."""
        self._is_open.set()

    def stopProducing(self) -> None:
        """The connection is gone: nobody needs to wait any longer."""
        self._is_open.set()

    async def passed(self) -> None:
        """Return once the gate is open."""
        while not self._is_open.is_set():
            await self._is_open.wait()


class PatientRequest(WebRequest):  # type: ignore[misc]  # daphne has no types
    """A request whose answer, where it comes in pieces, waits for a reader who is slow."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self.gate = Gate()
        super().__init__(*arguments, **named)

    def handle_reply(self, message: dict[str, Any]) -> None:
        """Let the connection say when it is full; before the first piece, which may fill it."""
        if message.get("more_body") and self.producer is None and self.channel is not None:
            self.registerProducer(self.gate, True)
        super().handle_reply(message)

    def finish(self) -> None:
        """Have no more to say."""
        if self.producer is not None:
            self.unregisterProducer()
        super().finish()

    def connectionLost(self, reason: Any) -> None:
        """Wait no longer for whoever is gone."""
        self.gate.stopProducing()
        super().connectionLost(reason)

    def handle_exception(self, exception: BaseException) -> None:
        """Cut an answer off that has begun, so that its reader knows; it cannot become an error."""
        if not self._response_started:
            super().handle_exception(exception)
        elif self.channel is not None:
            self.channel.loseConnection()


class PatientHTTPFactory(HTTPFactory):  # type: ignore[misc]  # daphne has no types
    """Makes our kind of request."""

    def buildProtocol(self, address: Any) -> Any:
        """The connection from an address."""
        protocol = super().buildProtocol(address)
        protocol.requestFactory = PatientRequest
        return protocol


class PatientWebSocket(WebSocketProtocol):  # type: ignore[misc]  # daphne has no types
    """A websocket whose sender waits for a reader that is slow, instead of piling frames up."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = Gate()

    def onOpen(self) -> None:
        """Let the transport say when it is full. Until the upgrade it told the HTTP side."""
        self.unregisterProducer()
        self.registerProducer(self.gate, True)
        super().onOpen()

    def sendData(self, data: bytes, sync: bool = False, chopsize: int | None = None) -> None:
        """Send a short frame at once, unless others are waiting.

        Twisted lets everything wait until the loop comes round, which costs a frame two more
        system calls, and pays off for long ones, which it joins.
        """
        transport = self.transport
        is_queue = transport.dataBuffer or transport._tempDataBuffer
        if len(data) <= SHORT_FRAME and not is_queue:
            sent = transport.writeSomeData(data)
            # An error is met again, and dealt with, in the loop.
            data = data[sent:] if isinstance(sent, int) else data
        if data:
            transport.write(data)


class PatientWebSocketFactory(WebSocketFactory):  # type: ignore[misc]  # daphne has no types
    """Makes our kind of websocket."""

    protocol = PatientWebSocket


class Server(DaphneServer):  # type: ignore[misc]  # daphne has no types
    """Serves `application` on the bound socket `listener`, until SIGTERM or SIGINT.

    `start` is awaited before the port opens, then `on_open` is called; `stop` is awaited before
    connections end. A second signal cuts `stop` short. Incoming websocket frames may have
    `max_frame_size` bytes.
    """

    def __init__(
        self,
        application: Callable[..., Awaitable[None]],
        listener: socket.socket,
        *,
        start: Callable[[], Awaitable[None]],
        stop: Callable[[], Awaitable[None]],
        on_open: Callable[[], None],
        max_frame_size: int = 1024 * 1024,
        has_access_log: bool = False,
    ) -> None:
        super().__init__(
            application,
            endpoints=["the listener"],
            action_logger=AccessLogGenerator(sys.stdout) if has_access_log else None,
            request_buffer_size=64 * 1024,
            websocket_max_message_size=max_frame_size,
            websocket_max_frame_size=max_frame_size,
            websocket_timeout=-1,  # a page may stay open for days
            server_name="",
        )
        self._listener = listener
        self._start = start
        self._stop = stop
        self._on_open = on_open
        self._asked_to_end = asyncio.Event()
        self._life: asyncio.Task[None] | None = None
        self._has_failed = False

    def run(self) -> bool:
        """Serve; return whether all went well once everything is over."""
        self.connections: dict[Any, dict[str, Any]] = {}
        self.http_factory = PatientHTTPFactory(self)
        self.ws_factory = PatientWebSocketFactory(self, server=self.server_name)
        self.ws_factory.setProtocolOptions(
            autoPingTimeout=self.ping_timeout,
            allowNullOrigin=True,  # the application checks origins
            openHandshakeTimeout=self.websocket_handshake_timeout,
            maxMessagePayloadSize=self.websocket_max_message_size,
            maxFramePayloadSize=self.websocket_max_frame_size,
        )
        observers: list[Any] = [_log_failure]
        globalLogBeginner.beginLoggingTo(observers, redirectStandardIO=False, discardBuffer=True)
        # Twisted's loop becomes the one that asyncio, and so the application, finds.
        asyncio.set_event_loop(reactor._asyncioEventloop)
        sys.setswitchinterval(SWITCH_INTERVAL)
        reactor.callLater(1, self.application_checker)
        reactor.callLater(2, self.timeout_checker)
        reactor.callWhenRunning(self._begin)
        reactor.addSystemEventTrigger("before", "shutdown", self._end)
        reactor.run()
        return not self._has_failed

    async def handle_reply(self, protocol: Any, message: dict[str, Any]) -> None:
        """Pass on what the application sends, once the connection can take it."""
        if message["type"] in ("websocket.send", "http.response.body"):
            await protocol.gate.passed()
        await super().handle_reply(protocol, message)

    def _begin(self) -> None:
        self._life = asyncio.ensure_future(self._live())

    def _end(self) -> Deferred[None] | None:
        """Have Twisted wait for the end of our life before it closes anything."""
        self._asked_to_end.set()
        return Deferred.fromFuture(self._life) if self._life else None

    async def _live(self) -> None:
        try:
            await self._start()
            memory.keep_what_is_loaded()
            port = self._open()
            await self._asked_to_end.wait()
            port.stopListening()
            await self._wind_down()
        except Exception:  # the edge of a task: whatever it was, the process has to end
            logger.exception("the server has to stop")
            self._has_failed = True
            if not self._asked_to_end.is_set():
                reactor.stop()

    def _open(self) -> Any:
        with self._listener as listener:
            # Connections that an earlier server left behind do not keep the port from us.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.listen(BACKLOG)
            listener.setblocking(False)
            port = reactor.adoptStreamPort(listener.fileno(), listener.family, self.http_factory)
        self._on_open()
        return port

    async def _wind_down(self) -> None:
        stopping = asyncio.ensure_future(self._stop())
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stopping.cancel))
        try:
            await stopping
        except asyncio.CancelledError:
            logger.warning("told to hurry: answers in flight were cut off")
        await self._end_applications()

    async def _end_applications(self) -> None:
        requests = self._applications("http")
        if requests:
            await asyncio.wait(requests, timeout=REQUEST_GRACE)
        everything = self._applications("http", "websocket")
        for application in everything:
            application.cancel()
        await asyncio.gather(*everything, return_exceptions=True)

    def _applications(self, *types: str) -> list[asyncio.Future[None]]:
        # A connection that is only just being made, or already over, has no application.
        running = [
            details["application_instance"]
            for protocol, details in self.connections.items()
            if "application_instance" in details
            and getattr(protocol, "application_type", "http") in types
        ]
        return [application for application in running if not application.done()]


def _log_failure(event: dict[str, Any]) -> None:
    """Pass Twisted's failures on to our log; all else that it says is noise."""
    if failure := event.get("log_failure"):
        trouble = (failure.type, failure.value, failure.getTracebackObject())
        logger.error("the server's network layer failed", exc_info=trouble)

"""A synthetic OpenAI-compatible service: one token an event, each at its time.

`python -m chatsite.bench.upstream FD` serves on the listening socket FD. The last message of a
request is an `Order`. `GET /v1/times` tells of each stream since it was last asked when each token
was written (seconds of the monotonic clock, which all processes of a machine share).

HTTP is spoken by hand, from bytes made beforehand: this process must cost next to nothing.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from functools import cache

import msgspec

from chatsite.bench import answer
from chatsite.bench.orders import DONE, Order

MODEL = "bench"

_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
    b"transfer-encoding: chunked\r\nconnection: close\r\n\r\n"
)
_CHUNK = {"id": "chatcmpl-bench", "object": "chat.completion.chunk", "created": 0, "model": MODEL}
_times: dict[str, list[float]] = {}


class _Message(msgspec.Struct):
    content: str


class _Request(msgspec.Struct):
    messages: list[_Message]


class Connection(asyncio.Protocol):
    """One request and its answer."""

    def __init__(self) -> None:
        self._received = b""
        self._transport: asyncio.Transport
        self._voice: _Voice | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what to answer on."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  # tells the type checker
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer once the request is complete."""
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found or self._voice is not None or len(body) < _content_length(head):
            return
        if head.startswith(b"GET "):
            self._tell_times()
        else:
            order = Order.parse(msgspec.json.decode(body, type=_Request).messages[-1].content)
            self._voice = _Voice(self._transport, order)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody listens any more."""
        if self._voice is not None:
            self._voice.hush()

    def _tell_times(self) -> None:
        body = msgspec.json.encode(_times)
        _times.clear()
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
        self._transport.write(head.encode() + b"\r\nconnection: close\r\n\r\n" + body)
        self._transport.close()


class _Voice:
    """Speaks one answer: token n is due n / rate seconds after the first."""

    def __init__(self, transport: asyncio.Transport, order: Order) -> None:
        self._transport = transport
        self._order = order
        self._events = _events(order.tokens)
        self._times = _times[order.stream] = []
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        transport.write(_HEAD)
        self._timer = self._loop.call_soon(self._speak)

    def hush(self) -> None:
        """Say nothing more."""
        self._timer.cancel()

    def _speak(self) -> None:
        spoken, total, rate = len(self._times), self._order.tokens, self._order.rate
        due = min(total, int((self._loop.time() - self._began) * rate) + 1)
        for event in self._events[spoken:due]:
            self._times.append(time.monotonic())
            self._transport.write(event)
        if due < total:
            self._timer = self._loop.call_at(self._began + due / rate, self._speak)
        else:
            self._transport.write(_ending(total))
            self._transport.close()


@cache
def _events(count: int) -> list[bytes]:
    """One HTTP chunk for each token."""
    return [_event([{"index": 0, "delta": {"content": token}}]) for token in answer.tokens(count)]


@cache
def _ending(count: int) -> bytes:
    """The reason to stop, the usage report, and the end of the stream."""
    usage = {"prompt_tokens": 8, "completion_tokens": count, "total_tokens": 8 + count}
    stop = _event([{"index": 0, "delta": {}, "finish_reason": "stop"}])
    return stop + _event([], usage=usage) + _http_chunk(f"data: {DONE}\n\n".encode()) + b"0\r\n\r\n"


def _event(choices: list[dict[str, object]], **more: object) -> bytes:
    data = msgspec.json.encode({**_CHUNK, "choices": choices, **more})
    return _http_chunk(b"data: " + data + b"\n\n")


def _http_chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _content_length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


async def _serve(listener: socket.socket) -> None:
    server = await asyncio.get_running_loop().create_server(Connection, sock=listener, backlog=1024)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(socket.socket(fileno=int(sys.argv[1]))))

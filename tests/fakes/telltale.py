"""A server that fails in a chosen way, and repeats what it was told wherever that fits.

    async with Telltale(Failure(status="401 No", body='{"message": "{echo}"}')) as telltale:
        app = CloudBase(env="env-demo", api_key="k", base_url=telltale.url)

One question it answers well: a chat that offers tools and has no result of one yet is answered
with a call, so that what fails is the next step.
"""

import asyncio
import json
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

CALL = '{"index": 0, "id": "call_1", "function": {"name": "look", "arguments": ""}}'


@dataclass(frozen=True)
class Failure:
    """An answer, {echo} in any of its members being the request's headers and body on one line."""

    status: str = "200 OK"
    """All of the status line behind the protocol."""
    body: str = ""
    kind: str = "application/json"
    headers: str = ""
    """Further ones, each with its line end."""
    protocol: str = "HTTP/1.1"
    """"" says nothing at all."""
    ending: Literal["close", "reset", "hang"] = "close"

    def answer(self, echo: str) -> bytes:
        """The answer as it is sent."""
        if not self.protocol:
            return b""
        quoted = echo if self.kind.startswith("text/html") else json.dumps(echo)[1:-1]
        head = f"{self.protocol} {self.status}\r\nContent-Type: {self.kind}\r\n{self.headers}"
        said = f"{head.replace('{echo}', echo)}\r\n{self.body.replace('{echo}', quoted)}"
        return said.encode()


class Telltale:
    """The server; an async context manager. `heard` is every request as it came."""

    def __init__(self, failure: Failure) -> None:
        self.url = ""
        self.heard: list[bytes] = []
        self._failure = failure
        self._conversations: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "Telltale":
        self._server = await asyncio.start_server(self._converse, "127.0.0.1", 0, backlog=1000)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for conversation in self._conversations:
            conversation.cancel()
        await asyncio.gather(*self._conversations)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._conversations.add(task)
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await self._answer(reader, writer)
        writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        body = await reader.readexactly(_length(head))
        self.heard.append(head + body)
        failure = _calling(body) if _may_call(body) else self._failure
        _, *lines = (head + body).decode().split("\r\n")
        writer.write(failure.answer(" ".join(filter(None, lines))))
        await writer.drain()
        if failure.ending == "hang":
            await asyncio.Event().wait()
        if failure.ending == "reset":
            _tear_down(writer)


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


def _may_call(body: bytes) -> bool:
    return b'"tools"' in body and b'"role":"tool"' not in body


def _calling(body: bytes) -> Failure:
    """The answer that is none: a call of the tool `look`."""
    is_stream = b'"stream":true' in body
    part = "delta" if is_stream else "message"
    said = (
        f'{{"choices": [{{"index": 0, "finish_reason": "tool_calls", "{part}":'
        f' {{"role": "assistant", "content": "", "tool_calls": [{CALL}]}}}}]}}'
    )
    if is_stream:
        return Failure(body=f"data: {said}\n\ndata: [DONE]\n\n", kind="text/event-stream")
    return Failure(body=said)


def _tear_down(writer: asyncio.StreamWriter) -> None:
    """Send a reset instead of an end."""
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()

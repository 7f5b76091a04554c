"""Where alerts are told: a mail server and the receiver of a webhook, on loopback.

async with WebhookReceiver() as hook:
    hook.answers = [Answer(status="500 No"), Answer()]
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from email.policy import default
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What a receiver answers, after so many seconds."""

    status: str = "204 No Content"
    headers: str = ""
    """Further ones, each with its line end."""
    body: str = ""
    after: float = 0.0


@dataclass(frozen=True)
class Received:
    """A request as it came."""

    line: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class _Server:
    """Serves connections until its block ends."""

    port: int

    async def __aenter__(self) -> Any:
        self._tasks: set[asyncio.Task[None]] = set()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await self._talk(reader, writer)
        writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raise NotImplementedError


class WebhookReceiver(_Server):
    """Answers with each of `answers` in turn, and then well; `received` is what came."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.received: list[Received] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks/room-1"

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        line, *fields = head.strip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (f.partition(": ") for f in fields)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        self.received.append(Received(line, headers, body))
        answer = self.answers.pop(0) if self.answers else Answer()
        await asyncio.sleep(answer.after)
        length = f"Content-Length: {len(answer.body)}\r\n" if answer.body else ""
        writer.write(
            f"HTTP/1.1 {answer.status}\r\n{answer.headers}{length}\r\n{answer.body}".encode()
        )
        await writer.drain()


class MailServer(_Server):
    """Takes mail (RFC 5321), or refuses each recipient with `refusal`; `mails` is what came."""

    def __init__(self) -> None:
        self.refusal = ""
        self.recipients: list[str] = []
        self.raw: list[bytes] = []

    @property
    def mails(self) -> list[Message]:
        return [message_from_bytes(raw, policy=default) for raw in self.raw]

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 fake\r\n")
        while line := (await reader.readline()).decode():
            verb = line[:4].upper().strip()
            if verb == "DATA":
                writer.write(b"354 go on\r\n")
                raw = await reader.readuntil(b"\r\n.\r\n")
                self.raw.append(raw.removesuffix(b".\r\n"))
            if verb == "RCPT":
                self.recipients.append(line.partition("<")[2].partition(">")[0])
            is_refused = verb == "RCPT" and self.refusal
            writer.write((self.refusal if is_refused else "250 good").encode() + b"\r\n")
            if verb == "QUIT":
                return

"""The readers: a websocket each, all asked at about the same moment, checked to the last word.

`python -m chatsite.bench.load` reads a `Plan` from stdin and writes an `Outcome` to stdout, both
JSON.
"""

from __future__ import annotations

import asyncio
import re
import sys
import time
import uuid
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import Literal, Protocol

import aiohttp
import msgspec

from chatsite.bench import answer
from chatsite.bench.orders import DONE, Order
from chatsite.bench.processes import cpu_seconds, resident_kib

OPENED_AT_ONCE = 20
SPREAD = 0.2
"""Seconds over which the questions are sent."""
REST = 1.0
"""Seconds that the open sockets rest before their memory is taken."""


class Seat(msgspec.Struct):
    """One reader: the socket to open, as whom, the name of the stream to ask for, and the model
    that a page names with each question."""

    address: str
    stream: str
    headers: dict[str, str] = {}
    model: int | None = None


class Plan(msgspec.Struct):
    """What to read, and which processes to watch meanwhile.

    An answer has `tokens`, `rate` a second; whoever has not got all of it after `patience` seconds
    gives up. `upstream` is the base URL of the synthetic service.
    """

    kind: Literal["page", "relay"]
    seats: list[Seat]
    tokens: int
    rate: float
    patience: float
    upstream: str
    server_pid: int
    upstream_pid: int


class Delay(msgspec.Struct):
    """Milliseconds: half of all are below `p50`, one in a hundred is above `p99`."""

    p50: float
    p99: float


class Outcome(msgspec.Struct):
    """What was read, and what it cost. `troubles` has a sentence for each answer that is wrong."""

    answers: int
    tokens: int
    troubles: list[str]
    seconds: float
    server_cpu_seconds: float
    upstream_cpu_seconds: float
    readers_cpu_seconds: float
    bytes: int
    frames: int
    first_text: Delay | None
    text_age: Delay | None
    rss_before_kib: int
    rss_open_kib: int
    rss_peak_kib: int


class Reader(Protocol):
    """Understands the frames of one server."""

    is_done: bool
    """Whether the server has said that the answer is complete."""
    trouble: str
    """What the server complained of."""

    def question(self, order: Order) -> str:
        """The frame that asks."""

    def take(self, frame: str) -> str:
        """Take in a frame; return what it shows of the answer."""

    def text(self) -> str:
        """What a person has before their eyes."""


class RelayReader:
    """Frames are tokens."""

    def __init__(self) -> None:
        self.is_done = False
        self.trouble = ""
        self._tokens: list[str] = []

    def question(self, order: Order) -> str:
        """The order itself."""
        return str(order)

    def take(self, frame: str) -> str:
        """One more token, or the end."""
        self.is_done = frame == DONE
        self._tokens.append("" if self.is_done else frame)
        return frame

    def text(self) -> str:
        """All tokens."""
        return "".join(self._tokens)


class PageReader:
    """Frames are pieces of page, or news of an answer's status."""

    _PART = re.compile(
        r'<hx-partial hx-target="#message-\d+-(blocks|tail)[^"]*" hx-swap="\w+">(.*?)</hx-partial>',
        re.DOTALL,
    )
    _SETTLED = re.compile(
        r'data-role="assistant"\s+data-status="(done|failed|stopped|interrupted)".*?'
        r'id="message-\d+-blocks">(.*?)</div>\s*<div class="prose tail"',
        re.DOTALL,
    )
    _TAG = re.compile(r"<[^>]*>")

    def __init__(self, model: int | None) -> None:
        self.is_done = False
        self.trouble = ""
        self._model = "" if model is None else str(model)
        self._blocks: list[str] = []

    def question(self, order: Order) -> str:
        """What the page's composer sends."""
        form = {"text": str(order), "key": str(uuid.uuid4()), "model": self._model}
        return msgspec.json.encode({"action": "send", **form}).decode()

    def take(self, frame: str) -> str:
        """Apply a frame to the page."""
        if frame.startswith("{"):
            self._hear(msgspec.json.decode(frame))
            return ""
        if settled := self._SETTLED.search(frame):  # over before the page could watch it
            self._hear({"status": settled[1]})
            self._blocks = [settled[2]]
            return settled[2]
        parts = self._PART.findall(frame)
        self._blocks += [html for place, html in parts if place == "blocks"]
        return "".join(html for _place, html in parts)

    def text(self) -> str:
        """The text of the closed blocks: when an answer is done, nothing of it is left open."""
        return self._TAG.sub(" ", "".join(self._blocks))

    def _hear(self, news: dict[str, object]) -> None:
        match news:
            case {"refused": _}:
                self.trouble = "the question was refused"
            case {"status": "done"}:
                self.is_done = True
            case {"status": "failed" | "stopped" | "interrupted" as status}:
                self.trouble = f"the answer ended as {status}"


class Reading:
    """One seat's answer, and when which part of it was shown."""

    def __init__(self, plan: Plan, seat: Seat) -> None:
        self.bytes = self.frames = 0
        self.stream = seat.stream
        self._order = Order(seat.stream, plan.tokens, plan.rate)
        self._patience = plan.patience
        self._reader: Reader = PageReader(seat.model) if plan.kind == "page" else RelayReader()
        self._shown: list[tuple[float, int]] = []
        self._mishap = ""

    async def read(self, socket: aiohttp.ClientWebSocketResponse, wait: float) -> None:
        """Ask after `wait` seconds, and read to the end, whatever that is."""
        await asyncio.sleep(wait)
        try:
            async with asyncio.timeout(self._patience):
                await socket.send_str(self._reader.question(self._order))
                async for message in socket:
                    self.take(message.data, time.monotonic())
                    if self._reader.is_done or self._reader.trouble:
                        return
        except TimeoutError:
            self._mishap = "the answer did not come to an end"
        except (aiohttp.ClientError, OSError) as error:
            self._mishap = f"the socket broke: {error}"

    def take(self, frame: str, now: float = 0.0) -> None:
        """Take in a frame that came at `now`, in seconds of the monotonic clock."""
        self.frames += 1
        self.bytes += len(frame.encode())
        number = answer.newest_number(self._reader.take(frame))
        if number is not None:
            self._shown.append((now, number))

    def trouble(self) -> str:
        """What was wrong with the answer, in a sentence; empty if nothing was."""
        trouble = self._mishap or self._reader.trouble
        if trouble or self._reader.is_done:
            return trouble or self._wrong_word()
        return "the socket closed before the answer was done"

    def ages(self, sent: Sequence[float]) -> list[float]:
        """How long after it was sent each numbered word was shown, in milliseconds."""
        shown = iter(self._shown)
        at, newest = 0.0, -1
        ages = []
        for number in answer.numbers(len(sent)):
            while newest < number:
                at, newest = next(shown, (at, sys.maxsize))
            if newest < sys.maxsize:
                ages.append((at - sent[number]) * 1000)
        return ages

    def _wrong_word(self) -> str:
        shown = answer.NUMBERED_WORD.findall(self._reader.text())
        pairs = zip_longest(shown, answer.words(self._order.tokens))
        wrong = next(((ours, theirs) for ours, theirs in pairs if ours != theirs), None)
        return f"the page shows {wrong[0]!r} where the answer has {wrong[1]!r}" if wrong else ""


async def run(plan: Plan) -> Outcome:
    """Do what the plan says."""
    readings = [Reading(plan, seat) for seat in plan.seats]
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        before = resident_kib(plan.server_pid)
        sockets = await _opened(session, plan.seats)
        await asyncio.sleep(REST)
        opened = resident_kib(plan.server_pid)
        began = _Clock(plan)
        waits = [SPREAD * number / len(sockets) for number in range(len(sockets))]
        await asyncio.gather(
            *(
                reading.read(socket, wait)
                for reading, socket, wait in zip(readings, sockets, waits, strict=True)
            )
        )
        ended = _Clock(plan)
        async with session.get(f"{plan.upstream}/times") as response:
            times: dict[str, list[float]] = msgspec.json.decode(await response.read())
        await asyncio.gather(*(socket.close() for socket in sockets))
    ages = [reading.ages(times.get(reading.stream, [])) for reading in readings]
    return Outcome(
        answers=len(readings),
        tokens=sum(map(len, times.values())),
        troubles=[f"{each.stream}: {trouble}" for each in readings if (trouble := each.trouble())],
        seconds=ended.now - began.now,
        server_cpu_seconds=ended.server - began.server,
        upstream_cpu_seconds=ended.upstream - began.upstream,
        readers_cpu_seconds=ended.readers - began.readers,
        bytes=sum(reading.bytes for reading in readings),
        frames=sum(reading.frames for reading in readings),
        first_text=_delay(each[0] for each in ages if each),
        text_age=_delay(age for each in ages for age in each),
        rss_before_kib=before,
        rss_open_kib=opened,
        rss_peak_kib=resident_kib(plan.server_pid, is_peak=True),
    )


class _Clock:
    """The time, and what the processes have used of the processors until now, in seconds."""

    def __init__(self, plan: Plan) -> None:
        self.now = time.monotonic()
        self.server = cpu_seconds(plan.server_pid)
        self.upstream = cpu_seconds(plan.upstream_pid)
        self.readers = time.process_time()


async def _opened(
    session: aiohttp.ClientSession, seats: Iterable[Seat]
) -> list[aiohttp.ClientWebSocketResponse]:
    """Open the sockets of all seats, a few at a time."""
    room = asyncio.Semaphore(OPENED_AT_ONCE)

    async def opened(seat: Seat) -> aiohttp.ClientWebSocketResponse:
        async with room:
            return await session.ws_connect(seat.address, headers=seat.headers, max_msg_size=0)

    return await asyncio.gather(*map(opened, seats))


def _delay(samples: Iterable[float]) -> Delay | None:
    ordered = sorted(samples)
    if not ordered:
        return None
    return Delay(p50=ordered[len(ordered) // 2], p99=ordered[len(ordered) * 99 // 100])


if __name__ == "__main__":
    plan = msgspec.json.decode(sys.stdin.buffer.read(), type=Plan)
    sys.stdout.buffer.write(msgspec.json.encode(asyncio.run(run(plan))))

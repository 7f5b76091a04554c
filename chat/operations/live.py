"""What goes on now: each process says every two seconds how it does, and open pages show it.

Nothing is done for a token: what is counted anyway is read, and the text that answers have gained
is looked at once. Processes tell each other through the channel layer; where nobody looks, nobody
listens.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from django.db.models import Count, Q

from admin_models import endings
from chat.models import Message, Status, Worker
from chat.operations import measures
from chat.turns import owner, tokens
from chat.turns.reply import Reply

logger = logging.getLogger(__name__)

GROUP: Final = "operations.live"
"""Of the channel layer: the pages that show what goes on."""
INTERVAL: Final = 2.0
"""Seconds between two reports of a process."""


_latest: Report | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """How a process does. `at` is its wall clock, in seconds."""

    worker: int
    name: str
    at: float
    queued: int
    streaming: int
    sockets: int
    people: Sequence[int]
    rate: float
    """Tokens a second that its answers gained, estimated from their text."""
    memory: int
    """Bytes that it holds in memory; 0 where the system does not say."""
    delay: float
    """Seconds that its event loop is late, on average of the last ten seconds."""
    worst_delay: float


# Each process


class _Growth:
    """How many tokens the answers of this process gain."""

    def __init__(self) -> None:
        self._seen: dict[int, tuple[Reply, int, int]] = {}
        self._at = time.monotonic()

    def rate(self) -> float:
        """Tokens a second since the last call, also of answers that ended meanwhile."""
        known = {pk: reply for pk, (reply, _text, _reasoning) in self._seen.items()}
        now = {pk: reply for pk in owner.in_flight() if (reply := owner.find(pk)) is not None}
        gained = sum(self._gained(reply) for reply in {**known, **now}.values())
        self._seen = {pk: self._seen[pk] for pk in now}
        began, self._at = self._at, time.monotonic()
        return gained / max(self._at - began, 1e-3)

    def _gained(self, reply: Reply) -> int:
        text, reasoning = reply.document.text, reply.reasoning
        _reply, had, had_reasoning = self._seen.get(reply.pk, (reply, 0, 0))
        self._seen[reply.pk] = (reply, len(text), len(reasoning))
        return tokens.estimate(text[had:]) + tokens.estimate(reasoning[had_reasoning:])


@asynccontextmanager
async def reporting() -> AsyncGenerator[None, None]:
    """Report how this process does for as long as the block lasts; it has a worker."""
    global _latest
    task = asyncio.create_task(_report_on(_Growth()), name="reports of operations")
    try:
        yield
    finally:
        await endings.ended([task])
        _latest = None


async def _report_on(growth: _Growth) -> None:
    global _latest
    while True:
        await asyncio.sleep(INTERVAL)
        _latest = report(growth.rate())
        event = {"type": "live.report", "report": asdict(_latest)}
        try:
            await owner.layer().group_send(GROUP, event)
        except Exception:  # whatever the layer's own service raises while it is away
            logger.exception("how this process does could not be told")


def latest() -> Report | None:
    """What this process said last."""
    return _latest


def report(rate: float) -> Report:
    """How this process does now."""
    answers = [reply for pk in owner.in_flight() if (reply := owner.find(pk)) is not None]
    streaming = sum(reply.status == Status.STREAMING for reply in answers)
    delays = list(measures.RECENT_LOOP_DELAYS) or [0.0]
    return Report(
        worker=owner.worker_pk(),
        name=f"{socket.gethostname()}:{os.getpid()}",
        at=time.time(),
        queued=len(answers) - streaming,
        streaming=streaming,
        sockets=measures.sockets(),
        people=measures.people(),
        rate=rate,
        memory=_memory(),
        delay=sum(delays) / len(delays),
        worst_delay=max(delays),
    )


def _memory() -> int:
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


# What the database knows of all of them


@dataclass(frozen=True, slots=True)
class Held:
    """A worker and the answers that rows say are its."""

    worker: int
    started_at: datetime
    heartbeat_at: datetime
    queued: int
    streaming: int


@dataclass(frozen=True, slots=True)
class Known:
    """What the tables say of now."""

    workers: Sequence[Held]
    queued: int
    streaming: int
    """Of all answers, also those whose process is gone."""


def known() -> Known:
    """Two queries, of few rows: those in flight have an index."""
    by_status = Message.objects.live().order_by().values_list("status").annotate(Count("pk"))
    counts = dict(by_status)
    rows = Worker.objects.order_by("started_at").annotate(
        queued=Count("replies", filter=Q(replies__status=Status.QUEUED)),
        streaming=Count("replies", filter=Q(replies__status=Status.STREAMING)),
    )
    return Known(
        workers=[
            Held(row.pk, row.started_at, row.heartbeat_at, row.queued, row.streaming)
            for row in rows
        ],
        queued=counts.get(Status.QUEUED, 0),
        streaming=counts.get(Status.STREAMING, 0),
    )

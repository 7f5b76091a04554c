"""What operations watch of this process: its sockets, requests, loop and database thread.

Memory and processor time are among the figures that prometheus_client takes by itself.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter as Tally
from collections import deque
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

from asgiref.sync import SyncToAsync
from prometheus_client import Counter, Gauge, Histogram

from admin_models import endings

_DATABASE_THREAD: Final = SyncToAsync.single_thread_executor

SOCKETS: Final = Gauge("chatsite_sockets_open", "Websockets of pages that are open now.")
REQUESTS: Final = Counter(
    "chatsite_http_requests",
    "HTTP requests that were answered, by the name of the view and the status. No view: a static "
    "file, a redirect, or an address that leads nowhere.",
    ["view", "status"],
)
LOOP_DELAY: Final = Histogram(
    "chatsite_event_loop_delay_seconds",
    "How much later than it asked a task was woken: what everybody's next word has to wait.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
LATEST_LOOP_DELAY: Final = Gauge(
    "chatsite_event_loop_latest_delay_seconds", "The same, when it was last measured."
)
DATABASE_QUEUE: Final = Gauge(
    "chatsite_database_queue", "Calls that wait for the database thread of turns and sockets."
)
DATABASE_QUEUE.set_function(_DATABASE_THREAD._work_queue.qsize)

INTERVAL: Final = 0.5
"""Seconds between two measurements of the loop."""
RECENT_LOOP_DELAYS: Final[deque[float]] = deque(maxlen=20)
"""Seconds; what was measured in the last ten."""

_people: Final[Tally[int]] = Tally()


@contextmanager
def connected(person: int | None) -> Iterator[None]:
    """Count an open socket, and whose it is; None is nobody who signed in."""
    with SOCKETS.track_inprogress():
        if person is not None:
            _people[person] += 1
        try:
            yield
        finally:
            if person is not None:
                _people.subtract([person])
                _forget(person)


def _forget(person: int) -> None:
    """If they have no socket left."""
    if not _people[person]:
        del _people[person]


def sockets() -> int:
    """How many are open in this process."""
    return int(next(iter(SOCKETS.collect())).samples[0].value)


def people() -> list[int]:
    """The numbers of those who have a socket open in this process."""
    return list(_people)


@asynccontextmanager
async def measuring() -> AsyncGenerator[None, None]:
    """Measure how late this event loop is, for as long as the block lasts."""
    task = asyncio.create_task(_measure_delay(), name="event-loop delay")
    try:
        yield
    finally:
        await endings.ended([task])


async def _measure_delay() -> None:
    while True:
        due = time.monotonic() + INTERVAL
        await asyncio.sleep(INTERVAL)
        delay = max(0.0, time.monotonic() - due)
        LOOP_DELAY.observe(delay)
        LATEST_LOOP_DELAY.set(delay)
        RECENT_LOOP_DELAYS.append(delay)

"""The log of answers in flight: append-only checkpoints and a heartbeat.

Two rows a second and answer at the most, written in one transaction for the whole process, so
that the cost is linear in the text and `kill -9` loses less than a second of it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from channels.db import database_sync_to_async
from django.db import transaction
from django.utils import timezone

from chat.models import Checkpoint, Message, Status, Worker
from chat.turns.reply import Reply

logger = logging.getLogger(__name__)

INTERVAL = 0.5
"""Seconds between two checkpoints."""
SILENCE = timedelta(seconds=12)
"""A worker whose heartbeat is older is dead. It beats twice a second."""
HELD_UP = SILENCE / 4
"""A heartbeat that comes so late was held up, by a database that was away or a clock that was set;
those of others may have been, too."""


@dataclass(slots=True)
class _Entry:
    """How much of an answer is written down."""

    reply: Reply
    text: int = 0
    reasoning: int = 0
    status: str = Status.QUEUED


class Log:
    """Writes down what the answers of this process have become."""

    def __init__(self, now: Callable[[], datetime] = timezone.now) -> None:
        """`now` is the clock that heartbeats are set by."""
        self._now = now
        self._entries: dict[int, _Entry] = {}
        self._writing = asyncio.Lock()
        self._beat_at: datetime | None = None
        self._steady_from: datetime | None = None

    @asynccontextmanager
    async def keeping(self, reply: Reply) -> AsyncGenerator[None, None]:
        """Checkpoint `reply` inside; after it no checkpoint of it is written any more."""
        self._entries[reply.pk] = _Entry(reply)
        try:
            yield
        finally:
            async with self._writing:
                del self._entries[reply.pk]

    def is_steady(self) -> bool:
        """Whether the silence of other workers says something about them: ours was heard all the
        time in which theirs would have been."""
        now = self._now()
        if self._beat_at is not None and now - self._beat_at > HELD_UP:
            return False
        return self._steady_from is None or now >= self._steady_from

    async def write(self, worker: Worker) -> None:
        """Write the heartbeat of `worker` and everything that is new, in one transaction.

        A row that others have taken away, since it was silent for long, is written anew.
        """
        async with self._writing:
            rows, begun, written = [], [], {}
            for pk, entry in self._entries.items():
                text, reasoning = entry.reply.document.text, entry.reply.reasoning
                now = replace(entry, text=len(text), reasoning=len(reasoning))
                if now != entry:
                    rows.append(
                        Checkpoint(
                            message_id=pk,
                            text=text[entry.text :],
                            reasoning=reasoning[entry.reasoning :],
                        )
                    )
                if entry.status == Status.QUEUED and entry.reply.status == Status.STREAMING:
                    now.status = Status.STREAMING
                    begun.append(pk)
                written[pk] = now
            await _write(worker, rows, begun, self._now)
            self._note_beat()
            # Only now: what the database did not take is part of the next checkpoint.
            self._entries |= written

    def _note_beat(self) -> None:
        now = self._now()
        if self._beat_at is not None and now - self._beat_at > HELD_UP:
            self._steady_from = now + SILENCE
        self._beat_at = now


@database_sync_to_async
@transaction.atomic
def _write(
    worker: Worker, rows: list[Checkpoint], begun: list[int], now: Callable[[], datetime]
) -> None:
    worker.heartbeat_at = now()
    worker.save()  # in one query, unless the row is gone
    if rows:
        Checkpoint.objects.bulk_create(rows)
    if begun:
        Message.objects.filter(pk__in=begun, status=Status.QUEUED).update(status=Status.STREAMING)

"""The log of answers in flight: append-only checkpoints and a heartbeat.

Two rows a second and answer at the most, written in one transaction for the whole process, so
that the cost is linear in the text and `kill -9` loses less than a second of it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from channels.db import database_sync_to_async
from django.db import transaction
from django.utils import timezone

from chat.models import Checkpoint, Message, Status, Worker
from chat.turns.reply import Reply

logger = logging.getLogger(__name__)

INTERVAL = 0.5
"""Seconds between two checkpoints."""


@dataclass(slots=True)
class _Entry:
    """How much of an answer is written down."""

    reply: Reply
    text: int = 0
    reasoning: int = 0
    status: str = Status.QUEUED


class Log:
    """Writes down what the answers of this process have become."""

    def __init__(self) -> None:
        self._entries: dict[int, _Entry] = {}
        self._writing = asyncio.Lock()

    @asynccontextmanager
    async def keeping(self, reply: Reply) -> AsyncGenerator[None, None]:
        """Checkpoint `reply` inside; after it no checkpoint of it is written any more."""
        self._entries[reply.pk] = _Entry(reply)
        try:
            yield
        finally:
            async with self._writing:
                del self._entries[reply.pk]

    async def write(self, worker_pk: int) -> None:
        """Write the heartbeat of `worker_pk` and everything that is new, in one transaction."""
        async with self._writing:
            rows, begun = [], []
            for pk, entry in self._entries.items():
                text, reasoning = entry.reply.document.text, entry.reply.reasoning
                if len(text) > entry.text or len(reasoning) > entry.reasoning:
                    rows.append(
                        Checkpoint(
                            message_id=pk,
                            text=text[entry.text :],
                            reasoning=reasoning[entry.reasoning :],
                        )
                    )
                    entry.text, entry.reasoning = len(text), len(reasoning)
                if entry.status == Status.QUEUED and entry.reply.status == Status.STREAMING:
                    entry.status = Status.STREAMING
                    begun.append(pk)
            await _write(worker_pk, rows, begun)


@database_sync_to_async
@transaction.atomic
def _write(worker_pk: int, rows: list[Checkpoint], begun: list[int]) -> None:
    Worker.objects.filter(pk=worker_pk).update(heartbeat_at=timezone.now())
    if rows:
        Checkpoint.objects.bulk_create(rows)
    if begun:
        Message.objects.filter(pk__in=begun, status=Status.QUEUED).update(status=Status.STREAMING)

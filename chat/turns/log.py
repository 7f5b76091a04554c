"""The log of answers in flight: append-only checkpoints, a heartbeat, and the settled row.

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
from django.db.models import F
from django.utils import timezone

from chat.models import LIVE, Checkpoint, Conversation, Message, Status, Usage, Worker
from chat.turns import tokens
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


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a turn ended, as it is written down."""

    status: Status
    text: str
    reasoning: str
    error: dict[str, object] | None = None
    answered_model: str = ""
    finish_reason: str = ""
    left_out: int = 0
    usage: Usage | None = None
    """The ledger row without its references; None if no request was made."""


def outcome_of(reply: Reply) -> Outcome:
    """What `reply` came to."""
    return Outcome(
        status=reply.status,
        text=reply.document.text,
        reasoning=reply.reasoning,
        error=reply.error.as_dict() if reply.error else None,
        answered_model=reply.answered_model,
        finish_reason=reply.finish_reason[:32],
        left_out=reply.left_out,
        usage=_usage_of(reply) if reply.was_asked else None,
    )


def _usage_of(reply: Reply) -> Usage:
    row = Usage(
        first_token_seconds=reply.first_token_seconds,
        duration_seconds=reply.duration_seconds,
    )
    reported = reply.usage
    if reported is None:
        return estimated(row, reply.prompt_estimate, reply.document.text + reply.reasoning)
    row.confidence = Usage.Confidence.REPORTED
    row.prompt_tokens = reported.prompt_tokens
    row.completion_tokens = reported.completion_tokens
    row.total_tokens = reported.total_tokens
    row.cached_tokens = reported.cached_tokens
    row.reasoning_tokens = reported.reasoning_tokens
    return row


def estimated(row: Usage, prompt_tokens: int | None, answer: str) -> Usage:
    """Fill `row` with what the texts suggest: the service reported nothing."""
    if not answer:
        row.confidence = Usage.Confidence.UNKNOWN
        return row
    row.confidence = Usage.Confidence.ESTIMATED
    row.prompt_tokens = prompt_tokens
    row.completion_tokens = tokens.estimate(answer)
    row.total_tokens = (prompt_tokens or 0) + row.completion_tokens
    return row


@transaction.atomic
def settle(message: Message, outcome: Outcome) -> Message:
    """Write an answer and its ledger row down for good; returns the row as `shown` loads it.

    Expects `conversation` and `model__group__environment` to be loaded.

    Does nothing to an answer that rests already (another process may have found it orphaned).
    """
    settled = Message.objects.filter(pk=message.pk, status__in=LIVE).update(
        status=outcome.status,
        text=outcome.text,
        reasoning=outcome.reasoning,
        error=outcome.error,
        answered_model=outcome.answered_model,
        finish_reason=outcome.finish_reason,
        left_out=outcome.left_out,
        finished_at=timezone.now(),
        worker=None,
    )
    if settled:
        Checkpoint.objects.filter(message=message.pk).delete()
        if outcome.usage is not None:
            _enter(outcome.usage, message, outcome)
        Conversation.objects.filter(pk=message.conversation_id).update(
            revision=F("revision") + 1, active_at=timezone.now()
        )
    return Message.objects.select_related("usage").get(pk=message.pk)


def _enter(row: Usage, message: Message, outcome: Outcome) -> None:
    row.message = message
    row.conversation_id = message.conversation_id
    row.user_id = message.conversation.owner_id
    row.model = message.model
    if message.model is not None:
        row.group_name = message.model.group.name
        row.environment_name = message.model.group.environment.name
    row.requested_model = message.requested_model
    row.answered_model = outcome.answered_model
    row.final_status = outcome.status
    row.error_code = str((outcome.error or {}).get("code", ""))
    row.save()

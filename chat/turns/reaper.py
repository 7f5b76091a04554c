"""What a dead process left behind: answers without an owner are saved as interrupted."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from chat.models import Message, Status, Usage, Worker
from chat.turns import history, metrics, questions, settling
from chat.turns.log import SILENCE

logger = logging.getLogger(__name__)


def reap(
    own_worker_pk: int,
    in_flight: Collection[int],
    may_judge: Callable[[], bool] = lambda: True,
) -> list[Message]:
    """Settle every orphan with the text that its checkpoints hold; returns their rows.

    Answers `in_flight` in the calling process are never orphans, however long its heartbeat was
    held up; others that carry its name are, once they had the time to be taken up. Those of other
    workers are only if the caller `may_judge` their silence, asked once the database has answered.
    """
    long_ago = timezone.now() - SILENCE
    own = Q(worker=own_worker_pk)
    dead = Q(worker__isnull=True) | Q(worker__heartbeat_at__lt=long_ago) & ~own
    lost = own & Q(created_at__lt=long_ago) & ~Q(pk__in=in_flight)
    orphans = Message.objects.live().filter(dead | lost)
    loaded = orphans.select_related("conversation", "question", "model__group__environment")
    found = list(loaded.prefetch_related("checkpoints"))
    is_judging = may_judge()
    if not is_judging:
        found = [message for message in found if message.worker_id in (None, own_worker_pk)]
    settled = [_interrupt(message) for message in found]
    if is_judging:
        _forget_dead_workers(own_worker_pk)
    return settled


def forget_all_workers() -> None:
    """Make every answer in flight an orphan at once; for a start when nobody else can be alive."""
    Worker.objects.all().delete()


@transaction.atomic
def _interrupt(message: Message) -> Message:
    pieces = list(message.checkpoints.all())
    text = "".join(piece.text for piece in pieces)
    reasoning = "".join(piece.reasoning for piece in pieces)
    logger.warning("reply %s was interrupted: its process is gone", message.pk)
    outcome = settling.Outcome(
        status=Status.INTERRUPTED,
        text=text,
        reasoning=reasoning,
        usage=settling.estimated(Usage(), _prompt_tokens(message), text + reasoning),
    )
    row = settling.settle(message, outcome)
    metrics.count_orphan(row)
    return row


def _prompt_tokens(message: Message) -> int | None:
    """About how many tokens the model was sent; nobody is there who knows."""
    if message.question is None:
        return None
    limit = history.budget(message.model) if message.model else None
    return history.fit(questions.said_with(message.question), limit).estimated_tokens


def _forget_dead_workers(own_worker_pk: int) -> None:
    Worker.objects.filter(heartbeat_at__lt=timezone.now() - SILENCE, replies__isnull=True).exclude(
        pk=own_worker_pk
    ).delete()

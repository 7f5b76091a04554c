"""Sends a recipient a notice at once, to see whether it arrives."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from django.utils import timezone

from chat.models import AlertDelivery, AlertRecipient
from chat.operations.alerts import delivering, notices
from chat.operations.alerts.delivering import Outcome
from chat.operations.jobs import in_database

Tried = tuple[AlertDelivery, Outcome]


async def try_out(recipient: AlertRecipient, language: str) -> Sequence[Tried]:
    """Try each way of a recipient once; what came of it is noted like that of alerts."""
    notice = notices.test_notice(recipient.name, language)
    rows = await in_database(_made)(recipient, notice)
    outcomes = await asyncio.gather(*(delivering.deliver(row, most_tries=1) for row in rows))
    return list(zip(rows, outcomes, strict=True))


def _made(recipient: AlertRecipient, notice: notices.Notice) -> list[AlertDelivery]:
    """A row for each way. The job leaves them alone: they are never waiting."""
    return [
        AlertDelivery.objects.create(
            recipient=recipient,
            recipient_name=recipient.name,
            event=notices.Event.TEST,
            way=way,
            notice=notice,
            state=delivering.State.FAILED,
            due_at=timezone.now(),
        )
        for way in delivering.ways(recipient)
    ]

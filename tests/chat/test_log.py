"""The log of answers in flight, and the heartbeat: what could not be written is not forgotten."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from channels.db import database_sync_to_async
from django.db import IntegrityError
from django.utils import timezone

from chat.cloudbase.events import ReasoningDelta, TextDelta
from chat.models import Checkpoint, Message, Worker
from chat.turns.log import HELD_UP, SILENCE, Log
from chat.turns.reply import Reply

pytestmark = pytest.mark.django_db(transaction=True)


def begun(conversation) -> tuple[Worker, Message]:
    question = conversation.messages.create(role="user", text="Hi")
    answer = conversation.messages.create(role="assistant", question=question, status="queued")
    return Worker.objects.create(channel="c", heartbeat_at=timezone.now()), answer


def written(answer: Message) -> tuple[str, str, str]:
    """What would be left of the answer if the process was killed now."""
    rows = Checkpoint.objects.filter(message=answer).order_by("pk")
    answer.refresh_from_db()
    text = "".join(row.text for row in rows)
    return text, "".join(row.reasoning for row in rows), answer.status


class Clock:
    """Shows what it is set to."""

    def __init__(self) -> None:
        self.now = timezone.now()

    def __call__(self) -> datetime:
        return self.now

    def goes_on(self, by: timedelta) -> None:
        self.now += by


async def test_what_the_database_did_not_take_is_in_the_next_checkpoint(conversation):
    worker, answer = await database_sync_to_async(begun)(conversation)
    log, reply = Log(), Reply(answer)
    async with log.keeping(reply):
        reply.add([ReasoningDelta("Let me see."), TextDelta("Hel")])
        stray = Reply(Message(pk=10**9, conversation=conversation))  # no row: it cannot be written
        stray.add([TextDelta("Bonjour")])
        async with log.keeping(stray):
            with pytest.raises(IntegrityError):
                await log.write(worker)
        assert await database_sync_to_async(written)(answer) == ("", "", "queued")
        reply.add([TextDelta("lo")])
        await log.write(worker)
        await log.write(worker)
    assert await database_sync_to_async(written)(answer) == ("Hello", "Let me see.", "streaming")


async def test_a_worker_whose_row_others_took_away_is_there_again_with_its_next_heartbeat(
    conversation,
):
    worker, _answer = await database_sync_to_async(begun)(conversation)
    await Worker.objects.filter(pk=worker.pk).adelete()
    await Log().write(worker)
    again = await Worker.objects.aget()
    assert (again.pk, again.channel) == (worker.pk, worker.channel)


async def test_who_was_held_up_waits_until_others_had_time_to_be_heard(conversation):
    worker, _answer = await database_sync_to_async(begun)(conversation)
    clock = Clock()
    log = Log(clock)
    assert log.is_steady()
    await log.write(worker)
    clock.goes_on(HELD_UP)
    assert log.is_steady()
    await log.write(worker)
    clock.goes_on(HELD_UP + timedelta(seconds=1))
    assert not log.is_steady()
    waited = timedelta()
    while waited < SILENCE:
        await log.write(worker)
        assert not log.is_steady()
        clock.goes_on(HELD_UP)
        waited += HELD_UP
    await log.write(worker)
    assert log.is_steady()

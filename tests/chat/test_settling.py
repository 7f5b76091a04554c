"""Answers come to rest: each with its ledger row, together where they end together."""

from __future__ import annotations

import asyncio
from contextvars import copy_context

import pytest
from asgiref.sync import sync_to_async
from django.db import connection
from django.test.utils import CaptureQueriesContext

from chat.models import Checkpoint, Conversation, Message, Status, Usage
from chat.turns import settling
from chat.turns.settling import Outcome, Settling

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def answers(alice, model):
    """Four answers that are being written, in conversations of their own."""
    return [live_answer(alice, model, number) for number in range(4)]


def live_answer(owner, model, number) -> Message:
    conversation = Conversation.objects.create(owner=owner, title=f"Number {number}", model=model)
    question = conversation.messages.create(role="user", text="Hi")
    answer = conversation.messages.create(
        role="assistant", question=question, status="streaming", model=model
    )
    Checkpoint.objects.create(message=answer, text="Hel")
    return answer


def outcome(text="Hello", **members) -> Outcome:
    usage = Usage(confidence="reported", total_tokens=len(text))
    return Outcome(status=Status.DONE, text=text, reasoning="", usage=usage, **members)


def test_the_row_that_comes_back_is_the_one_in_the_database(answers):
    row = settling.settle(answers[0], outcome(answered_model="m2", error={"code": "x"}))
    loaded = Message.objects.select_related("usage").get(pk=row.pk)
    for field in Message._meta.concrete_fields:
        assert getattr(row, field.attname) == getattr(loaded, field.attname), field.name
    assert row.usage == loaded.usage
    assert loaded.usage.total_tokens == 5
    assert not Checkpoint.objects.filter(message=row).exists()


def test_an_answer_that_asked_no_model_has_no_ledger_row(answers, django_assert_num_queries):
    row = settling.settle(answers[0], Outcome(status=Status.FAILED, text="", reasoning=""))
    with django_assert_num_queries(0):
        assert getattr(row, "usage", None) is None
    assert not Usage.objects.exists()


def test_an_answer_that_rests_already_stays_as_it_is(answers):
    first = settling.settle(answers[0], outcome("First"))
    second = settling.settle(answers[0], outcome("Second"))
    assert (second.pk, second.text, second.usage) == (first.pk, "First", first.usage)
    assert Usage.objects.count() == 1


def test_an_answer_that_is_gone_is_said_to_be(answers):
    Message.objects.filter(pk=answers[0].pk).delete()
    with pytest.raises(Message.DoesNotExist):
        settling.settle(answers[0], outcome())


async def test_answers_that_end_together_share_a_transaction(answers):
    together = Settling(copy_context())
    queries = CaptureQueriesContext(connection)
    await sync_to_async(queries.__enter__)()
    rows = await asyncio.gather(
        *(together.settle(answer, outcome(answer.conversation.title)) for answer in answers)
    )
    statements = await sync_to_async(lambda: [query["sql"] for query in queries])()
    await sync_to_async(queries.__exit__)(None, None, None)
    assert [row.text for row in rows] == [answer.conversation.title for answer in answers]
    assert sum("INSERT INTO" in statement for statement in statements) == 4
    assert await Usage.objects.filter(message__in=rows).acount() == 4
    revisions = Conversation.objects.filter(messages__in=rows).values_list("revision", flat=True)
    assert {revision async for revision in revisions} == {1}


async def test_one_that_cannot_be_written_does_not_hold_up_the_others(answers):
    together = Settling(copy_context())
    await sync_to_async(Message.objects.filter(pk=answers[1].pk).delete)()
    rows = await asyncio.gather(
        *(together.settle(answer, outcome()) for answer in answers), return_exceptions=True
    )
    assert [isinstance(row, Message) for row in rows] == [True, False, True, True]
    assert isinstance(rows[1], Message.DoesNotExist)
    assert await Message.objects.filter(status="done", pk__in=[a.pk for a in answers]).acount() == 3
    assert await Usage.objects.acount() == 3


async def test_whoever_is_cancelled_while_writing_for_all_leaves_nobody_behind(answers):
    together = Settling(copy_context())
    tasks = [asyncio.create_task(together.settle(answer, outcome())) for answer in answers]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    tasks[0].cancel()
    rows = await asyncio.gather(*tasks, return_exceptions=True)
    written = [row.pk for row in rows[1:] if isinstance(row, Message)]
    assert written == [answer.pk for answer in answers[1:]]
    assert await Usage.objects.filter(message__in=written).acount() == 3

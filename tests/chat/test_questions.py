"""Questions that come at once are saved at once, and what is wrong with one is its own affair."""

from __future__ import annotations

import asyncio
from contextvars import copy_context

import pytest
from asgiref.sync import sync_to_async
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation
from django.utils.translation import gettext

from chat.models import Conversation, Message, Worker
from chat.turns.errors import AlreadyAnswering, ConversationGone
from chat.turns.questions import Question, Saving


@pytest.fixture
def conversations(alice, model):
    return [
        Conversation.objects.create(owner=alice, title=str(n), model=model if n % 2 else None)
        for n in range(5)
    ]


@pytest.fixture
def saving(transactional_db):
    worker = Worker.objects.create(channel="here", heartbeat_at=timezone.now())
    return Saving(worker.pk, copy_context())


def asks(text: str, **rest):
    return lambda _conversation: Question(text, **rest)


async def at_once(saving, conversations, check=None):
    return await asyncio.gather(
        *(saving.save(c.pk, check or asks(f"Question {c.title}")) for c in conversations),
        return_exceptions=True,
    )


async def test_questions_that_come_together_share_a_transaction(saving, conversations):
    queries = CaptureQueriesContext(connection)
    await sync_to_async(queries.__enter__)()
    turns = await at_once(saving, conversations)
    statements = await sync_to_async(lambda: [query["sql"] for query in queries])()
    await sync_to_async(queries.__exit__)(None, None, None)
    assert [turn.question.text for turn in turns] == [f"Question {n}" for n in range(5)]
    assert [turn.message.question_id for turn in turns] == [turn.question.pk for turn in turns]
    assert [turn.model for turn in turns] == [c.model for c in conversations]
    assert sum("INSERT" in statement for statement in statements) == 2
    assert sum(statement.startswith("SELECT") for statement in statements) == 2
    revisions = Conversation.objects.values_list("revision", flat=True)
    assert [revision async for revision in revisions] == [1] * 5


async def test_each_turn_holds_what_was_said_in_its_own_conversation(saving, conversations):
    for turn in await at_once(saving, conversations):
        text = f"Answer {turn.question.text}"
        await Message.objects.filter(pk=turn.message.pk).aupdate(status="done", text=text)
    turns = await at_once(saving, conversations, asks("And then?"))
    assert [[message.content for message in turn.said] for turn in turns] == [
        [f"Question {n}", f"Answer Question {n}", "And then?"] for n in range(5)
    ]


async def test_one_that_is_refused_does_not_hold_up_the_others(saving, conversations):
    gone, busy = conversations[1], conversations[2]
    await saving.save(busy.pk, asks("First"))
    await gone.adelete()
    turns = await at_once(saving, conversations)
    assert [type(turn).__name__ for turn in turns].count("Turn") == 3
    assert isinstance(turns[1], ConversationGone)
    assert isinstance(turns[2], AlreadyAnswering)
    assert await Message.objects.filter(role="user").acount() == 4


async def test_a_check_that_breaks_breaks_only_its_own(saving, conversations):
    def broken(_conversation):
        raise ZeroDivisionError

    checks = [asks("One"), broken, asks("Three")]
    turns = await asyncio.gather(
        *(saving.save(c.pk, check) for c, check in zip(conversations, checks, strict=False)),
        return_exceptions=True,
    )
    assert isinstance(turns[1], ZeroDivisionError)
    assert [turns[0].question.text, turns[2].question.text] == ["One", "Three"]
    assert await Message.objects.filter(role="user").acount() == 2


async def test_of_two_in_one_conversation_the_first_is_asked(saving, conversations):
    pk = conversations[0].pk
    turns = await asyncio.gather(
        saving.save(pk, asks("One")), saving.save(pk, asks("Two")), return_exceptions=True
    )
    assert turns[0].question.text == "One"
    assert isinstance(turns[1], AlreadyAnswering)


async def test_a_known_key_asks_nothing_twice_also_at_once(saving, conversations):
    pk = conversations[0].pk
    turns = await asyncio.gather(*(saving.save(pk, asks("Hi", key="k")) for _ in range(3)))
    assert [turn is None for turn in turns] == [False, True, True]
    assert await Message.objects.filter(role="user").acount() == 1


async def test_what_a_check_says_is_in_the_language_of_who_asks(saving, conversations):
    said: dict[str, str] = {}

    def check_in(language: str):
        def check(_conversation) -> None:
            said[language] = gettext("Please write something first.")

        return check

    async def ask(conversation, language: str) -> None:
        with translation.override(language):
            await saving.save(conversation.pk, check_in(language))

    await asyncio.gather(ask(conversations[0], "en"), ask(conversations[1], "zh-hans"))
    assert said["en"] == "Please write something first."
    assert said["zh-hans"] not in ("", said["en"])


async def test_whoever_goes_away_leaves_nobody_behind(saving, conversations):
    tasks = [asyncio.create_task(saving.save(c.pk, asks("Hi"))) for c in conversations]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    tasks[0].cancel()
    turns = await asyncio.gather(*tasks, return_exceptions=True)
    assert [turn.question.text for turn in turns[1:]] == ["Hi"] * 4

"""An answer in flight, without any socket: cursors, sharing, and what a page ends up with."""

from __future__ import annotations

import asyncio

import pytest
from bs4 import BeautifulSoup
from django.utils import translation

from chat.cloudbase.events import ModelNamed, ReasoningDelta, TextDelta, UsageReported
from chat.models import Message, Status
from chat.rendering import fragments
from chat.turns import readers
from chat.turns.reply import Reply


@pytest.fixture
def reply():
    return Reply(Message(pk=7, conversation_id=1, role="assistant", status=Status.QUEUED))


def rested(reply: Reply, status: Status = Status.DONE) -> None:
    reply.end(status)
    text = reply.document.text
    row = Message(pk=7, conversation_id=1, role="assistant", status=status, text=text)
    row._state.fields_cache["usage"] = None  # as the table would say
    reply.rest(row)


def test_a_page_at_the_end_gets_nothing(reply):
    reply.add([TextDelta("Hello")])
    _frames, cursor = reply.step_from(Reply.NOTHING)
    assert reply.step_from(cursor)[0] == ()


def test_readers_at_the_same_cursor_share_what_was_rendered(reply):
    reply.add([TextDelta("Hello")])
    first, cursor = reply.step_from(Reply.NOTHING)
    assert reply.step_from(Reply.NOTHING)[0] is first
    reply.add([TextDelta(" there")])
    assert reply.step_from(cursor)[0] is reply.step_from(cursor)[0]


def test_what_stands_under_a_resting_answer_is_in_the_readers_language(reply):
    reply.add([TextDelta("Hello")])
    rested(reply, Status.STOPPED)
    with translation.override("en"):
        english, _ = reply.step_from(Reply.NOTHING)
    with translation.override("zh-hans"):
        chinese, _ = reply.step_from(Reply.NOTHING)
    assert "Stopped" in english[0]
    assert "Stopped" not in chinese[0]


def test_a_page_that_may_hold_anything_gets_the_whole_bubble(reply):
    reply.add([ReasoningDelta("hm"), TextDelta("**Hel")])
    (frame,), cursor = reply.step_from(None)
    bubble = BeautifulSoup(frame, "html.parser").select_one("article#message-7")
    assert bubble["data-status"] == "streaming"
    assert "hm" in bubble.get_text()
    reply.add([TextDelta("lo**")])
    (update,), _cursor = reply.step_from(cursor)
    assert "<strong>Hello</strong>" in update
    assert "article" not in update


def test_an_answer_that_has_ended_still_shows_as_being_written_until_it_is_saved(reply):
    reply.add([TextDelta("Hello")])
    reply.end(Status.DONE)
    _frames, cursor = reply.step_from(Reply.NOTHING)
    assert cursor.status == Status.STREAMING
    assert not reply.is_at_rest


def test_events_leave_their_traces(reply):
    reply.add([ModelNamed("m-1"), ReasoningDelta("a"), TextDelta("b"), UsageReported(1, 2, 3)])
    assert (reply.answered_model, reply.reasoning, reply.document.text) == ("m-1", "a", "b")
    assert reply.usage == UsageReported(1, 2, 3)
    assert reply.first_token_seconds is not None


def test_usage_alone_is_no_first_token(reply):
    reply.add([UsageReported(1, 0, 1)])
    assert reply.first_token_seconds is None


async def test_two_readers_one_slow_one_fast_end_with_the_same_text(reply):
    pages: dict[str, list[str]] = {"fast": [], "slow": []}

    def sender(name: str, pause: float):
        async def send(frame: str) -> None:
            await asyncio.sleep(pause)
            pages[name].append(frame)

        return send

    async with asyncio.TaskGroup() as group:
        group.create_task(readers.follow(reply, sender("fast", 0), Reply.NOTHING))
        group.create_task(readers.follow(reply, sender("slow", 0.2), Reply.NOTHING))
        for number in range(40):
            reply.add([TextDelta(f"line {number}\n\n")])
            await asyncio.sleep(0.01)
        rested(reply)
    assert len(pages["slow"]) < len(pages["fast"])
    for frames in pages.values():
        text = BeautifulSoup("".join(frames), "html.parser").get_text()
        assert "line 39" in text
    assert fragments.status_frame(7, "done") in pages["slow"][-1]


async def test_a_reader_that_comes_after_the_end_gets_everything_at_once(reply):
    reply.add([TextDelta("all of it")])
    rested(reply)
    frames: list[str] = []

    async def send(frame: str) -> None:
        frames.append(frame)

    await asyncio.wait_for(readers.follow(reply, send, None), 1)
    assert len(frames) == 1
    assert "all of it" in frames[0]

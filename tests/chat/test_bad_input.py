"""Whatever comes in from a page: a clear message, nothing lost, nobody else's conversation."""

from __future__ import annotations

import asyncio

import pytest

from chat.models import Conversation, Message
from tests.chat.sockets import connected, opened

pytestmark = pytest.mark.usefixtures("serving")


def refusals(page) -> list[object]:
    return [content["refused"] for content in page.data if "refused" in content]


@pytest.mark.parametrize("text", ["", "   ", "\n\t\n"])
async def test_an_empty_message_is_refused(conversation, alice, text):
    async with opened(conversation, alice) as page:
        await page.ask(text, key="k1")
        await page.until(lambda: refusals(page))
        assert refusals(page) == ["k1"]
        assert page.error() == "Please write something first."
    assert not await Message.objects.aexists()


async def test_a_message_that_is_too_long_is_refused_with_both_lengths(
    conversation, alice, settings
):
    settings.MAX_MESSAGE_LENGTH = 10
    async with opened(conversation, alice) as page:
        await page.ask("x" * 11, key="k1")
        await page.until(lambda: refusals(page))
        assert "11" in page.error()
        assert "10" in page.error()


async def test_the_longest_message_is_taken(conversation, alice, settings):
    settings.MAX_MESSAGE_LENGTH = 10
    async with opened(conversation, alice) as page:
        await page.ask("\n" + "x" * 9)
        await page.until_status("done")


async def test_line_endings_of_forms_do_not_count_twice(conversation, alice, settings):
    settings.MAX_MESSAGE_LENGTH = 3
    async with opened(conversation, alice) as page:
        await page.ask("a\r\nb")
        await page.until_status("done")
    assert (await Message.objects.aget(role="user")).text == "a\nb"


@pytest.mark.parametrize("text", ["half \ud83d", "null \x00"])
async def test_text_that_cannot_be_stored_is_refused(conversation, alice, text):
    async with opened(conversation, alice) as page:
        await page.ask(text, key="k1")
        await page.until(lambda: refusals(page))
        assert page.error()
    assert not await Message.objects.aexists()


@pytest.mark.parametrize(
    "frame",
    [
        "not json",
        "[]",
        "null",
        "12",
        '"send"',
        "{}",
        '{"action": "fly"}',
        '{"action": ["send"]}',
        '{"action": "regenerate", "message": "x"}',
        '{"action": "regenerate", "message": {"a": 1}}',
        '{"action": "choose", "model": "x"}',
        '{"action": "choose", "model": "' + "9" * 5000 + '"}',
        '{"action": "regenerate", "message": "١٢"}',
        '{"action": "fly", "key": "\\ud83d"}',
        "[" * 100_000,
    ],
)
async def test_a_frame_that_means_nothing_is_answered_and_the_page_stays_connected(
    conversation, alice, frame
):
    async with opened(conversation, alice) as page:
        await page.send_text(frame)
        await page.until(lambda: refusals(page))
        assert page.error()
        await page.ask("still here")
        await page.until_status("done")


async def test_a_binary_frame_is_answered(conversation, alice):
    async with opened(conversation, alice) as page:
        await page.communicator.send_to(bytes_data=b"\xff\xfe")
        await page.until(lambda: refusals(page))


async def test_what_is_sent_as_a_list_or_number_is_no_text(conversation, alice):
    async with opened(conversation, alice) as page:
        await page.send(action="send", text={"a": [1]}, key=["k"])
        await page.until(lambda: refusals(page))
    assert not await Message.objects.aexists()


async def test_a_second_send_while_one_answer_streams_is_refused(conversation, alice, service):
    service.tell(say=["one ", "two"], pause_after=1)
    async with opened(conversation, alice) as page:
        await page.ask("First")
        await page.until_shown("one")
        await page.ask("Second", key="k2")
        await page.until(lambda: refusals(page))
        assert refusals(page) == ["k2"]
        assert "still being written" in page.error()
        service.resume()
        await page.until(lambda: page.statuses() == ["done"])
    assert await Message.objects.filter(role="user").acount() == 1


async def test_regenerating_one_turn_while_another_streams_is_refused(conversation, alice, service):
    async with opened(conversation, alice) as page:
        await page.ask("First")
        await page.until_status("done")
        earlier = page.last_pk()
        service.tell(say=["one ", "two"], pause_after=1)
        await page.ask("Second")
        await page.until_shown("one")
        await page.send(action="regenerate", message=str(earlier))
        await page.until(lambda: "still being written" in page.error())
        service.resume()


async def test_regenerating_twice_in_a_row_makes_one_answer(conversation, alice, service):
    async with opened(conversation, alice) as page:
        await page.ask("First")
        await page.until_status("done")
        service.tell(say=["one ", "two"], pause_after=1)
        for _click in range(2):
            await page.send(action="regenerate", message=str(page.last_pk()))
        await page.until_shown("one")
        service.resume()
        await page.until(lambda: page.statuses()[-1] == "done" and "two" in page.turns_text())
        assert not page.error()
    assert len(service.requests) == 2


async def test_twenty_sends_at_once_make_one_answer(conversation, alice, service):
    service.tell(say=["one ", "two"], pause_after=1)
    async with opened(conversation, alice) as page:
        for number in range(20):
            await page.ask(f"number {number}", key=f"k{number}")
        await page.until(lambda: len(refusals(page)) == 19)
        service.resume()
        await page.until(lambda: page.statuses() == ["done"])
    assert len(service.requests) == 1


async def test_a_question_that_is_sent_twice_is_asked_once(conversation, alice, service):
    async with opened(conversation, alice) as page:
        await page.ask("Hi", key="same")
        await page.until_status("done")
        await page.send(action="send", text="Hi", key="same")
        await page.until(lambda: page.data.count({"accepted": "same"}) == 2)
    assert len(service.requests) == 1


async def test_an_answer_that_is_not_there_cannot_be_regenerated(conversation, alice):
    async with opened(conversation, alice) as page:
        await page.send(action="regenerate", message="99999")
        await page.until(lambda: "no such answer" in page.error())


async def test_an_answer_of_another_conversation_cannot_be_regenerated(
    conversation, alice, mallory, model, service
):
    async with opened(conversation, alice) as page:
        await page.ask("Secret question")
        await page.until_status("done")
        pk = page.last_pk()
    other = await Conversation.objects.acreate(owner=mallory, title="Mine", model=model)
    async with opened(other, mallory) as page:
        await page.send(action="regenerate", message=str(pk))
        await page.until(lambda: "no such answer" in page.error())
    assert len(service.requests) == 1


async def closing_code(communicator) -> int:
    output = await communicator.receive_output(timeout=5)
    assert output["type"] == "websocket.close"
    return int(output["code"])


async def test_another_persons_conversation_does_not_exist(conversation, mallory):
    path = f"/ws/conversations/{conversation.pk}/?seen=0"
    async with connected(path, mallory) as (communicator, _is_in, _code):
        assert await closing_code(communicator) == 4404


async def test_a_socket_without_a_session_is_told_to_sign_in(conversation):
    path = f"/ws/conversations/{conversation.pk}/?seen=0"
    async with connected(path) as (communicator, _is_in, _code):
        assert await closing_code(communicator) == 4401


@pytest.mark.parametrize("origin", ["http://evil.example", "null", None])
async def test_a_socket_from_another_origin_is_refused(conversation, alice, origin):
    path = f"/ws/conversations/{conversation.pk}/?seen=0"
    async with connected(path, alice, origin=origin) as (_communicator, is_in, _code):
        assert not is_in


async def test_a_socket_that_was_let_in_hears_nothing_of_others(
    conversation, alice, mallory, model
):
    other = await Conversation.objects.acreate(owner=mallory, title="Mine", model=model)
    async with opened(other, mallory) as eavesdropper, opened(conversation, alice) as page:
        await page.ask("Secret")
        await page.until_status("done")
        assert await eavesdropper.is_quiet()


async def test_a_conversation_that_is_deleted_in_mid_answer_ends_quietly(
    conversation, alice, service
):
    service.tell(say=["one ", "two"], pause_after=1)
    async with opened(conversation, alice) as page:
        await page.ask("Hi")
        await page.until_shown("one")
        await conversation.adelete()
        service.resume()
        await asyncio.sleep(0.3)
    assert not await Message.objects.aexists()

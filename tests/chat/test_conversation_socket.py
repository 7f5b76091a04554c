"""A person chats over the socket; what was pushed is what a reload shows."""

from __future__ import annotations

import asyncio

import pytest
from channels.layers import get_channel_layer

from admin_models.models import AIModel
from chat.models import Checkpoint, Message, Usage
from tests.chat.sockets import connected, eventually, loaded, opened, settled
from tests.fakes.model_server import Script

pytestmark = pytest.mark.usefixtures("serving")


@pytest.fixture
def groups_last(monkeypatch):
    """Seconds after which the channel layer forgets who joined a group; else it is a day."""
    monkeypatch.setattr(get_channel_layer(), "group_expiry", 1)
    return 1


MIXED = [
    "# Hel",
    "lo\n\nSome *te",
    "xt* and `co",
    "de`.\n\n- on",
    "e\n- two\n\n```python\npri",
    "nt(1)\n```\n\nEnd **b",
]


async def test_a_question_is_answered_and_the_last_push_equals_a_reload(
    conversation, alice, service
):
    service.tell(say=MIXED, delay=0.03)
    async with opened(conversation, alice) as page:
        await page.ask("Hi <b>there</b>")
        await page.until_status("done")
        reloaded = await loaded(conversation, alice)
    assert page.turns() == reloaded.turns()
    assert "Hi <b>there</b>" in page.turns_text()
    assert page.soup.select_one("#turns h1, #turns h2, #turns h3").get_text() == "Hello"


async def test_the_answer_arrives_in_pieces(conversation, alice, service):
    service.tell(say=["one ", "two"], pause_after=1)
    async with opened(conversation, alice) as page:
        await page.ask("Count")
        await page.until_shown("one")
        await page.until_status("streaming")
        service.resume()
        await page.until_status("done")


async def test_the_ledger_row_and_the_settled_message_agree(conversation, alice, model, service):
    service.tell(say=["a", "b"], think=["hm"], usage="extra")
    async with opened(conversation, alice) as page:
        await page.ask("Hi")
        await page.until_status("done")
    message = await Message.objects.aget(role="assistant")
    usage = await Usage.objects.aget()
    assert (message.text, message.reasoning, message.status) == ("ab", "hm", "done")
    assert (usage.message_id, usage.user_id, usage.model_id) == (message.pk, alice.pk, model.pk)
    assert (usage.group_name, usage.environment_name) == ("custom-fake", "Local")
    assert usage.confidence == "reported"
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens > 0
    assert 0 < usage.first_token_seconds <= usage.duration_seconds
    assert not await Checkpoint.objects.aexists()


async def test_a_service_that_reports_no_usage_is_estimated_and_says_so(
    conversation, alice, service
):
    service.tell(say=["word " * 40], usage="none")
    async with opened(conversation, alice) as page:
        await page.ask("Hi")
        await page.until_status("done")
    usage = await Usage.objects.aget()
    assert usage.confidence == "estimated"
    assert usage.completion_tokens == 50


async def test_stop_is_heard_while_the_model_is_still_answering(conversation, alice, service):
    service.tell(say=["partial ", "never"], pause_after=1)
    async with opened(conversation, alice) as page:
        await page.ask("Hi")
        await page.until_shown("partial")
        await page.send(action="stop")
        await page.until_status("stopped")
        await asyncio.wait_for(service.requests[0].disconnected.wait(), 1)
        assert page.turns() == (await loaded(conversation, alice)).turns()
    message = await Message.objects.aget(role="assistant")
    assert message.text == "partial "
    assert (await Usage.objects.aget()).final_status == "stopped"


async def test_stop_before_the_first_word(conversation, alice, service):
    service.tell(silence=30)
    async with opened(conversation, alice) as page:
        await page.ask("Hi")
        await service.seen(1)
        await page.send(action="stop")
        await page.until_status("stopped")
    assert (await Usage.objects.aget()).confidence == "unknown"


async def test_regenerating_keeps_the_old_answer_under_the_new_one(conversation, alice, service):
    service.once(Script(say=["first answer"]), Script(say=["second answer"]))
    async with opened(conversation, alice) as page:
        await page.ask("Hi")
        await page.until_status("done")
        await page.send(action="regenerate", message=str(page.last_pk()))
        await page.until(lambda: "second answer" in page.answers()[-1].get_text())
        await page.until_status("done")
        assert page.turns() == (await loaded(conversation, alice)).turns()
    assert len(page.soup.select("#turns .turn")) == 1
    assert "first answer" in page.soup.select_one(".earlier").get_text()
    assert [m["content"] for m in service.requests[1].body["messages"]] == ["Hi"]


async def test_a_failed_answer_can_be_tried_again(conversation, alice, service):
    service.once(Script(status=500, body={"code": "SYS_ERR", "message": "boom"}))
    service.say = ["better"]
    async with opened(conversation, alice) as page:
        await page.ask("Hi")
        await page.until_status("failed")
        button = page.soup.select_one("#turns .problem button[form=regenerate-form]")
        await page.send(action="regenerate", message=button["value"])
        await page.until_status("done")
        assert page.turns() == (await loaded(conversation, alice)).turns()
    assert "better" in page.turns_text()


async def test_a_reload_in_mid_answer_shows_all_of_it_and_goes_on(conversation, alice, service):
    service.tell(say=["before ", "after"], pause_after=1)
    async with opened(conversation, alice) as page:
        await page.ask("Hi")
        await page.until_shown("before")
    async with opened(conversation, alice) as reloaded:
        await reloaded.until_shown("before")
        service.resume()
        await reloaded.until_status("done")
        assert "before after" in reloaded.turns_text()
        assert reloaded.turns() == (await loaded(conversation, alice)).turns()


async def test_a_reload_long_after_the_start_has_the_text_before_its_socket_opens(
    conversation, alice, service
):
    service.tell(say=["kept ", "more"], pause_after=1)
    async with opened(conversation, alice) as page:
        await page.ask("Hi")
        await page.until_shown("kept")
        await eventually(Checkpoint.objects.aexists)
        reloaded = await loaded(conversation, alice)
        assert "kept" in reloaded.turns_text()
        assert reloaded.statuses() == ["streaming"]
        service.resume()
        await page.until_status("done")


async def test_a_second_tab_shows_the_same_answer_live(conversation, alice, service):
    service.tell(say=["one ", "two"], pause_after=1)
    async with opened(conversation, alice) as first, opened(conversation, alice) as second:
        await first.ask("Hi")
        await first.until_shown("one")
        await second.until_shown("one")
        service.resume()
        await first.until_status("done")
        await second.until_status("done")
        assert first.turns() == second.turns() == (await loaded(conversation, alice)).turns()


async def test_a_connection_that_comes_back_finds_what_it_missed(conversation, alice, service):
    service.tell(say=["one ", "two"], pause_after=1)
    page = await loaded(conversation, alice)
    async with connected(page.socket_url, alice) as (communicator, _is_in, _code):
        page.communicator = communicator
        await page.ask("Hi")
        await page.until_shown("one")
    service.resume()
    await settled()
    async with connected(page.socket_url, alice) as (communicator, _is_in, _code):
        page.communicator = communicator
        await page.until_status("done")
        assert page.turns() == (await loaded(conversation, alice)).turns()


async def test_a_page_that_is_open_for_longer_than_groups_last_is_still_told(
    conversation, alice, service, groups_last
):
    async with opened(conversation, alice) as page, opened(conversation, alice) as other_tab:
        await asyncio.sleep(2 * groups_last + 1)  # whole seconds count
        await page.ask("Still there?")
        await page.until_status("done")
        await other_tab.until_status("done")


async def test_an_unchanged_page_is_sent_nothing_when_its_socket_opens(conversation, alice):
    async with opened(conversation, alice) as page:
        assert await page.is_quiet()


async def test_a_slow_reader_gets_fewer_frames_and_all_of_the_text(conversation, alice, service):
    service.tell(say=["word "] * 60, delay=0.01)
    async with opened(conversation, alice) as page:
        await page.ask("Hi")
        await page.until_status("done", within=20)
    assert page.answers()[-1].select_one(".prose").get_text().count("word") == 60
    assert len(page.frames) < 40


async def test_earlier_turns_are_sent_along(conversation, alice, service):
    service.once(Script(say=["Seven."]), Script(say=["Eleven."]))
    async with opened(conversation, alice) as page:
        await page.ask("Name a prime.")
        await page.until_status("done")
        await page.ask("Another?")
        await page.until(lambda: len(page.answers()) == 2)
        await page.until_status("done")
    sent = service.requests[1].body["messages"]
    assert [(m["role"], m["content"]) for m in sent] == [
        ("user", "Name a prime."),
        ("assistant", "Seven."),
        ("user", "Another?"),
    ]


async def test_history_that_does_not_fit_is_left_out_and_the_person_is_told(
    conversation, alice, model, service
):
    model.context_length = 400
    await model.asave()
    for number in range(6):
        question = await Message.objects.acreate(
            conversation=conversation, role="user", text=f"question {number} " + "word " * 40
        )
        await Message.objects.acreate(
            conversation=conversation, role="assistant", question=question, text="fine " * 40
        )
    async with opened(conversation, alice) as page:
        await page.ask("And now?")
        await page.until_status("done")
        assert "left out" in page.turns_text()
        assert page.turns() == (await loaded(conversation, alice)).turns()
    sent = service.requests[0].body["messages"]
    assert len(sent) < 13
    assert sent[0]["role"] == "user"
    assert sent[-1]["content"] == "And now?"


async def test_a_context_that_is_too_long_after_all_is_shortened_and_tried_again(
    conversation, alice, service
):
    for number in range(4):
        question = await Message.objects.acreate(
            conversation=conversation, role="user", text=f"question {number}"
        )
        await Message.objects.acreate(
            conversation=conversation, role="assistant", question=question, text="fine"
        )
    too_long = {
        "error": {
            "code": 400,
            "type": "exceed_context_size_error",
            "message": "too long",
            "n_prompt_tokens": 3000,
            "n_ctx": 2048,
        }
    }
    service.once(Script(status=400, body=too_long))
    service.say = ["It fits now."]
    async with opened(conversation, alice) as page:
        await page.ask("And now?")
        await page.until_status("done")
    assert "It fits now." in page.turns_text()
    assert len(service.requests[1].body["messages"]) < len(service.requests[0].body["messages"])


async def test_an_answer_that_was_cut_off_says_so(conversation, alice, service):
    service.tell(say=["and so"], finish_reason="length")
    async with opened(conversation, alice) as page:
        await page.ask("Tell me everything")
        await page.until_status("done")
        assert "Cut off" in page.turns_text()
        assert page.turns() == (await loaded(conversation, alice)).turns()


async def test_choosing_another_model_holds_for_a_retry(conversation, alice, model, service):
    other = await AIModel.objects.acreate(group=model.group, name="other-model")
    async with opened(conversation, alice) as page:
        await page.ask("Hi")
        await page.until_status("done")
        await page.send(action="choose", model=str(other.pk))
        await page.send(action="regenerate", message=str(page.last_pk()))
        await page.until(lambda: "other-model" in page.turns_text())
        await page.until_status("done")
    assert [request.body["model"] for request in service.requests] == ["fake-model", "other-model"]


async def test_a_model_that_is_not_ready_cannot_be_chosen(conversation, alice, model):
    off = await AIModel.objects.acreate(group=model.group, name="off", is_enabled=False)
    async with opened(conversation, alice) as page:
        await page.send(action="choose", model=str(off.pk))
        await page.until(page.error)
        assert "not enabled" in page.error()
    await conversation.arefresh_from_db()
    assert conversation.model_id == model.pk


async def test_an_answer_by_another_model_is_a_visible_event(conversation, alice, service):
    service.tell(model="some-other-model")
    async with opened(conversation, alice) as page:
        await page.ask("Hi")
        await page.until_status("done")
        assert "some-other-model" in page.turns_text()
        assert page.turns() == (await loaded(conversation, alice)).turns()

"""The list, a new conversation, and an old one, over plain HTTP."""

from __future__ import annotations

import pytest
from bs4 import BeautifulSoup
from django.test import AsyncClient, Client

from admin_models.models import AIModel
from chat.models import Conversation, Message
from tests.chat.sockets import connected, in_thread, loaded, settled


@pytest.fixture
async def browser(alice):
    client = AsyncClient()
    await client.aforce_login(alice)
    return client


def shown(response) -> BeautifulSoup:
    return BeautifulSoup(response.content.decode(), "html.parser")


async def test_the_first_message_makes_a_conversation_and_is_answered(
    serving, browser, alice, model, service
):
    service.say = ["Good day."]
    response = await browser.post("/", {"text": "Hello over there", "key": "k", "model": model.pk})
    conversation = await Conversation.objects.aget()
    assert response.status_code == 302
    assert response.url == conversation.get_absolute_url()
    assert (conversation.owner_id, conversation.title) == (alice.pk, "Hello over there")
    await settled()
    assert "Good day." in (await loaded(conversation, alice)).turns_text()


async def test_the_page_of_a_conversation_that_just_began_gets_its_answer_by_socket(
    serving, browser, alice, model, service
):
    service.tell(say=["one ", "two"], pause_after=1)
    await browser.post("/", {"text": "Hi"})
    page = await loaded(await Conversation.objects.aget(), alice)
    async with connected(page.socket_url, alice) as (communicator, _is_in, _code):
        page.communicator = communicator
        await page.until_shown("one")
        service.resume()
        await page.until_status("done")


@pytest.mark.parametrize(("text", "says"), [(" ", "write something"), ("x" * 50, "too long")])
async def test_what_was_typed_stays_when_it_is_refused(
    serving, browser, model, settings, text, says
):
    settings.MAX_MESSAGE_LENGTH = 20
    response = await browser.post("/", {"text": text})
    page = shown(response)
    assert response.status_code == 422
    assert says in page.select_one("#composer-error").get_text()
    assert page.select_one("#composer-text").get_text().lstrip("\n") == text
    assert not await Conversation.objects.aexists()


async def test_a_long_first_message_gives_a_title_cut_at_a_word(serving, browser, model):
    await browser.post("/", {"text": "word " * 60})
    title = (await Conversation.objects.aget()).title
    assert len(title) <= 80
    assert title.endswith("word…")
    await settled()


async def test_the_list_holds_ones_own_conversations_newest_first(browser, alice, mallory, model):
    for title in ("older", "newer"):
        await Conversation.objects.acreate(owner=alice, title=title, model=model)
    await Conversation.objects.acreate(owner=mallory, title="hidden", model=model)
    text = shown(await browser.get("/")).get_text()
    assert text.index("newer") < text.index("older")
    assert "hidden" not in text


async def test_another_persons_conversation_is_not_found(browser, mallory, model):
    other = await Conversation.objects.acreate(owner=mallory, title="hidden", model=model)
    assert (await browser.get(other.get_absolute_url())).status_code == 404


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", ["/", "/c/1/"])
async def test_a_stranger_is_sent_to_sign_in(path):
    response = await AsyncClient().get(path)
    assert response.status_code == 302
    assert response["Location"].startswith("/accounts/login/?next=")


async def test_without_any_model_the_question_is_kept_and_the_bubble_says_why(
    serving, browser, alice
):
    await browser.post("/", {"text": "Hello?"})
    await settled()
    page = await loaded(await Conversation.objects.aget(), alice)
    assert "Hello?" in page.turns_text()
    assert page.soup.select_one("#turns .problem")["data-code"] == "preflight_no_model"


async def test_a_page_asks_the_database_a_fixed_number_of_times(
    alice, model, django_assert_max_num_queries
):
    conversation = await Conversation.objects.acreate(owner=alice, title="long", model=model)
    for number in range(30):
        question = await Message.objects.acreate(
            conversation=conversation, role="user", text=f"question {number}"
        )
        await Message.objects.acreate(
            conversation=conversation, role="assistant", question=question, text="**fine**"
        )

    def get() -> None:
        client = Client()
        client.force_login(alice)
        # With models of other kinds up to three more; one of these once a second: what is limited.
        with django_assert_max_num_queries(12):
            client.get(conversation.get_absolute_url())

    await in_thread(get)


async def test_models_that_are_ready_can_be_chosen_and_others_not(browser, model):
    await AIModel.objects.acreate(group=model.group, name="off-model", is_enabled=False)
    choices = shown(await browser.get("/")).select("select[name=model] option:not([disabled])")
    names = [choice.get_text() for choice in choices]
    assert any("fake-model" in name for name in names)
    assert not any("off-model" in name for name in names)


async def test_a_first_message_that_is_sent_twice_makes_one_conversation(serving, browser, model):
    first = await browser.post("/", {"text": "Hi", "key": "same"})
    second = await browser.post("/", {"text": "Hi", "key": "same"})
    assert first.url == second.url
    await settled()


def titles(page: BeautifulSoup) -> list[str]:
    return [str(link["title"]) for link in page.select("a[title]")]


async def test_older_conversations_are_a_link_away_and_none_is_listed_twice(browser, alice, model):
    for number in range(130):
        await Conversation.objects.acreate(owner=alice, title=f"number {number}", model=model)
    same_time = (await Conversation.objects.afirst()).active_at
    await Conversation.objects.aupdate(active_at=same_time)
    page, listed = shown(await browser.get("/")), []
    while True:
        listed += titles(page)
        older = page.select_one("a.older")
        if older is None:
            break
        page = shown(await browser.get(older["hx-get"], headers={"HX-Request": "true"}))
        assert not page.select("html, form")
    assert listed == [f"number {number}" for number in reversed(range(130))]


async def test_the_list_of_somebody_else_cannot_be_entered_by_its_mark(
    browser, alice, mallory, model
):
    other = await Conversation.objects.acreate(owner=mallory, title="hidden", model=model)
    await Conversation.objects.acreate(owner=alice, title="mine", model=model)
    page = shown(await browser.get(f"/?before={other.pk}"))
    assert titles(page) == ["mine"]

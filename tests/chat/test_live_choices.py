"""A page that is open hears when what can be chosen changes, and of nothing else."""

from __future__ import annotations

import pytest

from admin_models import access
from admin_models.models import AIModel, Team
from admin_models.preflight import asking
from chat import live_choices
from tests.chat.sockets import connected, loaded, opened

pytestmark = pytest.mark.usefixtures("serving")


@pytest.fixture
async def other(model):
    return await AIModel.objects.acreate(group=model.group, name="other-model")


def offered(page) -> dict[str, bool]:
    """The models that a page lists, and whether each can be chosen."""
    options = page.soup.select("#models option[value]:not([value=''])")
    return {option.select_one(".name").text: not option.has_attr("disabled") for option in options}


async def switch(model, *, on: bool) -> None:
    await AIModel.objects.filter(pk=model.pk).aupdate(is_enabled=on)
    await asking.announce(model.group.environment_id)


async def hears(page, wanted: dict[str, bool]) -> None:
    await page.until(lambda: offered(page) == wanted)


async def test_a_model_that_is_switched_off_cannot_be_chosen_any_more(conversation, alice, other):
    async with opened(conversation, alice) as page:
        assert offered(page) == {"fake-model": True, "other-model": True}
        await switch(other, on=False)
        await hears(page, {"fake-model": True, "other-model": False})
        assert page.soup.select_one("#models option[selected] .name").text == "fake-model"
        await switch(other, on=True)
        await hears(page, {"fake-model": True, "other-model": True})


async def test_what_changed_while_a_page_was_loading_is_shown_when_it_joins(
    conversation, alice, other
):
    page = await loaded(conversation, alice, "zh-hans")
    await switch(other, on=False)
    async with connected(page.socket_url, alice) as (page.communicator, is_in, _code):
        assert is_in
        await hears(page, {"fake-model": True, "other-model": False})


async def test_a_page_that_missed_nothing_is_sent_nothing(conversation, alice, other):
    async with opened(conversation, alice, "zh-hans") as page:
        assert await page.communicator.receive_nothing(timeout=3 * live_choices.PAUSE)


async def test_a_new_model_appears(conversation, alice, model):
    async with opened(conversation, alice) as page:
        await switch(await AIModel.objects.acreate(group=model.group, name="new-model"), on=True)
        await hears(page, {"fake-model": True, "new-model": True})


async def test_the_chosen_model_says_when_it_cannot_be_used(conversation, alice, model):
    async with opened(conversation, alice) as page:
        await switch(model, on=False)
        await hears(page, {"fake-model": False})
        assert "cannot be used now" in page.soup.select_one("#model-notices").text
        await switch(model, on=True)
        await hears(page, {"fake-model": True})
        assert not page.soup.select_one("#model-notices").text.strip()


async def test_news_that_change_nothing_send_nothing(conversation, alice, other):
    async with opened(conversation, alice) as page:
        await switch(other, on=False)
        await hears(page, {"fake-model": True, "other-model": False})
        await asking.announce(other.group.environment_id)
        assert await page.communicator.receive_nothing(timeout=3 * live_choices.PAUSE)


async def test_each_page_hears_of_what_its_person_may_use(conversation, alice, other, root):
    everyone = await Team.objects.acreate(name="Everyone", is_everyone=True)
    await everyone.models_allowed.aadd(conversation.model)
    access.forget()
    async with opened(conversation, alice) as page:
        await switch(await AIModel.objects.acreate(group=other.group, name="secret-model"), on=True)
        await hears(page, {"fake-model": True})
        assert "secret-model" not in "".join(page.frames)


async def test_the_sentences_are_in_the_language_of_the_page(conversation, alice, model):
    async with opened(conversation, alice, language="zh-hans") as page:
        await switch(model, on=False)
        await hears(page, {"fake-model": False})
        assert "cannot" not in page.soup.select_one("#model-notices").text

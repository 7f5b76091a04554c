"""What a person may not use is not offered, chosen or asked: on the page and on the socket."""

from __future__ import annotations

import json

import pytest
from channels.db import database_sync_to_async
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from admin_models import access, people
from admin_models.models import AIModel, Team
from admin_models.roles import Role
from chat.models import Conversation, Message
from tests.chat.sockets import connected, in_thread, loaded, opened, settled
from tests.pages.html import page as parsed
from tests.pages.html import the, words

pytestmark = pytest.mark.usefixtures("serving")

REFUSED = "You may not use this model"


@pytest.fixture
def forbidden(model):
    """A second model of the same service, which nobody may use."""
    forbidden = AIModel.objects.create(group=model.group, name="forbidden-model")
    everyone = Team.objects.everyone()
    everyone.allows_all = False
    everyone.save()
    everyone.models_allowed.add(model)
    access.forget()
    return forbidden


@pytest.fixture
def talk(alice, forbidden):
    """A conversation with the model that alice may not use (any more)."""
    return Conversation.objects.create(owner=alice, title="Old", model=forbidden)


@pytest.fixture
async def browser(alice):
    browser = Client()
    await database_sync_to_async(browser.force_login)(alice)
    return browser


async def posted(browser, **typed: object):
    return await in_thread(lambda: browser.post("/", typed))


# ── The page ─────────────────────────────────────────────────────────────────


async def test_only_what_one_may_use_is_listed(browser, forbidden):
    shown = parsed(await in_thread(lambda: browser.get("/")))
    offered = [words(option) for option in shown.select("select[name=model] option[value]")]
    assert any("fake-model" in name for name in offered)
    assert "forbidden-model" not in str(shown)


async def test_a_member_is_offered_what_the_team_allows(browser, alice, forbidden):
    team = await Team.objects.acreate(name="Lab")
    await team.members.aadd(alice)
    await team.model_groups.aadd(forbidden.group)
    shown = await in_thread(lambda: browser.get("/"))
    assert "forbidden-model" in shown.content.decode()


async def test_a_question_for_it_is_refused_and_stays_typed(browser, forbidden, service):
    refused = await posted(browser, text="Hi there", model=forbidden.pk)
    assert refused.status_code == 422
    assert REFUSED in words(the(parsed(refused), "#composer-error"))
    assert words(the(parsed(refused), "textarea")) == "Hi there"
    assert not await Conversation.objects.aexists()
    assert not service.requests


async def test_nobody_gets_it_by_not_choosing(browser, model, forbidden):
    await AIModel.objects.filter(pk=model.pk).aupdate(is_enabled=False)
    await posted(browser, text="Hi")
    await settled()
    assert (await Conversation.objects.aget()).model_id != forbidden.pk


async def test_whoever_may_use_nothing_is_told_so(browser, model, forbidden, service):
    await (await Team.objects.aget()).models_allowed.aclear()
    assert "No model is open to you" in (await in_thread(lambda: browser.get("/"))).content.decode()
    await posted(browser, text="Hi")
    await settled()
    answer = await Message.objects.aget(role="assistant")
    assert answer.error["code"] == "preflight_not_for_you"
    assert not service.requests


# ── The socket ───────────────────────────────────────────────────────────────


async def test_choosing_it_is_refused(conversation, alice, forbidden):
    async with opened(conversation, alice) as page:
        await page.send(action="choose", model=str(forbidden.pk))
        await page.until(lambda: page.error())
        assert REFUSED in page.error()
    assert (await Conversation.objects.aget()).model_id == conversation.model_id


async def test_asking_it_with_the_question_is_refused(conversation, alice, forbidden, service):
    async with opened(conversation, alice) as page:
        await page.ask("Hi", model=str(forbidden.pk))
        await page.until(lambda: page.error())
        assert REFUSED in page.error()
    assert not await Message.objects.aexists()
    assert not service.requests


async def problem_of(talk, alice, **sent: str):
    """Ask in a conversation, and say what its answer ends with."""
    async with opened(talk, alice) as page:
        await page.ask("Hi", **sent)
        await page.until_status("failed")
        return page.soup.select("#turns .problem")[-1]


async def test_a_conversation_that_has_it_keeps_it_and_says_so(talk, alice, service):
    problem = await problem_of(talk, alice)
    assert (problem["data-stage"], problem["data-code"]) == ("preflight", "preflight_not_for_you")
    assert REFUSED in words(problem)
    assert not service.requests
    shown = await loaded(talk, alice)
    assert REFUSED in shown.turns_text()
    assert (await Conversation.objects.aget()).model_id == talk.model_id


async def test_it_is_refused_though_the_page_names_what_the_conversation_has(
    talk, alice, forbidden, service
):
    problem = await problem_of(talk, alice, model=str(forbidden.pk))
    assert problem["data-code"] == "preflight_not_for_you"
    assert not service.requests


async def test_what_was_taken_away_is_not_answered_again(conversation, alice, forbidden, service):
    async with opened(conversation, alice) as page:
        await page.ask("Hi")
        await page.until_status("done")
        await (await Team.objects.aget()).models_allowed.aclear()
        answer = await Message.objects.aget(role="assistant")
        before = len(service.requests)
        page.expected = 2
        await page.send(action="regenerate", message=str(answer.pk))
        await page.until_status("failed")
    assert len(service.requests) == before


async def test_another_model_can_be_chosen_there(talk, alice, model):
    async with opened(talk, alice) as page:
        await page.send(action="choose", model=str(model.pk))
        await page.ask("Hi")
        await page.until_status("done")


async def test_whoever_was_kept_out_asks_nothing_more(conversation, root, alice, service):
    async with opened(conversation, alice) as page:
        keep_out = database_sync_to_async(people.change)
        await keep_out(root, alice, Role.USER, is_active=False, teams=[])
        await page.ask("Hi")
        await page.until(lambda: page.error())
    assert not await Message.objects.aexists()
    assert not service.requests


async def test_what_a_stranger_sends_before_the_refusal_is_not_heard(
    conversation, mallory, model, service
):
    for user in (mallory, None):
        path = f"/ws/conversations/{conversation.pk}/"
        async with connected(path, user) as (socket, _is_in, _code):
            for action in ({"action": "send", "text": "Hi"}, {"action": "stop"}):
                await socket.send_to(text_data=json.dumps(action))
            assert (await socket.receive_output(8))["type"] == "websocket.close"
            assert await socket.receive_nothing(timeout=0.3)
    assert not await Message.objects.aexists()
    assert not service.requests


# ── What it costs ────────────────────────────────────────────────────────────


async def test_while_everyone_may_use_everything_an_answer_costs_no_query_for_it(
    conversation, alice
):
    queries = CaptureQueriesContext(connection)
    async with opened(conversation, alice) as page:
        await database_sync_to_async(access.allowed)(alice.pk, [])
        await database_sync_to_async(queries.__enter__)()
        await page.ask("Hi")
        await page.until_status("done")
        asked = await database_sync_to_async(lambda: [query["sql"] for query in queries])()
        await database_sync_to_async(queries.__exit__)(None, None, None)
    assert not [sql for sql in asked if "admin_models_team" in sql]
    assert await User.objects.acount() == 1

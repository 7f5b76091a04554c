"""What can be chosen, what cannot and why; and the page never chooses for a person."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import pytest
from bs4 import BeautifulSoup, Tag
from channels.db import database_sync_to_async
from django.test import AsyncClient, Client
from django.utils import timezone

from admin_models import local, switcher
from admin_models.models import (
    AIModel,
    Environment,
    GroupStatus,
    ModelGroup,
    Observation,
    TokenPack,
)
from admin_models.preflight import asking, seeing
from chat.models import Conversation, Message
from tests.admin_models.conftest import make_environment
from tests.chat.sockets import loaded, opened, settled
from tests.fakes.environment import CloudBaseEnvironment
from tests.fakes.environment_state import OFF, Pack
from tests.pages.html import the, words

pytestmark = pytest.mark.usefixtures("serving")


@pytest.fixture
async def cloud():
    """A CloudBase environment whose managed group lists all that the catalogue has."""
    fake = CloudBaseEnvironment()
    fake.state.groups[0].models += ["deepseek-v3.2", "glm-5.1"]
    async with fake:
        yield fake


@pytest.fixture
async def demo(serving, cloud):
    """Its row; all of it is known."""
    environment = await make_environment(cloud)
    await asking.renew(environment.pk)
    return environment


@pytest.fixture
async def browser(alice):
    client = AsyncClient()
    await client.aforce_login(alice)
    return client


async def page_of(browser, path: str = "/") -> BeautifulSoup:
    return BeautifulSoup((await browser.get(path)).content.decode(), "html.parser")


def option(page: BeautifulSoup, name: str) -> Tag:
    """The option of the model of that name."""
    options = page.select("select[name=model] option")
    [found] = [one for one in options if one.select_one(".name") and words(one).startswith(name)]
    return found


async def named(name: str) -> AIModel:
    return await AIModel.objects.select_related("group__environment").aget(name=name)


# ── What is shown ────────────────────────────────────────────────────────────


async def test_a_ready_model_can_be_chosen_and_says_its_context_and_price(browser, demo):
    page = await page_of(browser)
    plain, tiered = option(page, "deepseek-v4-flash"), option(page, "deepseek-v3.2")
    assert not plain.has_attr("disabled")
    assert words(plain) == "deepseek-v4-flash · 128k context · 1 in, 2 out per 1k tokens"
    assert words(tiered) == "deepseek-v3.2 · 128k context · from 2 in, 3 out per 1k tokens"


async def test_a_model_of_ours_says_its_context_and_no_price(browser, model):
    model.context_length = 32_768
    await model.asave()
    assert words(option(await page_of(browser), "fake-model")) == "fake-model · 32k context"


REASONS = {
    "group off": (
        lambda state: setattr(state.groups[0], "status", OFF),
        "its group is switched off",
    ),
    "no pack": (lambda state: state.packs.clear(), "not known who pays"),
    "pack expired": (lambda state: setattr(state, "packs", [Pack(status=3)]), "not known who pays"),
    "not listed": (lambda state: state.groups[0].models.remove("glm-5.1"), "not switched on"),
    "group gone": (lambda state: state.groups.pop(0), "its group is missing"),
}


@pytest.mark.parametrize("case", REASONS)
async def test_what_is_not_ready_is_greyed_with_its_reason(browser, cloud, demo, case):
    change, reason = REASONS[case]
    change(cloud.state)
    await asking.renew(demo.pk)
    shown = option(await page_of(browser), "glm-5.1")
    assert shown.has_attr("disabled")
    assert words(the(shown, ".reason")) == f"· {reason}"


async def test_the_growth_plans_model_is_not_offered_before_a_call_proved_it(browser, demo):
    shown = option(await page_of(browser), "hunyuan-2.0")
    assert shown.has_attr("disabled")
    assert "not tried yet" in words(shown)


async def test_a_model_that_was_just_switched_on_says_when_it_is_ready(browser, demo):
    now = timezone.now()
    await AIModel.objects.filter(name="glm-5.1").aupdate(switched_on_at=now)
    await Observation.objects.acreate(
        environment=demo,
        action=seeing.CALL,
        subject="cloudbase/glm-5.1",
        error={"code": "model_not_enabled"},
        failed_at=now + timedelta(seconds=1),
    )
    shown = option(await page_of(browser), "glm-5.1")
    assert shown.has_attr("disabled")
    assert "just switched on, ready by" in words(shown)


async def test_at_home_a_pack_that_is_used_up_greys_the_embedded_model(browser, service):
    await database_sync_to_async(local.register_model)(
        base_url=service.base_url, key="k", name="tiny", context_length=None, parameters={}
    )
    assert not option(await page_of(browser), "tiny").has_attr("disabled")
    await TokenPack.objects.aupdate(used_tokens=local.FIRST_PACK_TOKENS)
    assert words(option(await page_of(browser), "tiny")) == "tiny · no token pack"


async def test_what_is_only_too_old_stays_as_it_was_seen(browser, demo, settings):
    settings.PREFLIGHT_MAX_AGE_SECONDS = 0
    assert not option(await page_of(browser), "glm-5.1").has_attr("disabled")


async def test_what_is_too_old_and_could_not_be_asked_again_is_not_known(
    browser, demo, cloud, settings
):
    settings.PREFLIGHT_MAX_AGE_SECONDS = 0
    rows = Observation.objects.filter(action="DescribeAIModels")
    await rows.aupdate(failed_at=timezone.now(), error={"code": "provider_timed_out"})
    assert "not known yet" in words(option(await page_of(browser), "glm-5.1"))


async def test_one_group_needs_no_heading_and_several_are_told_apart(browser, model, demo):
    labels = [group["label"] for group in (await page_of(browser)).select("optgroup")]
    assert labels == ["Local · custom-fake", "Demo · cloudbase", "Demo · hunyuan-exp"]
    await demo.adelete()
    assert not (await page_of(browser)).select("optgroup")
    await ModelGroup.objects.acreate(environment=model.group.environment, name="custom-empty")
    second = await ModelGroup.objects.acreate(
        environment=model.group.environment, name="custom-lab", base_url="http://127.0.0.1:9/v1"
    )
    await AIModel.objects.acreate(group=second, name="lab-7b")
    labels = [group["label"] for group in (await page_of(browser)).select("optgroup")]
    assert labels == ["custom-fake", "custom-lab"]


async def test_models_of_one_name_say_where_they_are(browser, model, demo):
    await AIModel.objects.acreate(group=model.group, name="glm-5.1")
    shown = [words(place) for place in (await page_of(browser)).select(".place")]
    assert shown == ["· Local · custom-fake", "· Demo · cloudbase"]


async def test_ready_models_of_a_group_come_first(browser, model):
    for name in ("a-model", "z-model"):
        await AIModel.objects.acreate(group=model.group, name=name, is_enabled=name > "b")
    shown = [words(name) for name in (await page_of(browser)).select("option .name")]
    assert shown == ["fake-model", "z-model", "a-model"]


async def test_a_new_conversation_begins_with_a_model_that_is_ready(browser, model, demo):
    await Environment.objects.filter(pk=model.group.environment_id).aupdate(is_default=True)
    assert option(await page_of(browser), "fake-model").has_attr("selected")
    await AIModel.objects.filter(pk=model.pk).aupdate(is_enabled=False)
    page = await page_of(browser)
    assert option(page, "deepseek-v4-flash").has_attr("selected")
    assert len(page.select("option[selected]")) == 1


async def test_where_none_is_ready_the_page_says_so(browser, model):
    await AIModel.objects.aupdate(is_enabled=False)
    page = await page_of(browser)
    assert "No model is ready now" in words(the(page, ".greeting"))
    assert not page.select("option[selected]")


@pytest.mark.parametrize("count", [1, 40])
async def test_the_switcher_asks_the_database_as_often_for_one_as_for_many(
    alice, demo, model, service, django_assert_max_num_queries, count
):
    await database_sync_to_async(local.register_model)(
        base_url=service.base_url, key="k", name="tiny", context_length=None, parameters={}
    )
    for group in [group async for group in ModelGroup.objects.all()]:
        await AIModel.objects.abulk_create(
            AIModel(group=group, name=f"model-{n}", switched_on_at=timezone.now())
            for n in range(count)
        )

    def load() -> int:
        with django_assert_max_num_queries(6 + 1):  # once a second: what everyone may use
            return len(switcher.loaded(alice.pk).choices)

    assert await database_sync_to_async(load)() >= 4 * count


# ── What is refused ──────────────────────────────────────────────────────────


async def test_choosing_what_is_not_ready_is_refused_with_the_reason(conversation, alice, demo):
    hunyuan = await named("hunyuan-2.0-instruct-20251111")
    async with opened(conversation, alice) as page:
        await page.send(action="choose", model=str(hunyuan.pk))
        await page.until(lambda: page.error())
        assert "not known yet whether hunyuan-2.0-instruct-20251111 may be called" in page.error()
    kept = await Conversation.objects.aget()
    assert kept.model_id == conversation.model_id


async def test_choosing_what_is_ready_is_kept(conversation, alice, demo):
    glm = await named("glm-5.1")
    async with opened(conversation, alice) as page:
        await page.send(action="choose", model=str(glm.pk))
        await page.ask("Hi")
        await page.until_status("done")
    assert (await Message.objects.aget(role="assistant")).requested_model == "glm-5.1"


async def test_a_question_for_another_model_that_is_not_ready_is_refused(
    conversation, alice, demo, cloud, service
):
    cloud.state.groups[0].status = OFF
    await asking.renew(demo.pk)
    glm = await named("glm-5.1")
    async with opened(conversation, alice) as page:
        await page.ask("Hi", key="k1", model=str(glm.pk))
        await page.until(lambda: page.error())
        assert (
            page.error() == "The group of this model is switched off. Please choose another model."
        )
    assert not await Message.objects.aexists()
    assert not service.requests


async def test_a_question_for_the_conversations_own_model_gets_the_reason_as_its_answer(
    conversation, alice, model
):
    await ModelGroup.objects.filter(pk=model.group_id).aupdate(status=GroupStatus.OFF)
    async with opened(conversation, alice) as page:
        await page.ask("Hi", model=str(model.pk))
        await page.until_status("failed")
        assert page.soup.select_one("#turns .problem")["data-code"] == "preflight_group_off"


async def test_a_first_question_for_what_is_not_ready_is_refused_and_nothing_is_chosen_for_one(
    browser, model, demo
):
    await ModelGroup.objects.filter(name="custom-fake").aupdate(status=GroupStatus.OFF)
    response = await browser.post("/", {"text": "Hello", "model": model.pk})
    page = BeautifulSoup(response.content.decode(), "html.parser")
    assert response.status_code == 422
    assert "switched off" in words(the(page, "#composer-error"))
    assert not page.select("option[selected]")
    again = await browser.post("/", {"text": "Hello", "model": ""})
    assert again.status_code == 422
    assert "Please choose a model first." in again.content.decode()
    assert not await Conversation.objects.aexists()


async def test_where_none_is_ready_a_first_question_is_kept_and_its_answer_says_why(
    browser, alice, model
):
    await ModelGroup.objects.aupdate(status=GroupStatus.OFF)
    response = await browser.post("/", {"text": "Hello", "model": ""})
    assert response.status_code == 302
    await settled()
    page = await loaded(await Conversation.objects.aget(), alice)
    assert page.soup.select_one("#turns .problem")["data-stage"] == "preflight"


async def test_a_conversation_keeps_its_model_greyed_and_asks_to_choose(
    browser, conversation, model, demo
):
    await AIModel.objects.filter(pk=model.pk).aupdate(is_enabled=False)
    page = await page_of(browser, conversation.get_absolute_url())
    shown = option(page, "fake-model")
    assert shown.has_attr("selected")
    assert shown.has_attr("disabled")
    notice = the(page, f'.not-ready[data-model="{model.pk}"]')
    assert "fake-model cannot be used now (not switched on). Please choose another one" in words(
        notice
    )
    assert not notice.select("a")
    assert (await Conversation.objects.aget()).model_id == model.pk


async def test_a_conversation_whose_model_is_gone_asks_to_choose(conversation, alice, model, demo):
    await database_sync_to_async(model.delete)()
    async with opened(conversation, alice) as page:
        assert not page.soup.select("option[selected]")
        await page.ask("Hi", key="k1", model="")
        await page.until(lambda: page.error())
        assert page.error() == "Please choose a model first."


# ── What an error of stage preflight offers ──────────────────────────────────


@pytest.fixture
async def shut(alice, root, demo, cloud):
    """Make a conversation of somebody's with a model that was switched off."""
    cloud.state.groups[0].models.remove("glm-5.1")
    await asking.renew(demo.pk)

    async def make(owner) -> Conversation:
        glm = await named("glm-5.1")
        return await Conversation.objects.acreate(owner=owner, title="Shut", model=glm)

    return make


async def failed_page(conversation, user):
    """The page after asking, which equals what a reload shows."""
    async with opened(conversation, user) as page:
        await page.ask("Hi")
        await page.until_status("failed")
        assert page.turns() == (await loaded(conversation, user)).turns()
        return page.soup.select_one("#turns .problem")


async def test_staff_are_led_to_where_it_can_be_done(shut, root, demo):
    problem = await failed_page(await shut(root), root)
    link = the(problem, ".ways a")
    assert words(link) == "Switch on glm-5.1"
    assert link["href"] == f"/environments/{demo.pk}/preflight/?group=cloudbase&model=glm-5.1"
    assert "hx-" not in str(problem)


async def test_others_hear_who_can_do_it(shut, alice):
    problem = await failed_page(await shut(alice), alice)
    assert not problem.select("a")
    assert "An administrator can fix this." in words(problem)


async def test_before_the_call_and_in_the_call_are_told_apart_in_words(
    shut, alice, cloud, demo, conversation, service
):
    before = await failed_page(await shut(alice), alice)
    assert (before["role"], before["aria-label"]) == ("group", "Before the call")
    assert words(the(before, ".asked")) == "The model was not called."
    service.script.status, service.script.body = 401, {"error": {"message": "bad key"}}
    during = await failed_page(conversation, alice)
    assert (during["role"], during["aria-label"]) == ("group", "The model's answer")
    assert words(the(during, ".asked")) == "The model was called."
    assert before.select_one("path")["d"] != during.select_one("path")["d"]


async def action_shown(conversation, user, action: Mapping[str, object]) -> Tag:
    """The bubble of an error with that next action."""
    question = await Message.objects.acreate(conversation=conversation, role="user", text="Hi")
    error = {
        "code": "preflight_model_not_yet_ready",
        "stage": "preflight",
        "fixable_by": "admin",
        "is_retryable": True,
        "params": {"model": "glm-5.1"},
        "next_action": {"params": {}, "url": "", "until": ""} | action,
    }
    await Message.objects.acreate(
        conversation=conversation, role="assistant", question=question, status="failed", error=error
    )
    client = Client()
    await database_sync_to_async(client.force_login)(user)
    response = await database_sync_to_async(client.get)(conversation.get_absolute_url())
    return the(BeautifulSoup(response.content.decode(), "html.parser"), ".problem")


async def test_waiting_says_until_when_to_everybody(conversation, alice):
    action = {"kind": "wait", "label": "Wait", "until": "2026-11-21T11:32:00+00:00"}
    problem = await action_shown(conversation, alice, action)
    assert words(the(problem, ".wait")) == "Wait until 11:32 UTC"
    assert problem.select_one("time")["datetime"] == "2026-11-21T11:32:00+00:00"


async def test_a_page_of_the_vendors_opens_beside_this_one(root, model):
    talk = await Conversation.objects.acreate(owner=root, title="Mine", model=model)
    action = {"kind": "link", "label": "Buy a token pack", "url": "https://buy.example/?envId=e"}
    problem = await action_shown(
        talk, root, action | {"environment": 7, "group": "g", "model": "m"}
    )
    link = the(problem, ".ways a")
    assert (link["href"], link["rel"]) == (action["url"], ["noopener", "noreferrer"])
    assert "(opens a new tab)" in words(link)
    assert problem.select_one("details a")["href"] == "/environments/7/preflight/?group=g&model=m"

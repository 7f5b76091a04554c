"""The page of checks: what it shows, what it offers, and what its socket brings."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from bs4 import BeautifulSoup, Tag
from django.urls import reverse
from django.utils import timezone

from admin_models import local
from admin_models.consumers import NOT_STAFF
from admin_models.models import (
    AIModel,
    Environment,
    ModelGroup,
    Observation,
    Price,
    TokenPack,
)
from admin_models.page_sockets import NOT_FOUND
from admin_models.preflight import asking
from admin_models.preflight.seeing import CALL
from tests.admin_models.browsers import signed_in
from tests.admin_models.conftest import make_environment
from tests.chat.sockets import connected as socket
from tests.chat.sockets import in_thread, normal
from tests.fakes.environment_state import Group, Pack
from tests.fakes.environment_state import Price as Listed
from tests.pages.html import page, the, words

FLASH = {"intent": "managed", "model": "deepseek-v4-flash"}


@pytest.fixture
async def browser(root):
    return await signed_in(root)


def address(environment: Environment, name: str = "environment_preflight", **query: str) -> str:
    return f"{reverse(name, args=[environment.pk])}?{urlencode(query)}"


async def shown(browser, environment, **query: str) -> BeautifulSoup:
    return page(await browser.get(address(environment, **query)))


def states(soup) -> dict[str, str]:
    return {
        str(check["id"]).removeprefix("check-"): str(check["data-state"])
        for check in soup.select("#checklist .check")
    }


def check(soup, step: str):
    return the(soup, f"#check-{step}")


# What it shows


async def test_a_model_that_may_be_called_is_green_all_over(browser, environment):
    await asking.renew(environment.pk)
    soup = await shown(browser, environment, **FLASH)
    assert the(soup, "#checklist")["data-state"] == "ok"
    assert set(states(soup).values()) <= {"ok", "skipped"}
    assert list(states(soup)) == [
        "connection",
        "token_pack",
        "resource_plan",
        "group_exists",
        "group_on",
        "model_listed",
        "call",
    ]


async def test_each_check_names_its_evidence(browser, environment, cloud):
    await asking.renew(environment.pk)
    row = await Observation.objects.aget(action="DescribeAIModels")
    evidence = words(
        the(check(await shown(browser, environment, **FLASH), "group_on"), ".evidence")
    )
    assert "DescribeAIModels" in evidence
    assert "Status 1" in evidence
    assert row.request_id in evidence


async def test_who_wants_nothing_in_particular_and_is_enrolled_hears_of_the_channel(
    browser, environment
):
    await asking.renew(environment.pk)
    soup = await shown(browser, environment)
    assert "hunyuan-exp" in words(the(soup, "#checklist header"))
    assert states(soup)["growth_plan"] == "ok"
    assert "mini programs only" in words(check(soup, "channel"))


async def test_a_hunyuan_model_without_the_plan_leads_to_enrolment_and_nowhere_else(
    browser, environment, cloud
):
    cloud.state.activities = []
    await asking.renew(environment.pk)
    soup = await shown(browser, environment, intent="hunyuan")
    plan = check(soup, "growth_plan")
    assert plan["data-state"] == "not_ok"
    assert the(plan, ".next a")["href"] == "https://docs.cloudbase.net/ai/ai-inspire-plan"
    assert "choose another group and model" in words(the(soup, "#checklist > .aside"))
    assert cloud.data_calls == []


async def test_a_managed_model_without_a_pack_leads_to_the_purchase_of_this_environment(
    browser, environment, cloud
):
    cloud.state.packs = [Pack(status=3)]
    await asking.renew(environment.pk)
    soup = await shown(browser, environment, **FLASH)
    assert states(soup)["token_pack"] == "not_ok"
    assert "envId=env-demo" in the(check(soup, "token_pack"), ".next a")["href"]
    assert the(check(soup, "resource_plan"), "button")["form"] == "call-form"
    assert the(soup, "#checklist")["data-state"] == "unknown"


async def test_a_model_from_elsewhere_leads_to_a_custom_group(browser, environment):
    await asking.renew(environment.pk)
    soup = await shown(browser, environment, intent="third_party", model="qwen3")
    assert states(soup)["token_pack"] == "skipped"
    link = the(check(soup, "group_exists"), ".next a")
    assert words(link) == "Register a custom group"
    assert link["href"] == f"{reverse('group_new', args=[environment.pk])}?model=qwen3"


async def test_without_cloud_keys_what_cannot_be_seen_is_unknown(browser, connected, cloud):
    environment = await make_environment(cloud, has_cloud_keys=False)
    soup = await shown(browser, environment, **FLASH)
    assert states(soup)["group_exists"] == "unknown"
    link = the(check(soup, "token_pack"), ".next a")
    assert link["href"] == reverse("environment_settings", args=[environment.pk]) + "#keys"


async def test_one_next_action_is_offered_once(browser, environment, cloud):
    cloud.state.packs = []
    cloud.state.groups = [Group("cloudbase", [], status=2)]
    await asking.renew(environment.pk)
    soup = await shown(browser, environment, intent="managed", model="glm-5.1")
    labels = [words(action) for action in soup.select("#checklist .next :is(a, button)")]
    assert len(labels) == len(set(labels))
    first = the(soup, "[data-in-the-way] .next :is(a, button)")
    assert first["class"] == ["button"]
    assert len(soup.select("#checklist .next .button:not(.quiet)")) == 1


@pytest.mark.parametrize(
    ("group", "says"),
    [
        ("deepseek", "vendor"),
        ("deepseek-v4-flash", "model"),
        ("hunyuan", "hunyuan-exp"),
        ("glm", "vendor"),
        ("custom", "custom-"),
    ],
)
async def test_an_illegal_group_is_refused_with_the_probable_mistake(
    browser, environment, group, says
):
    soup = await shown(browser, environment, group=group, model="x")
    assert says in words(the(soup, ".chooser .form-error"))
    assert the(soup, "[name=group]")["value"] == group
    assert not soup.select("#checklist")


async def test_the_local_environment_is_green_with_its_pack_and_red_without(browser, root):
    row = await in_thread(local.environment)
    group = await ModelGroup.objects.acreate(
        environment=row, name="cloudbase", base_url="http://127.0.0.1:9/v1"
    )
    await AIModel.objects.acreate(group=group, name="tiny")
    soup = await shown(browser, row, group="cloudbase", model="tiny")
    assert the(soup, "#checklist")["data-state"] == "ok"
    await TokenPack.objects.aupdate(is_disabled=True)
    soup = await shown(browser, row, group="cloudbase", model="tiny")
    link = the(check(soup, "token_pack"), ".next a")
    assert link["href"] == reverse("environment_packs", args=[row.pk])


async def test_a_wait_counts_down_and_is_checked_again(browser, root, environment, cloud):
    await asking.renew(environment.pk)
    changed = timezone.now() - timedelta(seconds=116)
    await AIModel.objects.filter(name="deepseek-v4-flash").aupdate(switched_on_at=changed)
    await Observation.objects.acreate(
        environment=environment,
        action=CALL,
        subject="cloudbase/deepseek-v4-flash",
        error={"code": "model_disabled"},
        failed_at=timezone.now(),
    )
    soup = await shown(browser, environment, **FLASH)
    assert states(soup)["model_listed"] == "waiting"
    assert the(soup, "#countdown").string in {"0:04", "0:03", "0:02"}
    asked = len(cloud.control_calls)
    async with socket(socket_of(soup), root) as (communicator, _is_in, _code):
        frames: list[str] = []
        while not frames or "#countdown" not in frames[-1]:
            frames.append(await communicator.receive_from(8))
        await checklists(communicator, lambda found: not found.select("#countdown"))
    assert {call.action for call in cloud.control_calls[asked:]} == {"DescribeAIModels"}


# What it does


async def test_looking_asks_no_model_and_changes_nothing(browser, environment, cloud):
    await browser.get(address(environment, intent="managed", model="glm-5.1"))
    assert cloud.data_calls == []
    assert not [call for call in cloud.control_calls if call.action.startswith("Update")]


async def test_without_a_socket_a_button_asks_again(browser, environment, cloud):
    response = await browser.post(address(environment, "environment_recheck", **FLASH))
    assert response.url == address(environment, **FLASH)
    assert the(await shown(browser, environment, **FLASH), "#checklist")["data-state"] == "ok"


async def test_the_call_of_one_token_is_made_by_a_click_alone(browser, environment, cloud):
    cloud.state.packs = []
    cloud.state.credits = {"DeductValue": 1.0}
    await asking.renew(environment.pk)
    await browser.get(address(environment, **FLASH))
    assert cloud.data_calls == []
    await browser.post(address(environment, "environment_call", **FLASH))
    assert [call.body["max_tokens"] for call in cloud.data_calls] == [1]
    assert the(await shown(browser, environment, **FLASH), "#checklist")["data-state"] == "ok"


async def test_a_model_is_switched_on_at_the_price_that_was_seen(browser, environment, cloud):
    await asking.renew(environment.pk)
    where = address(environment, "environment_enable", intent="managed", model="glm-5.1")
    soup = page(await browser.get(where))
    assert "question 4, answer 16, cached question 0.8" in words(soup)
    seen = the(soup, "textarea[name=price]").get_text()
    assert "glm-5.1" not in cloud.state.group("cloudbase").models
    currency = the(soup, "select[name=currency] option[selected]")["value"]
    response = await browser.post(where, {"price": seen, "currency": currency})
    assert response.status_code == 302
    assert cloud.state.group("cloudbase").models == ["deepseek-v4-flash", "glm-5.1"]
    price = await Price.objects.aget()
    assert (price.words, price.currency, price.set_by) == (seen, "CNY", "root")


async def test_the_currency_of_the_international_site_is_suggested(browser, environment):
    await Environment.objects.aupdate(is_international=True)
    where = address(environment, "environment_enable", intent="managed", model="glm-5.1")
    await asking.renew(environment.pk)
    soup = page(await browser.get(where))
    assert the(soup, "select[name=currency] option[selected]")["value"] == "USD"


async def test_the_price_of_a_model_that_is_on_is_only_confirmed(browser, environment, cloud):
    await asking.renew(environment.pk)
    where = address(environment, "environment_enable", **FLASH)
    soup = page(await browser.get(where))
    assert words(the(soup, "h1")) == "Confirm the price of deepseek-v4-flash?"
    seen = the(soup, "textarea[name=price]").get_text()
    response = await browser.post(where, {"price": seen, "currency": "CNY"}, follow=True)
    assert "The price of deepseek-v4-flash was confirmed." in words(page(response))
    assert await Price.objects.filter(model="deepseek-v4-flash").aexists()
    assert not [call for call in cloud.control_calls if call.action == "UpdateAIModel"]


async def test_who_confirms_before_the_catalogue_was_read_is_asked_again(
    browser, environment, cloud
):
    where = address(environment, "environment_enable", intent="managed", model="glm-5.1")
    soup = page(await browser.get(where))
    assert "was not read yet" in words(soup)
    response = await browser.post(where, {"price": ""})
    assert response.status_code == 409
    assert "question 4, answer 16" in words(page(response))
    assert cloud.state.group("cloudbase").models == ["deepseek-v4-flash"]


async def test_a_price_in_no_currency_is_refused_where_it_was_typed(browser, environment, cloud):
    await asking.renew(environment.pk)
    where = address(environment, "environment_enable", intent="managed", model="glm-5.1")
    seen = the(page(await browser.get(where)), "textarea[name=price]").get_text()
    response = await browser.post(where, {"price": seen, "currency": "POINTS"})
    assert response.status_code == 409
    assert words(the(page(response), ".field .form-error"))
    assert cloud.state.group("cloudbase").models == ["deepseek-v4-flash"]


async def test_the_new_price_is_shown_where_it_has_changed_meanwhile(browser, environment, cloud):
    await asking.renew(environment.pk)
    where = address(environment, "environment_enable", intent="managed", model="glm-5.1")
    seen = the(page(await browser.get(where)), "textarea[name=price]").get_text()
    next(o for o in cloud.state.catalogue if o.name == "glm-5.1").prices = [Listed("5", "20", "1")]
    response = await browser.post(where, {"price": seen, "currency": "CNY"})
    assert response.status_code == 409
    assert "question 5, answer 20" in words(page(response))


async def test_another_price_than_the_one_that_was_seen_is_asked_about_again(
    browser, environment, cloud
):
    await asking.renew(environment.pk)
    where = address(environment, "environment_enable", intent="managed", model="glm-5.1")
    response = await browser.post(where, {"price": "cheap"})
    assert response.status_code == 409
    assert "The price of glm-5.1 has changed meanwhile" in words(the(page(response), ".form-error"))
    assert cloud.state.group("cloudbase").models == ["deepseek-v4-flash"]


async def test_a_switch_that_is_refused_says_why(browser, environment, cloud):
    await asking.renew(environment.pk)
    cloud.quirks.forbidden_actions = {"UpdateAIModel"}
    where = address(environment, "environment_enable", intent="managed", model="glm-5.1")
    seen = the(page(await browser.get(where)), "textarea[name=price]").get_text()
    response = await browser.post(where, {"price": seen})
    assert "may not do this" in words(the(page(response), ".form-error"))


# The socket


def socket_of(soup) -> str:
    return str(the(soup, "[hx-ws\\:connect]")["hx-ws:connect"])


async def checklists(communicator, until) -> Tag:
    """Take frames until the list of checks is as wanted; the last one."""
    async with asyncio.timeout(8):
        while True:
            frame = BeautifulSoup(await communicator.receive_from(8), "html.parser")
            found = frame.select_one("#checklist")
            if found is not None and until(found):
                return found


async def test_the_checks_come_by_themselves_and_end_as_a_reload_shows_them(
    browser, root, environment
):
    soup = await shown(browser, environment, **FLASH)
    assert the(soup, "#checklist")["data-state"] == "waiting"
    async with socket(socket_of(soup), root) as (communicator, _is_in, _code):
        last = await checklists(
            communicator, lambda found: found["data-state"] == "ok" and not found.select(".busy")
        )
    reloaded = the(await shown(browser, environment, **FLASH), "#checklist")
    assert normal(last) == normal(reloaded)


async def test_frames_carry_no_htmx_attributes(browser, root, environment):
    async with socket(socket_of(await shown(browser, environment)), root) as (one, _in, _code):
        frame = await one.receive_from(8)
    html = frame.partition(">")[2].rpartition("</hx-partial>")[0]
    assert "hx-" not in html


async def test_a_click_on_the_socket_makes_the_call(browser, root, environment, cloud):
    cloud.state.packs = []
    cloud.state.credits = {"DeductValue": 1.0}
    soup = await shown(browser, environment, **FLASH)
    async with socket(socket_of(soup), root) as (communicator, _is_in, _code):
        await checklists(communicator, lambda found: found["data-state"] == "unknown")
        await communicator.send_to(text_data='{"action": "call"}')
        await checklists(communicator, lambda found: found["data-state"] == "ok")
    assert len(cloud.data_calls) == 1


async def closing_code(path: str, user) -> int:
    async with socket(path, user) as (communicator, _is_in, _code):
        return int((await communicator.receive_output(5))["code"])


async def test_a_socket_of_nothing_is_closed(environment, root):
    assert await closing_code("/ws/environments/4711/", root) == NOT_FOUND
    illegal = f"/ws/environments/{environment.pk}/?group=deepseek"
    assert await closing_code(illegal, root) == NOT_FOUND


async def test_who_is_no_longer_staff_can_ask_for_nothing_more(root, environment, cloud):
    path = f"/ws/environments/{environment.pk}/?{urlencode(FLASH)}"
    async with socket(path, root) as (communicator, _is_in, _code):
        await checklists(communicator, lambda found: not found.select(".busy"))
        before = len(cloud.control_calls)
        root.is_staff = False
        await root.asave()
        await communicator.send_to(text_data='{"action": "check"}')
        while (output := await communicator.receive_output(5))["type"] != "websocket.close":
            pass
    assert output["code"] == NOT_STAFF
    assert len(cloud.control_calls) == before


async def test_an_environment_that_is_deleted_while_it_is_looked_at_closes_the_page(
    root, environment
):
    path = f"/ws/environments/{environment.pk}/?{urlencode(FLASH)}"
    async with socket(path, root) as (communicator, _is_in, _code):
        await checklists(communicator, lambda found: not found.select(".busy"))
        await environment.adelete()
        await asking.announce(int(path.split("/")[3]))
        while (output := await communicator.receive_output(5))["type"] != "websocket.close":
            pass
    assert output["code"] == NOT_FOUND

"""The board: all environments, their models, and what is in the way."""

from __future__ import annotations

import asyncio

import pytest
from bs4 import BeautifulSoup
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from admin_models.models import AIModel, Environment, ModelGroup, Observation
from admin_models.preflight import asking
from tests.admin_models.browsers import signed_in
from tests.admin_models.conftest import make_environment
from tests.chat.sockets import connected as socket
from tests.chat.sockets import normal
from tests.fakes.environment_state import Pack
from tests.pages.html import page, the, words


@pytest.fixture
async def browser(root):
    return await signed_in(root)


async def board(browser) -> BeautifulSoup:
    return page(await browser.get(reverse("environments")))


def lines(soup) -> dict[str, str]:
    return {words(the(row, "th")): str(the(row, ".result")["data-state"]) for row in rows(soup)}


def rows(soup):
    return soup.select(".board tbody tr:not(.group)")


async def test_each_model_has_its_state_and_the_reason(browser, environment, cloud):
    await asking.renew(environment.pk)
    soup = await board(browser)
    assert lines(soup) == {"deepseek-v4-flash": "ok", "hunyuan-2.0-instruct-20251111": "unknown"}
    assert "1 of 2 ready" in words(the(soup, ".environment .count"))
    assert "mini programs only" in words(rows(soup)[1])
    assert "just now" in words(rows(soup)[0])


async def test_a_dead_environment_says_so_and_shows_what_was_seen_before(
    browser, environment, cloud, settings
):
    await asking.renew(environment.pk)
    settings.PREFLIGHT_TIMEOUT_SECONDS = 0.1
    cloud.quirks.slow_actions = dict.fromkeys(asking.ACTIONS, 5.0)
    await asking.renew(environment.pk)
    soup = await board(browser)
    assert "did not answer in time" in words(the(soup, ".trouble"))
    assert lines(soup)["deepseek-v4-flash"] == "ok"


async def test_the_button_asks_all_and_none_waits_for_another(browser, environment, cloud):
    await browser.post(reverse("environments_recheck"))
    assert {call.action for call in cloud.control_calls} == set(asking.ACTIONS)
    before = len(cloud.control_calls)
    await browser.post(reverse("environments_recheck"), {"environment": "4711"})
    assert len(cloud.control_calls) == before
    await browser.post(reverse("environments_recheck"), {"environment": environment.pk})
    assert len(cloud.control_calls) == 2 * before


async def test_the_board_is_for_staff(environment, alice, cloud):
    browser = await signed_in(alice)
    assert (await browser.get(reverse("environments"))).status_code == 404
    assert (await browser.post(reverse("environments_recheck"))).status_code == 404
    assert cloud.control_calls == []


async def test_no_key_is_on_the_board(browser, environment):
    text = str(await board(browser))
    assert environment.sealed_key not in text


# The socket


async def frames(communicator, until) -> BeautifulSoup:
    async with asyncio.timeout(8):
        while True:
            frame = BeautifulSoup(await communicator.receive_from(8), "html.parser")
            if until(frame):
                return frame


async def test_a_change_is_pushed_as_a_reload_shows_it(browser, root, environment, cloud):
    cloud.quirks.slow_actions = {"DescribeAIModels": 0.5}
    path = str(the(await board(browser), "[hx-ws\\:connect]")["hx-ws:connect"])
    async with socket(path, root) as (communicator, _is_in, _code):
        await frames(communicator, lambda frame: frame.select_one(".environment"))
        await communicator.send_to(text_data='{"action": "check"}')
        await frames(communicator, lambda frame: frame.select_one(".busy"))
        last = await frames(
            communicator, lambda frame: rows(frame) and not frame.select_one(".busy")
        )
    reloaded = the(await board(browser), f"#environment-{environment.pk}")
    assert normal(the(last, ".environment")) == normal(reloaded)


async def test_a_hundred_clicks_ask_once(root, environment, cloud):
    cloud.quirks.slow_actions = {"DescribeAIModels": 1.5}
    async with socket("/ws/environments/", root) as (communicator, _is_in, _code):
        await frames(communicator, lambda frame: frame.select_one(".environment"))
        for _ in range(100):
            await communicator.send_to(text_data='{"action": "check"}')
        await frames(communicator, lambda frame: rows(frame) and not frame.select_one(".busy"))
    asked = [call for call in cloud.control_calls if call.action == "DescribeAIModels"]
    assert len(asked) == 1


async def test_an_environment_that_comes_or_goes_comes_or_goes_on_the_board(
    root, environment, cloud
):
    async with socket("/ws/environments/", root) as (communicator, _is_in, _code):
        await frames(communicator, lambda frame: frame.select_one(".environment"))
        cloud.state.env_id = "env-other"
        other = await make_environment(cloud, "Other")
        await asking.announce(other.pk)
        await frames(communicator, lambda frame: frame.select_one(f"#environment-{other.pk}"))
        await environment.adelete()
        await asking.announce(other.pk)
        await asking.announce(4711)
        await frames(communicator, lambda frame: len(frame.select(".environment")) == 1)


# Many


def fill(environments: int, models: int) -> None:
    """Environments with groups and models, and everything that is stored of each."""
    now = timezone.now()
    names = [f"model-{number}" for number in range(models)]
    group = {"group_name": "cloudbase", "status": 1, "models": [{"model": n} for n in names]}
    answers = {
        "DescribeActivityInfo": [],
        "DescribeEnvPostpayPackage": [{"postpay_package_id": Pack().id, "status": 1}],
        "DescribeAIModels": [group],
        "DescribeManagedAIModelList": [
            {"group_name": "cloudbase", "models": [{"model": n} for n in names]}
        ],
    }
    for number in range(environments):
        row = Environment(kind="cloudbase", name=f"Lab {number}", env_id=f"lab-{number}")
        row.keep_key("eyJ.made-up")
        row.keep_cloud_keys("id", "key")
        row.save()
        offered = ModelGroup.objects.create(environment=row, name="cloudbase")
        AIModel.objects.bulk_create(AIModel(group=offered, name=name) for name in names)
        Observation.objects.bulk_create(
            Observation(environment=row, action=action, answer=answer, answered_at=now)
            for action, answer in answers.items()
        )


def queries_of(client: Client) -> int:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert client.get(reverse("environments")).status_code == 200
    return len(captured)


def test_the_number_of_queries_does_not_grow_with_the_board(root):
    client = Client()
    client.force_login(root)
    fill(1, 1)
    few = queries_of(client)
    Environment.objects.all().delete()
    fill(20, 30)
    assert queries_of(client) == few <= 10
    text = client.get(reverse("environments")).content.decode()

    assert text.count('data-state="ok"><b>') == 600

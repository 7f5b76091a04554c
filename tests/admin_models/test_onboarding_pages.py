"""The steps of onboarding an environment, its settings, and its end."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from django.urls import reverse

from admin_models import crypto
from admin_models.models import AIModel, Environment, Observation
from admin_models.preflight import asking
from chat.models import Conversation
from tests.admin_models.browsers import Browser, signed_in
from tests.fakes.environment_state import API_KEY, SECRET_ID, SECRET_KEY
from tests.pages.html import page, the, words

KEYS = {"api_key": API_KEY, "secret_id": SECRET_ID, "secret_key": SECRET_KEY}
NOBODY_LISTENS = "http://127.0.0.1:9"


@pytest.fixture
async def browser(root):
    return await signed_in(root)


def typed(cloud, **changes: str) -> dict[str, str]:
    """What the first step asks for."""
    return {
        "env_id": cloud.state.env_id,
        "name": "Demo",
        "region": "ap-shanghai",
        "base_url": cloud.gateway_url,
        "control_url": cloud.control_url,
    } | changes


def keys_page(cloud, **changes: str) -> str:
    return f"{reverse('environment_keys_new')}?{urlencode(typed(cloud, **changes))}"


def states(response) -> dict[str, str]:
    """What a try found, by the titles; the management's findings come last."""
    found = page(response).select(".trial .check")
    titles = [words(the(check, "h3")).split(" ")[0] for check in found]
    return dict(zip(titles, [str(check["data-state"]) for check in found], strict=True))


async def test_the_first_step_leads_to_the_second_with_what_was_typed(connected, browser, cloud):
    response = await browser.get(reverse("environment_new"), typed(cloud) | {"next": ""})
    assert response.status_code == 302
    shown = page(await browser.get(response.url))
    assert "Keys of Demo" in words(the(shown, "h1"))
    assert "optional" in words(the(shown, ".aside"))
    assert not await Environment.objects.filter(kind="cloudbase").aexists()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"env_id": "Env Demo"}, "small letters"),
        ({"env_id": "local"}, "here already"),
        ({"name": "Local"}, "Another environment has this name"),
        ({"base_url": "gateway"}, "must begin with http:// or https://"),
    ],
)
async def test_a_first_step_that_is_refused_says_why_and_keeps_what_was_typed(
    connected, browser, cloud, changes, says
):
    await Environment.objects.acreate(kind="local", name="Local", env_id="local")
    response = await browser.get(reverse("environment_new"), typed(cloud, **changes) | {"next": ""})
    shown = page(response)
    assert says in words(the(shown, ".form-error"))
    for name, value in changes.items():
        assert the(shown, f"[name={name}]")["value"] == value


async def test_the_second_step_cannot_be_reached_with_an_impossible_first(
    connected, browser, cloud
):
    response = await browser.get(keys_page(cloud, env_id="Env Demo"))
    assert response.status_code == 302
    assert response.url.startswith(reverse("environment_new"))


async def test_saving_keeps_the_environment_with_its_keys_sealed(connected, browser, cloud):
    response = await browser.post(keys_page(cloud), KEYS)
    environment = await Environment.objects.aget(env_id=cloud.state.env_id)
    assert response.url == reverse("environment_preflight", args=[environment.pk])
    assert environment.is_default
    assert crypto.unseal(environment.sealed_key) == API_KEY
    assert crypto.unseal(environment.sealed_secret_key) == SECRET_KEY


async def test_a_second_environment_is_not_the_default(connected, browser, cloud):
    await Environment.objects.acreate(kind="local", name="L", env_id="local", is_default=True)
    await browser.post(keys_page(cloud), KEYS)
    assert not (await Environment.objects.aget(env_id=cloud.state.env_id)).is_default


@pytest.mark.parametrize(
    ("keys", "field", "says"),
    [
        ({}, "api_key", "API key"),
        ({"api_key": "two words"}, "api_key", ""),
        ({"api_key": API_KEY, "secret_id": SECRET_ID}, "secret_key", ""),
        ({"api_key": API_KEY, "secret_key": SECRET_KEY}, "secret_id", ""),
    ],
)
async def test_keys_that_cannot_be_are_refused_where_they_were_typed(
    connected, browser, cloud, keys, field, says
):
    response = await browser.post(keys_page(cloud), keys)
    assert response.status_code == 422
    assert says in words(the(page(response), f"#id_{field}_error"))
    assert not await Environment.objects.filter(kind="cloudbase").aexists()


async def test_no_key_comes_back_into_the_page(connected, browser, cloud):
    tried = await browser.post(keys_page(cloud), KEYS | {"try": "1"})
    refused = await browser.post(keys_page(cloud), KEYS | {"secret_key": ""})
    for response in (tried, refused):
        text = response.content.decode()
        assert not any(key in text for key in KEYS.values())


# The connection, tried before anything is saved


async def test_a_good_connection_is_good_in_every_row(connected, browser, cloud):
    response = await browser.post(keys_page(cloud), KEYS | {"try": "1"})
    assert states(response) == {
        "Name": "ok",
        "Connection": "skipped",  # plain http, and it says so
        "API": "ok",
        "Signature": "ok",
        "Permission": "ok",
    }
    assert "plain http" in words(page(response))
    assert cloud.requests == []  # no model was asked
    assert not await Environment.objects.filter(kind="cloudbase").aexists()


async def test_a_wrong_api_key_is_told_from_a_wrong_pair(connected, browser, cloud):
    wrong_key = await browser.post(keys_page(cloud), KEYS | {"api_key": "eyJ.other", "try": "1"})
    assert (states(wrong_key)["API"], states(wrong_key)["Signature"]) == ("not_ok", "ok")
    wrong_pair = await browser.post(keys_page(cloud), KEYS | {"secret_key": "x", "try": "1"})
    found = states(wrong_pair)
    assert (found["API"], found["Signature"], found["Permission"]) == ("ok", "not_ok", "unknown")


async def test_a_missing_permission_is_told_from_a_wrong_signature(connected, browser, cloud):
    cloud.quirks.forbidden_actions = {"DescribeAIModels"}
    response = await browser.post(keys_page(cloud), KEYS | {"try": "1"})
    found = states(response)
    assert (found["Signature"], found["Permission"]) == ("ok", "not_ok")
    assert "Let the account read CloudBase" in words(page(response))


async def test_another_accounts_environment_is_not_there(connected, browser, cloud):
    response = await browser.post(keys_page(cloud, env_id="env-other"), KEYS | {"try": "1"})
    assert states(response)["Permission"] == "not_ok"


async def test_a_wrong_clock_is_told_from_a_wrong_pair(connected, browser, cloud):
    cloud.quirks.clock_offset = 3600
    response = await browser.post(keys_page(cloud), KEYS | {"try": "1"})
    assert states(response)["Signature"] == "not_ok"
    assert "clock of this server" in words(page(response))


async def test_without_a_pair_the_rest_is_unknown_and_never_passed(connected, browser, cloud):
    response = await browser.post(keys_page(cloud), {"api_key": API_KEY, "try": "1"})
    found = states(response)
    assert (found["API"], found["Signature"], found["Permission"]) == ("ok", "unknown", "unknown")
    assert cloud.control_calls == []


async def test_a_name_that_does_not_exist_is_told_from_a_closed_door(connected, browser, cloud):
    nowhere = keys_page(cloud, base_url="http://gateway.invalid")
    found = states(await browser.post(nowhere, {"api_key": API_KEY, "try": "1"}))
    assert (found["Name"], found["Connection"], found["API"]) == ("not_ok", "unknown", "unknown")
    closed = keys_page(cloud, base_url=NOBODY_LISTENS)
    found = states(await browser.post(closed, {"api_key": API_KEY, "try": "1"}))
    assert (found["Name"], found["Connection"], found["API"]) == ("ok", "not_ok", "unknown")


async def test_a_server_without_tls_is_not_trusted(connected, browser, cloud):
    address = cloud.gateway_url.replace("http:", "https:")
    response = await browser.post(
        keys_page(cloud, base_url=address), {"api_key": API_KEY, "try": "1"}
    )
    assert states(response)["Connection"] == "not_ok"


async def test_htmx_gets_only_what_the_try_found(connected, browser, cloud):
    response = await browser.post(
        keys_page(cloud), KEYS | {"try": "1"}, headers={"hx-request": "true"}
    )
    assert states(response)["API"] == "ok"
    assert "<html" not in response.content.decode()


# Settings


async def test_an_environment_is_renamed_and_disabled(browser, environment):
    address = reverse("environment_settings", args=[environment.pk])
    form = {"name": "Lab", "region": "ap-shanghai", "base_url": environment.base_url}
    response = await browser.post(address, form | {"control_url": environment.control_url})
    assert response.status_code == 302
    await environment.arefresh_from_db()
    assert (environment.name, environment.is_enabled) == ("Lab", False)


async def test_the_default_moves_and_is_never_taken_away(browser, environment):
    old = await Environment.objects.acreate(
        kind="local", name="Local", env_id="local", is_default=True
    )
    form = {
        "name": "Demo",
        "region": "ap-shanghai",
        "is_enabled": "on",
        "base_url": environment.base_url,
        "control_url": environment.control_url,
    }
    address = reverse("environment_settings", args=[environment.pk])
    await browser.post(address, form | {"is_default": "on"})
    await old.arefresh_from_db()
    assert not old.is_default
    refused = await browser.post(address, form)
    assert refused.status_code == 422
    assert "make another environment the default" in words(page(refused))
    assert (await Environment.objects.aget(is_default=True)).pk == environment.pk


async def test_another_address_makes_what_was_seen_void(browser, environment):
    await asking.renew(environment.pk)
    form = {"name": "Demo", "region": "ap-guangzhou", "is_enabled": "on"}
    await browser.post(reverse("environment_settings", args=[environment.pk]), form)
    assert not await Observation.objects.aexists()


async def test_empty_fields_keep_the_keys_and_a_tick_removes_them(browser, environment):
    address = reverse("environment_keys", args=[environment.pk])
    await browser.post(address, {})
    await environment.arefresh_from_db()
    assert crypto.unseal(environment.sealed_key) == API_KEY
    await browser.post(address, {"remove_cloud_keys": "on"})
    await environment.arefresh_from_db()
    assert environment.has_key
    assert not environment.has_cloud_keys


async def test_trying_other_keys_changes_nothing(browser, environment, cloud):
    address = reverse("environment_keys", args=[environment.pk])
    response = await browser.post(address, {"api_key": "eyJ.other", "try": "1"})
    assert states(response)["API"] == "not_ok"
    await environment.arefresh_from_db()
    assert crypto.unseal(environment.sealed_key) == API_KEY


async def test_deleting_shows_first_what_depends_on_it(browser, environment, alice):
    await asking.renew(environment.pk)
    model = await AIModel.objects.aget(name="deepseek-v4-flash")
    await Conversation.objects.acreate(owner=alice, title="Talk", model=model)
    address = reverse("environment_delete", args=[environment.pk])
    shown = words(page(await browser.get(address)))
    assert "deepseek-v4-flash" in shown
    assert "conversations: 1" in shown
    assert await Environment.objects.filter(pk=environment.pk).aexists()
    await browser.post(address)
    assert not await Environment.objects.filter(pk=environment.pk).aexists()
    assert (await Conversation.objects.aget()).model_id is None


async def test_the_installation_itself_cannot_be_deleted(browser, transactional_db):
    row = await Environment.objects.acreate(kind="local", name="Local", env_id="local")
    address = reverse("environment_delete", args=[row.pk])
    assert (await browser.post(address)).status_code == 404


# Who may not


PAGES = ("environments", "environment_new", "environment_keys_new")
PAGES_OF_ONE = (
    "environment_settings",
    "environment_keys",
    "environment_delete",
    "environment_preflight",
    "environment_enable",
)
POSTS_OF_ONE = ("environment_recheck", "environment_call")


def addresses(pk: int) -> list[str]:
    return [reverse(name) for name in PAGES] + [
        reverse(name, args=[pk]) for name in (*PAGES_OF_ONE, *POSTS_OF_ONE)
    ]


async def test_a_stranger_is_sent_to_sign_in(environment):
    for address in addresses(environment.pk):
        for response in (await Browser().get(address), await Browser().post(address)):
            assert response.status_code == 302, address
            assert response["location"].startswith("/accounts/login/")


async def test_people_who_are_not_staff_find_nothing(environment, alice, cloud):
    browser = await signed_in(alice)
    for address in addresses(environment.pk):
        for response in (await browser.get(address), await browser.post(address)):
            assert response.status_code == 404, address
    assert (cloud.control_calls, cloud.data_calls) == ([], [])


async def test_an_environment_that_is_not_there_is_not_found(browser):
    for name in PAGES_OF_ONE:
        assert (await browser.get(reverse(name, args=[4711]))).status_code == 404

"""The button that tests a connection, and the one that fetches the list of an endpoint."""

from __future__ import annotations

import pytest

from admin_models.models import ModelAbilities, ModelGroup
from tests.admin_models import labs
from tests.admin_models.browsers import signed_in
from tests.admin_models.group_pages import HTMX, KEY, at, form_of, typed
from tests.admin_models.labs import LAB
from tests.fakes.model_server import refusal
from tests.pages.html import page, the, words

NOBODY_LISTENS = "http://127.0.0.1:9/v1"


@pytest.fixture
async def browser(root):
    return await signed_in(root)


@pytest.fixture
async def here(connected, service):
    """The local environment, whose group is at the fake service."""
    environment = await labs.in_this_installation()
    await ModelGroup.objects.filter(name=LAB).aupdate(base_url=service.base_url)
    service.models = ["lab-7b", "lab-70b", "fresh-1", "fresh-2"]
    return environment


def states(response) -> dict[str, str]:
    """What was found, by its title."""
    found = page(response).select(".trial .check")
    titles = [
        words(the(one, "h3")).removesuffix(words(the(one, ".state-label"))).strip() for one in found
    ]
    return dict(zip(titles, [str(one["data-state"]) for one in found], strict=True))


async def test_a_new_group_is_tried_before_anything_is_saved(browser, here, service):
    sent = typed(base_url=service.base_url)
    response = await browser.post(at(here, "group_trial"), sent)
    assert states(response)["Answer"] == "ok"
    assert not await ModelGroup.objects.filter(name="custom-new").aexists()
    soup = page(response)
    assert the(soup, "[name=base_url]")["value"] == service.base_url
    assert "enter them again" in words(soup)
    assert KEY not in response.content.decode()
    assert service.requests[0].headers["Authorization"] == f"Bearer {KEY}"
    assert service.requests[0].body["model"] == "lab-7b"


async def test_htmx_gets_only_what_was_found(browser, here, service):
    sent = typed(base_url=service.base_url, trial_model="fresh-2")
    response = await browser.post(at(here, "group_trial"), sent, headers=HTMX)
    assert states(response)["Answer"] == "ok"
    assert not page(response).select("form, input")
    assert service.requests[0].body["model"] == "fresh-2"


async def test_what_was_learned_is_kept_with_its_date(browser, here, service):
    form = await form_of(browser, here, LAB)
    await browser.post(at(here, "group_trial", LAB), form | {"trial_model": "lab-7b"})
    learned = await ModelAbilities.objects.aget(model="lab-7b")
    assert (learned.streams, learned.reports_usage) == (True, True)
    soup = page(await browser.get(at(here, "group_settings", LAB)))
    row = next(row for row in soup.select(".board tbody tr") if "lab-7b" in words(row))
    assert f"tried {learned.tried_at:%Y-%m-%d}" in words(row)
    assert the(row, ".tag")["data-state"] == "ok"


async def test_the_stored_key_is_used_where_none_is_typed(browser, here, service):
    form = await form_of(browser, here, LAB)
    await browser.post(at(here, "group_trial", LAB), form)
    assert service.requests[0].headers["Authorization"] == "Bearer sk-old"


async def test_the_stored_key_goes_nowhere_else(browser, here, service):
    await ModelGroup.objects.filter(name=LAB).aupdate(base_url="https://llm.example/v1")
    form = await form_of(browser, here, LAB)
    for name in ("group_trial", "group_list_models"):
        response = await browser.post(at(here, name, LAB), form | {"base_url": service.base_url})
        assert "another server" in words(page(response))
    assert service.requests == []


async def test_a_key_that_is_to_be_removed_is_not_used(browser, here, service):
    form = await form_of(browser, here, LAB)
    await browser.post(at(here, "group_trial", LAB), form | {"remove_key": "on"})
    assert "Authorization" not in service.requests[0].headers


async def test_a_key_that_cannot_be_read_any_more_is_told(browser, here):
    await ModelGroup.objects.filter(name=LAB).aupdate(sealed_key="garbage")
    form = await form_of(browser, here, LAB)
    for name in ("group_trial", "group_list_models"):
        response = await browser.post(at(here, name, LAB), form, headers=HTMX)
        assert "cannot be read any more" in words(page(response))


async def test_a_door_that_is_closed_is_told_from_a_wrong_key(browser, here, service):
    closed = await browser.post(at(here, "group_trial"), typed(base_url=NOBODY_LISTENS))
    assert states(closed)["Connection (TLS)"] == "not_ok"
    service.script = refusal(401, "unauthorized")
    refused = await browser.post(at(here, "group_trial"), typed(base_url=service.base_url))
    assert states(refused)["API key"] == "not_ok"
    assert states(refused)["Connection (TLS)"] != "not_ok"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"base_url": "nonsense"}, "Base URL"),
        ({"base_url": "http://169.254.169.254/v1"}, "Base URL"),
        ({"api_key": "two words"}, "API key"),
        ({"more": ""}, "Enter a model"),
    ],
)
async def test_what_cannot_be_tried_says_why(browser, here, service, changes, says):
    sent = typed(base_url=service.base_url) | changes
    for headers in ({}, HTMX):
        response = await browser.post(at(here, "group_trial"), sent, headers=headers)
        assert says in words(the(page(response), "#trial" if not headers else ".form-error"))
        assert not page(response).select("#fetched .form-error")
        assert sent["api_key"] not in response.content.decode()
    assert service.requests == []


async def test_other_mistakes_can_wait(browser, here, service):
    sent = typed(base_url=service.base_url, name="deepseek")
    response = await browser.post(at(here, "group_trial"), sent, headers=HTMX)
    assert states(response)["Answer"] == "ok"


async def test_the_key_of_a_cloudbase_group_has_to_be_typed(browser, environment, cloud, service):
    labs.in_cloud(cloud).base_url = service.base_url
    form = await form_of(browser, environment, LAB)
    response = await browser.post(at(environment, "group_trial", LAB), form, headers=HTMX)
    assert "shows it to nobody" in words(page(response))
    response = await browser.post(
        at(environment, "group_trial", LAB), form | {"api_key": KEY}, headers=HTMX
    )
    assert states(response)["Answer"] == "ok"
    pair = {"secret_id": "AKID", "secret_key": "shh"}
    response = await browser.post(at(environment, "group_trial", LAB), form | pair, headers=HTMX)
    assert "only be tried by the environment" in words(page(response))


# The list of the endpoint


async def test_the_list_offers_what_is_not_in_the_group(browser, here):
    form = await form_of(browser, here, LAB)
    for headers in ({}, HTMX):
        response = await browser.post(at(here, "group_list_models", LAB), form, headers=headers)
        boxes = page(response).select("[name=fetched]")
        assert [box["value"] for box in boxes] == ["fresh-1", "fresh-2"]


async def test_what_was_ticked_stays_ticked(browser, here, service):
    sent = typed(base_url=service.base_url, fetched="fresh-2", name="deepseek")
    response = await browser.post(at(here, "group_list_models"), sent, headers=HTMX)
    assert [b["value"] for b in page(response).select("[name=fetched][checked]")] == ["fresh-2"]
    refused = await browser.post(at(here, "group_new"), sent)
    assert [b["value"] for b in page(refused).select("[name=fetched][checked]")] == ["fresh-2"]


async def test_nothing_new_is_said_to_be_nothing_new(browser, here, service):
    service.models = ["lab-7b"]
    form = await form_of(browser, here, LAB)
    response = await browser.post(at(here, "group_list_models", LAB), form, headers=HTMX)
    assert "in the group already" in words(page(response))


async def test_an_endpoint_without_a_list_is_no_failure(browser, here, service):
    service.listing = refusal(404, "not_found")
    form = await form_of(browser, here, LAB)
    response = await browser.post(at(here, "group_list_models", LAB), form, headers=HTMX)
    assert the(page(response), ".trouble")["data-state"] != "not_ok"
    assert not page(response).select("[name=fetched]")


async def test_a_list_that_cannot_be_reached_says_why(browser, here):
    sent = typed(base_url=NOBODY_LISTENS)
    response = await browser.post(at(here, "group_list_models"), sent, headers=HTMX)
    assert the(page(response), ".trouble")["data-state"] == "not_ok"

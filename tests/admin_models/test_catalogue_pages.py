"""The catalogue of an environment, and what this site knows of a model beside its name."""

from __future__ import annotations

from decimal import Decimal

import pytest
from bs4 import Tag
from channels.db import database_sync_to_async
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from admin_models import local, prices
from admin_models.models import AIModel, AuditEntry, Environment, ModelAbilities, ModelGroup, Tier
from admin_models.preflight import asking
from admin_models.prices import Named
from tests.admin_models.browsers import signed_in
from tests.admin_models.conftest import make_environment
from tests.admin_models.group_pages import HTMX, at
from tests.fakes.environment_state import Price
from tests.pages.html import page, the, words

ON, OFF = "deepseek-v4-flash", "glm-5.1"


@pytest.fixture
async def browser(root):
    return await signed_in(root)


@pytest.fixture
async def local_models(transactional_db):
    """The local environment, with two managed models of which one is off."""
    environment = await database_sync_to_async(local.environment)()
    group = await ModelGroup.objects.acreate(environment=environment, name="cloudbase")
    await AIModel.objects.acreate(group=group, name="tiny", context_length=4096)
    await AIModel.objects.acreate(group=group, name="other", is_enabled=False)
    return environment


async def rows(browser, environment, **query: str) -> dict[str, Tag]:
    """The rows of the catalogue by the names of their models, in their order."""
    response = await browser.get(at(environment, "environment_catalogue"), query)
    found = page(response).select(".board tbody tr")
    return {the(row, "th").find(string=True).strip(): row for row in found}


async def confirm(browser, environment, model: str, **changes: str):
    """Look at the price of a model in the catalogue and confirm it."""
    await rows(browser, environment)
    where = f"{at(environment, 'environment_enable')}?group=cloudbase&model={model}"
    form = page(await browser.get(where))
    sent = {"price": the(form, "[name=price]").text.lstrip("\n"), "currency": "CNY"} | changes
    return await browser.post(where, sent)


async def test_the_catalogue_shows_context_and_every_price(browser, environment):
    listed = await rows(browser, environment)
    assert next(iter(listed)) == ON  # what is on comes first
    tiered = words(listed["deepseek-v3.2"])
    assert "128k" in tiered
    assert "0-32k: question 2, answer 3, cached question 0.4 per 1k tokens" in tiered
    assert "32k-128k: question 4, answer 6, cached question 0.8 per 1k tokens" in tiered
    assert "off" in words(listed[OFF])


async def test_it_is_searched_by_every_word_with_or_without_htmx(browser, environment):
    assert set(await rows(browser, environment, q="DEEP flash")) == {ON}
    response = await browser.get(
        at(environment, "environment_catalogue"), {"q": "glm"}, headers=HTMX
    )
    assert not page(response).select("html, form[role=search]")
    assert [words(th).split()[0] for th in page(response).select("tbody th")] == [OFF]
    none = page(await browser.get(at(environment, "environment_catalogue"), {"q": "<b>"}))
    assert "“<b>”" in words(the(none, ".empty"))


async def test_switching_on_is_confirmed_and_says_by_whom(browser, environment):
    row = (await rows(browser, environment))[OFF]
    assert "model=glm-5.1" in str(the(row, "a")["href"])
    assert (await confirm(browser, environment, OFF)).status_code == 302
    row = (await rows(browser, environment))[OFF]
    assert f"confirmed by root on {timezone.now():%Y-%m-%d}" in words(row)
    assert "Switch off" in words(row)


async def test_a_changed_price_asks_again(browser, environment, cloud):
    await confirm(browser, environment, OFF)
    offered = next(o for o in cloud.state.catalogue if o.name == OFF)
    offered.prices = [Price("9", "99", "1")]
    await asking.renew(environment.pk)
    row = (await rows(browser, environment))[OFF]
    assert "changed since root confirmed it" in words(row)
    assert "Confirm the price" in words(row)
    await confirm(browser, environment, OFF)
    assert "Confirm the price" not in words((await rows(browser, environment))[OFF])


async def test_a_model_that_others_switched_on_was_confirmed_by_nobody(browser, environment):
    assert "nobody has confirmed" in words((await rows(browser, environment))[ON])


async def test_a_model_is_switched_off_and_the_others_stay(browser, environment, cloud):
    await confirm(browser, environment, OFF)
    response = await browser.post(
        at(environment, "catalogue_switch_off"), {"group": "cloudbase", "model": ON}
    )
    assert response.url == at(environment, "environment_catalogue")
    assert cloud.state.group("cloudbase").models == [OFF]
    assert "was switched off" in words(page(await browser.get(response.url)))
    assert await AuditEntry.objects.filter(action="model.switched_off").aexists()


async def test_a_refusal_to_switch_off_is_told(browser, environment, cloud):
    await rows(browser, environment)
    cloud.quirks.refused_actions = {"UpdateAIModel": "LimitExceeded"}
    sent = {"group": "cloudbase", "model": ON}
    response = await browser.post(at(environment, "catalogue_switch_off"), sent, follow=True)
    assert the(page(response), ".messages .error")
    response = await browser.post(
        at(environment, "catalogue_switch_off"), {"group": "custom-none"}, follow=True
    )
    assert "no group custom-none" in words(the(page(response), ".messages .error"))


async def test_a_local_model_shows_what_was_set_for_it(connected, browser, local_models, root):
    tier = Tier(Decimal("2.5"), Decimal(10))
    await database_sync_to_async(prices.set_price)(
        root, Named("local", "cloudbase", "tiny"), currency="CNY", tiers=[tier]
    )
    listed = await rows(browser, local_models)
    assert "question 2.5, answer 10" in words(listed["tiny"])
    assert "4096" in words(listed["tiny"])
    assert "not set" in words(listed["other"])


async def test_a_local_model_is_switched_off_and_on(connected, browser, local_models):
    sent = {"group": "cloudbase", "model": "tiny"}
    await browser.post(at(local_models, "catalogue_switch_off"), sent)
    assert not await AIModel.objects.ready().filter(name="tiny").aexists()
    await confirm(browser, local_models, "tiny")
    row = await AIModel.objects.ready().aget(name="tiny")
    assert row.context_length == 4096


async def test_what_is_not_known_says_what_to_do(connected, browser, cloud):
    bare = await make_environment(cloud, has_cloud_keys=False)
    soup = page(await browser.get(at(bare, "environment_catalogue")))
    assert "secret id and key" in words(the(soup, ".aside"))
    here = await database_sync_to_async(local.environment)()
    soup = page(await browser.get(at(here, "environment_catalogue")))
    assert the(soup, ".empty a")["href"] == at(here, "group_new")


async def test_a_catalogue_that_cannot_be_read_says_so(browser, environment, cloud):
    cloud.quirks.forbidden_actions = {"DescribeManagedAIModelList"}
    soup = page(await browser.get(at(environment, "environment_catalogue")))
    assert "could not be read" in words(the(soup, ".aside"))
    cloud.quirks.forbidden_actions = set()
    response = await browser.post(at(environment, "catalogue_recheck"))
    assert response.url == at(environment, "environment_catalogue")
    assert ON in await rows(browser, environment)


async def test_it_is_for_administrators(environment, alice, local_models):
    browser = await signed_in(alice)
    model = await AIModel.objects.aget(name="tiny")
    pages = [at(environment, "environment_catalogue"), at(local_models, "model_settings", model.pk)]
    for where in pages:
        assert (await browser.get(where)).status_code == 404
    response = await browser.post(at(environment, "catalogue_switch_off"), {"model": ON})
    assert response.status_code == 404


def catalogue_of(environment: Environment, number: int) -> None:
    """Note a catalogue of so many models, all of them on."""
    models = [{"model": f"model-{n}"} for n in range(number)]
    answer = [{"group_name": "cloudbase", "status": 1, "models": models}]
    for action in ("DescribeManagedAIModelList", "DescribeAIModels"):
        environment.observations.update_or_create(
            action=action, defaults={"answer": answer, "answered_at": timezone.now()}
        )


def test_hundreds_of_models_take_no_more_queries_than_one(root):
    client = Client()
    client.force_login(root)
    environment = Environment.objects.create(kind="cloudbase", name="Big", env_id="env-big")
    where = reverse("environment_catalogue", args=[environment.pk])
    counts = []
    for number in (1, 500):
        catalogue_of(environment, number)
        client.get(where)
        with CaptureQueriesContext(connection) as seen:
            response = client.get(where)
        assert len(page(response).select("tbody tr")) == number
        counts.append(len(seen))
    assert counts[0] == counts[1]


# One model


async def test_what_people_read_of_a_model_can_be_changed(connected, browser, local_models):
    model = await AIModel.objects.aget(name="tiny")
    sent = {
        "label": "Tiny",
        "context_length": "8192",
        "parameters": '{"temperature": 0.2}',
        "notice": "Often wrong",
    }
    response = await browser.post(at(local_models, "model_settings", model.pk), sent)
    assert response.status_code == 302
    await model.arefresh_from_db()
    assert (str(model), model.context_length, model.parameters) == (
        "Tiny",
        8192,
        {"temperature": 0.2},
    )
    record = await AuditEntry.objects.aget(action="model.updated")
    assert record.subject_key == "local/cloudbase/tiny"
    assert (record.before["label"], record.after["label"]) == ("", "Tiny")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"parameters": "[1]"}, "parameters"),
        ({"parameters": "{"}, "parameters"),
        ({"context_length": "12"}, "context_length"),
        ({"label": "l" * 121}, "label"),
    ],
)
async def test_what_cannot_be_is_refused_and_stays(
    connected, browser, local_models, changes, field
):
    model = await AIModel.objects.aget(name="tiny")
    where = at(local_models, "model_settings", model.pk)
    sent = {"label": "x", "parameters": "{}"} | changes
    response = await browser.post(where, sent)
    soup = page(response)
    assert response.status_code == 422
    assert the(soup, f"#id_{field}_error")
    shown = the(soup, f"[name={field}]")
    assert changes[field] in (shown.get("value"), shown.text.strip())
    assert not await AuditEntry.objects.filter(action="model.updated").aexists()


async def test_a_model_shows_what_it_was_seen_to_do(connected, browser, model):
    await ModelAbilities.objects.acreate(
        base_url=model.group.base_url,
        model=model.name,
        streams=True,
        accepts_tools=False,
        tried_at=timezone.now(),
    )
    where = reverse("model_settings", args=[model.group.environment_id, model.pk])
    tags = {
        words(tag): tag["data-state"]
        for tag in page(await browser.get(where)).select(".sheet .tag")
    }
    assert tags == {
        "streams : yes": "ok",
        "reports usage : not known": "unknown",
        "tools : no": "skipped",
        "images : not known": "unknown",
        "reasoning : not known": "unknown",
    }

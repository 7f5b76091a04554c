"""Switching a model on: at a price that was seen, and without losing what was on."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal

import pytest
from channels.db import database_sync_to_async
from django.contrib.auth.models import User
from django.utils import timezone

from admin_models import (
    catalogue,
    catalogue_prices,
    control_plane,
    group_changes,
    group_errors,
    local,
    prices,
)
from admin_models.models import AIModel, AuditEntry, Environment, Price, Tier
from admin_models.preflight import asking, seeing
from admin_models.preflight.checks import ActionKind, Intent, State, Step, Subject
from chat.cloudbase import errors
from chat.cloudbase.control_plane import ManagedModel
from tests.admin_models import labs
from tests.admin_models.conftest import verdict_on
from tests.admin_models.labs import last_record
from tests.fakes.environment_state import OFF
from tests.fakes.environment_state import Price as Listed

GLM = Subject(Intent.MANAGED, "cloudbase", "glm-5.1")
GLM_PRICE = "input 4, output 16, cached 0.8 per 1k tokens"


@pytest.fixture
def root(transactional_db):
    return User.objects.create(username="root", is_staff=True)


async def managed(environment: Environment, model: str) -> ManagedModel:
    """What the catalogue says now; of a model that it does not have, no price."""
    said = await control_plane.of(environment).describe_managed_ai_model_list()
    found = (m for group in said.value for m in group.models if m.model == model)
    return next(found, ManagedModel(model))


async def switch_on(root, environment, model="glm-5.1", *, group="cloudbase", currency="CNY"):
    """As a page does: at the price that the catalogue says now."""
    words = catalogue_prices.words(await managed(environment, model))
    return await catalogue.switch_on(root, environment.pk, group, model, words, currency)


confirmed = database_sync_to_async(catalogue.confirmed)


# On and off


async def test_a_model_is_added_and_its_group_switched_on(cloud, environment, root):
    group = cloud.state.groups[0]
    group.status = OFF
    group.with_mcp = {"deepseek-v4-flash"}
    await switch_on(root, environment)
    assert (group.models, group.status) == (["deepseek-v4-flash", "glm-5.1"], 1)
    assert group.with_mcp == {"deepseek-v4-flash"}


async def test_it_can_be_chosen_and_passes_at_once(cloud, environment, root):
    await asking.renew(environment.pk)
    assert (await verdict_on(environment, GLM)).in_the_way.action.kind is ActionKind.ENABLE
    await switch_on(root, environment)
    assert (await verdict_on(environment, GLM)).state is State.OK
    row = await AIModel.objects.ready().aget(name="glm-5.1")
    assert timezone.now() - row.switched_on_at < timedelta(seconds=10)


async def test_a_call_that_came_too_early_is_waited_out(cloud, environment, root):
    cloud.quirks.changes_take_effect_after = 60
    await asking.renew(environment.pk)
    await switch_on(root, environment)
    await asking.try_call(environment.pk, "cloudbase", "glm-5.1")
    check = (await verdict_on(environment, GLM)).in_the_way
    assert (check.step, check.state) == (Step.MODEL_LISTED, State.WAITING)
    cloud.state.catch_up()
    await asking.try_call(environment.pk, "cloudbase", "glm-5.1")
    assert (await verdict_on(environment, GLM)).state is State.OK


async def test_two_admins_at_once_lose_nothing(cloud, environment, root):
    cloud.quirks.slow_actions = {"UpdateAIModel": 0.1}
    await asyncio.gather(
        switch_on(root, environment),
        switch_on(root, environment, "kimi-k2.6"),
    )
    models = set(cloud.state.groups[0].models)
    assert models == {"deepseek-v4-flash", "glm-5.1", "kimi-k2.6"}


async def test_only_what_the_catalogue_has_is_switched_on(cloud, environment, root):
    with pytest.raises(group_errors.ModelNotInCatalogue):
        await switch_on(root, environment, "GLM-5.1")
    with pytest.raises(group_errors.NoSuchGroup):
        await switch_on(root, environment, "lab-7b", group="custom-lab")
    assert cloud.state.groups[0].models == ["deepseek-v4-flash"]


async def test_a_refusal_is_told_and_the_next_may_try(cloud, environment, root):
    cloud.quirks.forbidden_actions = {"UpdateAIModel"}
    with pytest.raises(errors.ControlNotAuthorized):
        await switch_on(root, environment)
    cloud.quirks.forbidden_actions = set()
    await asyncio.wait_for(switch_on(root, environment), 5)


async def test_a_local_model_is_switched_on_the_same_way(transactional_db, root):
    for name in ("tiny", "bigger"):
        await database_sync_to_async(local.register_model)(
            base_url="http://127.0.0.1:9/v1", key="k", name=name, context_length=1, parameters={}
        )
    environment = await database_sync_to_async(local.environment)()
    await switch_on(root, environment, "tiny")
    assert {model.name async for model in AIModel.objects.ready()} == {"tiny", "bigger"}


async def test_a_model_is_switched_off_and_its_group_stays_on(cloud, environment, root):
    await switch_on(root, environment)
    await catalogue.switch_off(root, environment.pk, "cloudbase", "deepseek-v4-flash")
    group = cloud.state.group("cloudbase")
    assert (group.models, group.status) == (["glm-5.1"], 1)
    assert not (await AIModel.objects.aget(name="deepseek-v4-flash")).is_enabled
    record = await last_record()
    assert (record.action, record.subject) == ("model.switched_off", "deepseek-v4-flash")
    assert record.subject_key == "env-demo/cloudbase/deepseek-v4-flash"
    written = len(labs.writes(cloud))
    await catalogue.switch_off(root, environment.pk, "cloudbase", "deepseek-v4-flash")
    assert len(labs.writes(cloud)) == written


async def test_a_local_model_is_switched_off_the_same_way(transactional_db, root):
    await database_sync_to_async(local.register_model)(
        base_url="http://127.0.0.1:9/v1", key="k", name="tiny", context_length=1, parameters={}
    )
    environment = await database_sync_to_async(local.environment)()
    await catalogue.switch_off(root, environment.pk, "cloudbase", "tiny")
    assert not await AIModel.objects.ready().aexists()


async def test_the_settings_of_a_new_entry_are_the_catalogues(cloud, environment, root):
    await switch_on(root, environment, "deepseek-v3.2")
    assert cloud.state.group("cloudbase").with_mcp == {"deepseek-v3.2"}


async def test_a_switch_can_be_undone(cloud, environment, root):
    outcome = await switch_on(root, environment)
    await group_changes.undo(root, outcome.version_pk)
    assert cloud.state.group("cloudbase").models == ["deepseek-v4-flash"]


# The price


async def test_who_switches_a_model_on_confirms_its_price(environment, root):
    await switch_on(root, environment)
    price = (await confirmed(environment))["cloudbase", "glm-5.1"]
    assert (price.words, price.currency, price.set_by) == (GLM_PRICE, "CNY", "root")
    [tier] = price.all_tiers()
    assert tier == Tier(Decimal(4000), Decimal(16000), Decimal(800), 0)
    assert timezone.now() - price.valid_from < timedelta(seconds=10)
    actions = [row.action async for row in AuditEntry.objects.order_by("pk")]
    assert actions == ["model.switched_on", "price.confirmed"]
    record = await last_record()
    assert (record.actor, record.subject_key) == ("root", "env-demo/cloudbase/glm-5.1")
    assert (record.after["words"], record.after["currency"]) == (GLM_PRICE, "CNY")


async def test_tiers_are_kept(environment, root):
    await switch_on(root, environment, "deepseek-v3.2")
    price = await Price.objects.aget()
    assert price.words == (
        "0-32k: input 2, output 3, cached 0.4 per 1k tokens\n"
        "32k-128k: input 4, output 6, cached 0.8 per 1k tokens"
    )
    inputs = [price.tier_for(tokens).input for tokens in (32_000, 32_001)]
    assert inputs == [Decimal(2000), Decimal(4000)]


async def test_another_price_than_the_one_that_was_shown_is_not_confirmed(cloud, environment, root):
    with pytest.raises(group_errors.PriceChanged):
        await catalogue.switch_on(
            root, environment.pk, "cloudbase", "glm-5.1", "input 1, output 1 per 1k tokens", "CNY"
        )
    assert cloud.state.group("cloudbase").models == ["deepseek-v4-flash"]
    assert not await Price.objects.aexists()


async def test_a_changed_price_asks_again(cloud, environment, root):
    await switch_on(root, environment)
    before = (await confirmed(environment))["cloudbase", "glm-5.1"]
    assert not catalogue.asks_again(await managed(environment, "glm-5.1"), before)
    offered = next(o for o in cloud.state.catalogue if o.name == "glm-5.1")
    offered.prices = [Listed("5", "20", "1")]
    assert catalogue.asks_again(await managed(environment, "glm-5.1"), before)
    await switch_on(root, environment)
    after = (await confirmed(environment))["cloudbase", "glm-5.1"]
    assert not catalogue.asks_again(await managed(environment, "glm-5.1"), after)
    assert await Price.objects.acount() == 2
    assert len(labs.writes(cloud)) == 1
    record = await last_record()
    assert record.before["words"] == GLM_PRICE
    assert record.after["words"].startswith("input 5,")


async def test_the_same_price_is_confirmed_once(environment, root):
    await switch_on(root, environment)
    await switch_on(root, environment)
    assert await Price.objects.acount() == 1
    await switch_on(root, environment, currency="USD")
    assert (await confirmed(environment))["cloudbase", "glm-5.1"].currency == "USD"


async def test_a_price_that_a_person_set_confirms_nothing(environment, root):
    name = prices.Named("env-demo", "cloudbase", "glm-5.1")
    tiers = catalogue_prices.tiers(await managed(environment, "glm-5.1"))
    await database_sync_to_async(prices.set_price)(root, name, currency="EUR", tiers=tiers)
    assert await confirmed(environment) == {}
    assert catalogue.asks_again(await managed(environment, "glm-5.1"), None)


async def test_a_model_without_a_price_has_none_to_confirm(cloud, environment, root):
    next(o for o in cloud.state.catalogue if o.name == "glm-5.1").prices = []
    await switch_on(root, environment)
    assert not await Price.objects.aexists()
    assert not catalogue.asks_again(await managed(environment, "glm-5.1"), None)


async def test_a_price_that_cannot_be_read_is_confirmed_as_words(cloud, environment, root):
    offered = next(o for o in cloud.state.catalogue if o.name == "glm-5.1")
    offered.prices = [Listed("4 points", "16 points", "")]
    await switch_on(root, environment)
    price = (await confirmed(environment))["cloudbase", "glm-5.1"]
    assert (price.words, price.tiers) == ("input 4 points, output 16 points per 1k tokens", [])


async def test_a_switch_that_fails_confirms_no_price(cloud, environment, root):
    cloud.quirks.refused_actions = {"UpdateAIModel": "LimitExceeded"}
    with pytest.raises(errors.LimitReached):
        await switch_on(root, environment)
    assert not await Price.objects.aexists()


async def test_only_a_currency_is_one(environment, root):
    with pytest.raises(group_errors.CurrencyUnknown):
        await switch_on(root, environment, currency="CREDITS")


async def test_the_catalogue_that_was_read_is_what_pages_show(cloud, environment, root):
    await asking.renew(environment.pk)
    next(o for o in cloud.state.catalogue if o.name == "glm-5.1").prices = [Listed("5", "20", "1")]
    with pytest.raises(group_errors.PriceChanged):
        await catalogue.switch_on(root, environment.pk, "cloudbase", "glm-5.1", GLM_PRICE, "CNY")
    facts = await database_sync_to_async(seeing.facts_of)(environment)
    assert facts.managed("cloudbase", "glm-5.1").prices[0].input_price == "5"

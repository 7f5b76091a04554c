"""Switching a model on loses nothing that was on."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from channels.db import database_sync_to_async
from django.utils import timezone

from admin_models import catalogue, local
from admin_models.models import AIModel
from admin_models.preflight import asking
from admin_models.preflight.checks import ActionKind, Intent, State, Step, Subject
from chat.cloudbase import errors
from tests.admin_models.conftest import verdict_on
from tests.fakes.environment_state import OFF

GLM = Subject(Intent.MANAGED, "cloudbase", "glm-5.1")


async def test_a_model_is_added_and_its_group_switched_on(cloud, environment):
    group = cloud.state.groups[0]
    group.status = OFF
    group.with_mcp = {"deepseek-v4-flash"}
    await catalogue.switch_on(environment.pk, "cloudbase", "glm-5.1")
    assert (group.models, group.status) == (["deepseek-v4-flash", "glm-5.1"], 1)
    assert group.with_mcp == {"deepseek-v4-flash"}


async def test_it_can_be_chosen_and_passes_at_once(cloud, environment):
    await asking.renew(environment.pk)
    assert (await verdict_on(environment, GLM)).in_the_way.action.kind is ActionKind.ENABLE
    await catalogue.switch_on(environment.pk, "cloudbase", "glm-5.1")
    assert (await verdict_on(environment, GLM)).state is State.OK
    row = await AIModel.objects.ready().aget(name="glm-5.1")
    assert timezone.now() - row.switched_on_at < timedelta(seconds=10)


async def test_a_call_that_came_too_early_is_waited_out(cloud, environment):
    cloud.quirks.changes_take_effect_after = 60
    await asking.renew(environment.pk)
    await catalogue.switch_on(environment.pk, "cloudbase", "glm-5.1")
    await asking.try_call(environment.pk, "cloudbase", "glm-5.1")
    check = (await verdict_on(environment, GLM)).in_the_way
    assert (check.step, check.state) == (Step.MODEL_LISTED, State.WAITING)
    cloud.state.catch_up()
    await asking.try_call(environment.pk, "cloudbase", "glm-5.1")
    assert (await verdict_on(environment, GLM)).state is State.OK


async def test_two_admins_at_once_lose_nothing(cloud, environment):
    cloud.quirks.slow_actions = {"UpdateAIModel": 0.1}
    await asyncio.gather(
        catalogue.switch_on(environment.pk, "cloudbase", "glm-5.1"),
        catalogue.switch_on(environment.pk, "cloudbase", "kimi-k2.6"),
    )
    models = set(cloud.state.groups[0].models)
    assert models == {"deepseek-v4-flash", "glm-5.1", "kimi-k2.6"}


async def test_only_what_the_catalogue_has_is_switched_on(cloud, environment):
    with pytest.raises(catalogue.ModelNotInCatalogue):
        await catalogue.switch_on(environment.pk, "cloudbase", "GLM-5.1")
    with pytest.raises(catalogue.NoSuchGroup):
        await catalogue.switch_on(environment.pk, "custom-lab", "lab-7b")
    assert cloud.state.groups[0].models == ["deepseek-v4-flash"]


async def test_a_refusal_is_told_and_the_next_may_try(cloud, environment):
    cloud.quirks.forbidden_actions = {"UpdateAIModel"}
    with pytest.raises(errors.ControlNotAuthorized):
        await catalogue.switch_on(environment.pk, "cloudbase", "glm-5.1")
    cloud.quirks.forbidden_actions = set()
    await asyncio.wait_for(catalogue.switch_on(environment.pk, "cloudbase", "glm-5.1"), 5)


async def test_a_local_model_is_switched_on_the_same_way(transactional_db):
    for name in ("tiny", "bigger"):
        await database_sync_to_async(local.register_model)(
            base_url="http://127.0.0.1:9/v1", key="k", name=name, context_length=1, parameters={}
        )
    environment = await database_sync_to_async(local.environment)()
    await catalogue.switch_on(environment.pk, "cloudbase", "tiny")
    assert {model.name async for model in AIModel.objects.ready()} == {"tiny", "bigger"}

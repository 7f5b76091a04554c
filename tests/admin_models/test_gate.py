"""A call is made only where preflight passed and is fresh."""

from __future__ import annotations

from datetime import timedelta

import pytest
from channels.db import database_sync_to_async
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from admin_models import local, preflight
from admin_models.models import AIModel, Environment, ModelGroup, Observation, TokenPack
from admin_models.preflight import asking, gate, noting, seeing
from chat.cloudbase.control_plane import (
    AIModelEntry,
    AIModelGroup,
    Answered,
    ManagedModel,
    ManagedModelGroup,
    PostpayPackage,
)
from tests.admin_models.conftest import make_environment
from tests.fakes.environment_state import OFF


async def flash(environment) -> AIModel:
    """The row of the environment's managed model, as a turn loads it."""
    await asking.renew(environment.pk, "DescribeAIModels")
    rows = AIModel.objects.select_related("group__environment")
    return await rows.aget(name="deepseek-v4-flash")


async def grow_old(environment, **age: float) -> None:
    """Let everything that was seen be so old."""
    then = timezone.now() - timedelta(**age)
    rows = Observation.objects.filter(environment=environment)
    await rows.filter(answered_at__isnull=False).aupdate(answered_at=then)
    await rows.filter(failed_at__isnull=False).aupdate(failed_at=then)


def asked(cloud) -> list[str]:
    return sorted(call.action for call in cloud.control_calls)


async def test_what_is_fresh_passes_without_a_question(cloud, environment):
    model = await flash(environment)
    await asking.renew(environment.pk)
    before = asked(cloud)
    assert await gate.passed(model) is model
    assert asked(cloud) == before


async def test_what_is_too_old_is_asked_for_and_then_judged(cloud, environment):
    model = await flash(environment)
    await asking.renew(environment.pk)
    await grow_old(environment, minutes=11)
    cloud.control_calls.clear()
    await gate.passed(model)
    assert asked(cloud) == ["DescribeAIModels", "DescribeEnvPostpayPackage"]


async def test_what_changed_meanwhile_is_noticed_once_it_is_too_old(cloud, environment):
    model = await flash(environment)
    await asking.renew(environment.pk)
    cloud.state.groups[0].status = OFF
    await gate.passed(model)
    await grow_old(environment, minutes=11)
    with pytest.raises(preflight.GroupOff):
        await gate.passed(model)


async def test_the_age_can_be_set(cloud, environment, settings):
    settings.PREFLIGHT_MAX_AGE_SECONDS = 3600
    model = await flash(environment)
    await asking.renew(environment.pk)
    await grow_old(environment, minutes=11)
    cloud.control_calls.clear()
    await gate.passed(model)
    assert not cloud.control_calls


async def test_a_question_that_just_failed_is_not_put_again_by_every_turn(cloud, environment):
    model = await flash(environment)
    await asking.renew(environment.pk)
    cloud.quirks.forbidden_actions = set(asking.ACTIONS)
    await grow_old(environment, minutes=11)
    for _ in range(3):
        with pytest.raises(preflight.NotYetKnown):
            await gate.passed(model)
    assert asked(cloud).count("DescribeAIModels") == 3  # two while all was well, one since
    await grow_old(environment, minutes=1)
    cloud.quirks.forbidden_actions = set()


async def test_a_call_that_worked_bridges_a_control_plane_that_is_away(cloud, environment):
    model = await flash(environment)
    await asking.renew(environment.pk)
    await grow_old(environment, minutes=11)
    await asking.call_ended(model, None)
    cloud.quirks.forbidden_actions = set(asking.ACTIONS)
    assert await gate.passed(model) is model


async def test_each_error_names_one_next_action(cloud, environment):
    model = await flash(environment)
    cloud.state.groups[0].status = OFF
    await asking.renew(environment.pk)
    with pytest.raises(preflight.GroupOff) as refusal:
        await gate.passed(model)
    said = refusal.value.as_dict()
    assert (said["stage"], said["code"]) == ("preflight", "preflight_group_off")
    assert said["next_action"] == {
        "kind": "enable",
        "label": "Switch on %(model)s",
        "params": {"model": "deepseek-v4-flash"},
        "url": "",
        "until": "",
        "environment": environment.pk,
        "group": "cloudbase",
        "model": "deepseek-v4-flash",
    }
    assert said["request_id"]


async def test_an_environment_nobody_can_ask_needs_a_call_that_worked(connected, cloud):
    environment = await make_environment(cloud, has_cloud_keys=False)
    await asking.try_call(environment.pk, "cloudbase", "deepseek-v4-flash")
    model = await AIModel.objects.select_related("group__environment").aget()
    assert await gate.passed(model) is model
    await Observation.objects.all().adelete()
    with pytest.raises(preflight.NotYetKnown) as refusal:
        await gate.passed(model)
    assert refusal.value.as_dict()["next_action"]["kind"] == "call"


async def test_no_model_is_a_matter_of_preflight_too():
    with pytest.raises(preflight.NoModelChosen):
        await gate.passed(None)


# ── the local environment ────────────────────────────────────────────────────


@pytest.fixture
def managed(db) -> AIModel:
    """The embedded model."""
    return local.register_model(
        base_url="http://127.0.0.1:9/v1", key="k", name="tiny", context_length=2048, parameters={}
    )


def loaded(model: AIModel) -> AIModel:
    return AIModel.objects.select_related("group__environment").get(pk=model.pk)


def test_a_new_installation_may_call_its_model(managed):
    assert gate.judged(loaded(managed)).state == "ok"


@pytest.mark.parametrize(
    "change",
    [
        {"used_tokens": local.FIRST_PACK_TOKENS},
        {"is_disabled": True},
        {"expires_at": timezone.now() - timedelta(days=1)},
    ],
    ids=["used up", "disabled", "expired"],
)
async def test_without_a_pack_that_pays_nothing_is_called(transactional_db, change):
    model = await database_sync_to_async(local.register_model)(
        base_url="http://127.0.0.1:9/v1", key="k", name="tiny", context_length=None, parameters={}
    )
    await TokenPack.objects.aupdate(**change)
    with pytest.raises(preflight.NobodyPays) as refusal:
        await gate.passed(await database_sync_to_async(loaded)(model))
    assert refusal.value.as_dict()["next_action"]["kind"] == "configure"


def queries_of(make) -> int:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        make()
    return len(queries)


def test_a_custom_group_of_ours_costs_no_query_and_needs_no_pack(db):
    environment = local.environment()
    environment.packs.all().delete()
    group = ModelGroup.objects.create(
        environment=environment, name="custom-lab", base_url="http://127.0.0.1:9/v1"
    )
    model = loaded(AIModel.objects.create(group=group, name="lab-7b"))
    assert queries_of(lambda: gate.judged(model)) == 0
    assert gate.judged(model).state == "ok"


def test_the_managed_group_of_ours_costs_one_query(managed):
    model = loaded(managed)
    assert queries_of(lambda: gate.judged(model)) == 1


def test_a_model_of_an_environment_elsewhere_costs_one_query(db):
    [environment] = board(environments=1)
    model = loaded(AIModel.objects.get(group__environment=environment, name="model-0"))
    assert queries_of(lambda: gate.judged(model)) == 1


# ── the board ────────────────────────────────────────────────────────────────


def board(environments: int, models: int = 30) -> list[Environment]:
    """Environments of which everything is known."""
    return [_known(number, models) for number in range(environments)]


def _known(number: int, models: int) -> Environment:
    row = Environment(kind="cloudbase", name=f"E {number}", env_id=f"env-{number}")
    row.keep_key("sk-test")
    row.keep_cloud_keys("AKIDTEST", "secret")
    row.save()
    names = [f"model-{model}" for model in range(models)]
    said = {
        "DescribeAIModels": (
            AIModelGroup("cloudbase", models=tuple(map(AIModelEntry, names)), status=1),
        ),
        "DescribeEnvPostpayPackage": (PostpayPackage("pkg_tcb_tokencredits_1", status=1),),
        "DescribeManagedAIModelList": (
            ManagedModelGroup("cloudbase", models=tuple(map(ManagedModel, names))),
        ),
        "DescribeActivityInfo": (),
    }
    for action, answer in said.items():
        noting.answered(row.pk, action, Answered(answer, action, "r"), timezone.now())
    return row


@pytest.mark.parametrize("count", [1, 20])
def test_the_facts_of_all_environments_take_as_many_queries_as_those_of_one(managed, count):
    board(count)
    rows = list(Environment.objects.all())
    facts = {}
    assert queries_of(lambda: facts.update(seeing.facts_of_all(rows))) == 7
    assert len(facts) == count + 1
    assert all(facts[row.pk].groups.answer is not None for row in rows)

"""An environment is asked once however many want to know, and what it says is kept."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

import pytest
from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from django.core import serializers
from django.utils import timezone

from admin_models import connections, control_plane
from admin_models.models import AIModel, Environment, ModelGroup, Observation
from admin_models.preflight import asking, noting, seeing
from admin_models.preflight.checks import Intent, Subject
from chat.cloudbase.errors import ChannelNotAllowed, KeyRefused, ProviderTimedOut
from tests.admin_models.conftest import make_environment, verdict_on
from tests.fakes.environment import CloudBaseEnvironment
from tests.fakes.environment_state import SECRET_ID, SECRET_KEY, Group

GROUPS = "DescribeAIModels"
FLASH = Subject(Intent.MANAGED, "cloudbase", "deepseek-v4-flash")


def heard(cloud: CloudBaseEnvironment, action: str = GROUPS) -> int:
    return sum(call.action == action for call in cloud.control_calls)


async def facts_of(environment):
    return await database_sync_to_async(seeing.facts_of)(environment)


async def until(is_so) -> None:
    for _ in range(500):
        if is_so():
            return
        await asyncio.sleep(0.01)
    pytest.fail("it does not come")


async def until_known(environment) -> None:
    for _ in range(500):
        if (await facts_of(environment)).groups.answer is not None:
            return
        await asyncio.sleep(0.01)
    pytest.fail("it is not asked")


async def test_everything_is_asked_and_kept(cloud, environment):
    cloud.state.credits = {"DeductValue": 3.5}
    await asking.renew(environment.pk)
    facts = await facts_of(environment)
    assert {call.action for call in cloud.control_calls} == set(asking.ACTIONS)
    assert facts.group("cloudbase").offers("deepseek-v4-flash")
    assert facts.managed("cloudbase", "glm-5.1").prices[0].input_price == "4"
    assert facts.information.answer.package_name == "standard"
    assert facts.credits.answer.deduct_value == 3.5
    assert facts.packages.answer[0].postpay_package_id == "pkg_tcb_tokencredits_10m"
    assert facts.activities.answer[0].env_id == "env-demo"
    assert all(seen.request_id for seen in (facts.groups, facts.packages, facts.activities))


async def test_a_hundred_clicks_are_one_request(cloud, environment):
    cloud.quirks.slow_actions = {GROUPS: 0.2}
    await asyncio.gather(*(asking.renew(environment.pk, GROUPS) for _ in range(100)))
    assert heard(cloud) == 1
    await asking.renew(environment.pk, GROUPS)
    assert heard(cloud) == 2


async def test_new_keys_do_not_wait_for_the_answer_to_the_old_ones(cloud, environment):
    cloud.quirks.slow_actions = {GROUPS: 0.3}
    environment.keep_cloud_keys(SECRET_ID, "anotherFAKE000000000")
    await environment.asave()
    old = asyncio.create_task(asking.renew(environment.pk, GROUPS))
    await until(lambda: heard(cloud))
    environment.keep_cloud_keys(SECRET_ID, SECRET_KEY)
    await environment.asave()
    await asyncio.gather(old, asking.renew(environment.pk, GROUPS))
    seen = (await facts_of(environment)).groups
    assert seen.answer
    assert seen.failure is None
    assert heard(cloud) == 2


async def test_who_leaves_early_takes_nothing_from_who_stays(cloud, environment):
    cloud.quirks.slow_actions = {GROUPS: 0.2}
    first = asyncio.create_task(asking.renew(environment.pk, GROUPS))
    second = asyncio.create_task(asking.renew(environment.pk, GROUPS))
    await until(lambda: heard(cloud))
    first.cancel()
    await second
    assert heard(cloud) == 1
    assert (await facts_of(environment)).groups.answer


async def test_a_dead_environment_slows_no_other(cloud, environment, settings):
    settings.PREFLIGHT_TIMEOUT_SECONDS = 2
    dead = CloudBaseEnvironment()
    async with dead:
        dead.state.env_id = "env-dead"
        dead.quirks.slow_actions = dict.fromkeys(asking.ACTIONS, 60.0)
        other = await make_environment(dead, "Dead")
        waiting = asyncio.create_task(asking.renew(other.pk))
        began = time.monotonic()
        await asking.renew(environment.pk)
        assert time.monotonic() - began < 1.5
        await waiting
        assert time.monotonic() - began < 4
    facts = await facts_of(other)
    assert facts.groups.failure.code == facts.packages.failure.code == "provider_timed_out"


async def test_one_slow_question_holds_up_no_other_of_the_same_environment(cloud, environment):
    cloud.quirks.slow_actions = {"DescribeEnvs": 1.0}
    waiting = asyncio.create_task(asking.renew(environment.pk))
    await until_known(environment)
    assert not waiting.done()
    await waiting


async def test_an_environment_deleted_meanwhile_is_no_trouble(cloud, environment, caplog):
    cloud.quirks.slow_actions = dict.fromkeys(asking.ACTIONS, 0.3)
    waiting = asyncio.create_task(asking.renew(environment.pk))
    await until(lambda: heard(cloud))
    await Environment.objects.filter(pk=environment.pk).adelete()
    await waiting
    assert not await Observation.objects.aexists()
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
    await asking.renew(environment.pk)
    await asking.try_call(environment.pk, "cloudbase", "deepseek-v4-flash")


async def test_a_failure_keeps_the_last_answer(cloud, environment):
    await asking.renew(environment.pk, GROUPS)
    before = (await facts_of(environment)).groups
    cloud.quirks.forbidden_actions = {GROUPS}
    await asking.renew(environment.pk, GROUPS)
    after = (await facts_of(environment)).groups
    assert (after.answer, after.at) == (before.answer, before.at)
    assert after.failure.code == "control_not_authorized"
    cloud.quirks.forbidden_actions = set()
    await asking.renew(environment.pk, GROUPS)
    assert (await facts_of(environment)).groups.failure is None


async def test_an_answer_to_an_earlier_question_replaces_none_to_a_later(cloud, environment):
    plane = control_plane.of(environment)
    long_ago = timezone.now() - timedelta(minutes=1)
    earlier = await plane.describe_ai_models()
    await asking.renew(environment.pk, GROUPS)
    before = (await facts_of(environment)).groups
    cloud.state.groups = []
    await database_sync_to_async(noting.answered)(environment.pk, GROUPS, earlier, long_ago)
    assert (await facts_of(environment)).groups == before


async def test_no_secret_is_stored(cloud, environment):
    canary = "sk-canary-000111222333"
    cloud.state.groups.append(
        Group("custom-lab", ["m"], type="custom", secret={"ApiKey": canary, "SecretKey": canary})
    )
    cloud.state.api_keys[0].value = canary
    environment.keep_key(canary)
    await environment.asave()
    await asking.renew(environment.pk)
    cloud.refuse_next("SYS_ERR", times=9)
    await asking.try_call(environment.pk, "custom-lab", "m")
    rows = await database_sync_to_async(lambda: serializers.serialize("json", _rows()))()
    assert "custom-lab" in rows
    for secret in (canary, "canary", "secretFAKE", "AKIDFAKE"):
        assert secret not in rows


def _rows():
    return Observation.objects.all()


async def test_who_looks_is_told_after_each_answer(cloud, environment):
    layer = get_channel_layer()
    await layer.group_add(asking.channel_group(environment.pk), "looker")
    await asking.renew(environment.pk, GROUPS, "DescribeEnvs")
    for _ in range(2):
        news = await asyncio.wait_for(layer.receive("looker"), 1)
        assert news == {"type": "preflight.changed", "environment": environment.pk}


async def test_what_is_offered_upstream_can_be_chosen_here(cloud, environment):
    await asking.renew(environment.pk, GROUPS)
    ready = AIModel.objects.ready().filter(group__environment=environment)
    names = {(model.group.name, model.name) async for model in ready}
    assert names == {
        ("cloudbase", "deepseek-v4-flash"),
        ("hunyuan-exp", "hunyuan-2.0-instruct-20251111"),
    }
    assert not await ModelGroup.objects.filter(name="hunyuan-image").aexists()


async def test_what_is_said_of_a_group_is_mirrored(cloud, environment):
    lab = Group("custom-lab", ["lab-7b"], type="custom", base_url="https://llm.example/v1")
    lab.remark, lab.with_mcp, lab.tags = "x" * 300, {"lab-7b"}, {"lab-7b": ["chat"]}
    cloud.state.groups.append(lab)
    await asking.renew(environment.pk, GROUPS)
    model = await AIModel.objects.select_related("group").aget(name="lab-7b")
    assert (model.enable_mcp, model.tags) == (True, ["chat"])
    assert model.group.base_url == "https://llm.example/v1"
    assert model.group.remark == "x" * 200
    lab.with_mcp, lab.remark = set(), "short"
    await asking.renew(environment.pk, GROUPS)
    model = await AIModel.objects.select_related("group").aget(name="lab-7b")
    assert (model.enable_mcp, model.tags, model.group.remark) == (False, ["chat"], "short")


async def test_what_vanishes_upstream_is_kept_and_not_offered(cloud, environment):
    await asking.renew(environment.pk, GROUPS)
    cloud.state.groups[0].models = ["glm-5.1"]
    del cloud.state.groups[1]
    await asking.renew(environment.pk, GROUPS)
    rows = AIModel.objects.filter(group__environment=environment).select_related("group")
    assert {model.name: model.is_enabled async for model in rows} == {
        "deepseek-v4-flash": False,
        "glm-5.1": True,
        "hunyuan-2.0-instruct-20251111": False,
    }
    gone = await ModelGroup.objects.aget(environment=environment, name="hunyuan-exp")
    assert gone.status == 2


async def test_an_environment_without_cloud_keys_is_never_asked(connected, cloud):
    environment = await make_environment(cloud, has_cloud_keys=False)
    await asking.renew(environment.pk)
    assert not cloud.control_calls


# ── a real call ──────────────────────────────────────────────────────────────


async def test_a_real_call_asks_for_one_token_and_is_noted(cloud, environment):
    await asyncio.gather(
        *(asking.try_call(environment.pk, "cloudbase", "deepseek-v4-flash") for _ in range(10))
    )
    [call] = cloud.data_calls
    assert call.body["max_tokens"] == 1
    seen = (await facts_of(environment)).call("cloudbase", "deepseek-v4-flash")
    assert seen.answer is True


async def test_a_refused_call_is_noted_with_its_reason(cloud, environment):
    await asking.try_call(environment.pk, "hunyuan-exp", "hunyuan-2.0-instruct-20251111")
    seen = (await facts_of(environment)).call("hunyuan-exp", "hunyuan-2.0-instruct-20251111")
    assert seen.failure.code == "channel_not_allowed"


async def test_a_model_that_answered_is_offered_where_nobody_can_list_them(connected, cloud):
    environment = await make_environment(cloud, has_cloud_keys=False)
    await asking.try_call(environment.pk, "cloudbase", "deepseek-v4-flash")
    assert (await AIModel.objects.ready().aget()).name == "deepseek-v4-flash"
    assert (await verdict_on(environment, FLASH)).state == "ok"


async def _model(environment) -> AIModel:
    await asking.renew(environment.pk, GROUPS)
    rows = AIModel.objects.select_related("group__environment")
    return await rows.aget(name="deepseek-v4-flash")


async def test_a_real_answer_is_noted_once_a_minute_at_the_most(environment):
    model = await _model(environment)
    await asking.call_ended(model, None)
    first = (await facts_of(environment)).call("cloudbase", model.name).at
    await asking.call_ended(model, None)
    assert (await facts_of(environment)).call("cloudbase", model.name).at == first


async def test_a_refusal_ends_what_an_answer_proved_and_an_answer_mends_it(environment):
    model = await _model(environment)
    for error, code in [(None, None), (ChannelNotAllowed(), "channel_not_allowed"), (None, None)]:
        await asking.call_ended(model, error)
        failure = (await facts_of(environment)).call("cloudbase", model.name).failure
        assert (failure and failure.code) == code


async def test_what_says_nothing_about_the_next_call_is_not_noted(environment):
    model = await _model(environment)
    await asking.call_ended(model, ProviderTimedOut())
    assert not (await facts_of(environment)).calls


async def test_new_keys_make_what_was_seen_with_the_old_ones_void(environment):
    model = await _model(environment)
    await asking.call_ended(model, KeyRefused())
    await database_sync_to_async(noting.forget)(environment.pk)
    facts = await facts_of(environment)
    assert not facts.calls
    assert facts.groups.at is None


# ── in the background ────────────────────────────────────────────────────────


async def test_answers_are_renewed_before_they_run_out(cloud, environment, settings):
    settings.PREFLIGHT_MAX_AGE_SECONDS = 600
    assert await database_sync_to_async(noting.claim_due)() == [environment.pk]
    assert await database_sync_to_async(noting.claim_due)() == []
    await environment.arefresh_from_db()
    left = environment.renewal_due_at - timezone.now()
    assert timedelta(seconds=400) < left < timedelta(seconds=421)


async def test_two_processes_do_not_both_ask(cloud, environment):
    claims = await asyncio.gather(
        *(asyncio.to_thread(_claim_in_a_connection_of_its_own) for _ in range(2))
    )
    assert sorted(map(len, claims)) == [0, 1]


def _claim_in_a_connection_of_its_own() -> list[int]:
    from django.db import connection  # noqa: PLC0415  # the thread's own

    try:
        return noting.claim_due()
    finally:
        connection.close()


async def test_a_failed_renewal_is_tried_again_soon(cloud, environment):
    cloud.quirks.forbidden_actions = {GROUPS}
    await asking.renew_due()
    for _ in range(200):
        await environment.arefresh_from_db()
        if environment.renewal_due_at < timezone.now() + timedelta(seconds=61):
            return
        await asyncio.sleep(0.02)
    pytest.fail("it is not hurried")


async def test_the_application_renews_by_itself(cloud, environment):
    async with asking.renewing():
        await until_known(environment)


async def test_asking_ends_with_the_application(transactional_db, cloud):
    cloud.quirks.slow_actions = {GROUPS: 60}
    async with connections.opened():
        environment = await make_environment(cloud)
        waiting = asyncio.create_task(asking.renew(environment.pk, GROUPS))
        await until(lambda: heard(cloud))
    await asyncio.wait_for(waiting, 2)
    assert not (await facts_of(environment)).groups.answer

"""The vendor's actions, on our own tables."""

from __future__ import annotations

import pytest
from channels.db import database_sync_to_async
from django.db import connection
from django.test.utils import CaptureQueriesContext

from admin_models import control_plane, crypto, local
from admin_models.models import AIModel, GroupStatus, ModelGroup, TokenPack
from chat.cloudbase import errors
from chat.cloudbase.control_plane import OFF, ON, AIModelEntry, GroupSecret


@pytest.fixture
async def plane(transactional_db):
    environment = await database_sync_to_async(local.environment)()
    return control_plane.of(environment)


async def register(plane, name: str = "custom-lab") -> None:
    await plane.create_ai_model(
        name,
        base_url="https://llm.example/v1",
        models=[AIModelEntry("lab-7b"), AIModelEntry("lab-70b")],
        secret=GroupSecret(api_key="sk-canary"),
    )


async def groups(plane) -> dict[str, list[str]]:
    said = (await plane.describe_ai_models()).value
    return {group.group_name: sorted(entry.model for entry in group.models) for group in said}


async def test_a_custom_group_is_registered_with_its_key_sealed(plane):
    await register(plane)
    [group] = (await plane.describe_ai_models()).value
    assert (group.group_name, group.is_on, group.type) == ("custom-lab", True, "custom")
    assert group.offers("lab-7b")
    row = await ModelGroup.objects.aget()
    assert crypto.unseal(row.sealed_key) == "sk-canary"
    assert "canary" not in repr(group)


async def test_a_new_list_of_models_replaces_the_whole_old_one(plane):
    await register(plane)
    await plane.update_ai_model("custom-lab", models=[AIModelEntry("lab-13b")])
    assert await groups(plane) == {"custom-lab": ["lab-13b"]}
    kept = AIModel.objects.filter(is_enabled=False)
    assert {model.name async for model in kept} == {"lab-7b", "lab-70b"}


async def test_entries_are_kept_whole_and_what_was_off_is_on_again(plane):
    await register(plane)
    entry = AIModelEntry("lab-7b", enable_mcp=True, tags=("chat", "工具"))
    await plane.update_ai_model("custom-lab", models=[entry])
    [group] = (await plane.describe_ai_models()).value
    assert group.models == (entry,)
    await plane.update_ai_model("custom-lab", models=[AIModelEntry("lab-70b")])
    await plane.update_ai_model("custom-lab", models=[AIModelEntry("lab-7b")])
    [group] = (await plane.describe_ai_models()).value
    assert group.models == (AIModelEntry("lab-7b"),)
    assert await AIModel.objects.acount() == 2


async def test_a_long_list_costs_no_more_queries_than_a_short_one(plane):
    await register(plane)

    def queries_for(prefix: str, many: int) -> int:
        entries = [AIModelEntry(f"{prefix}-{number}") for number in range(many)]
        with CaptureQueriesContext(connection) as queries:
            plane._update("custom-lab", entries, None, None, None, None)
        return len(queries)

    counts = [
        await database_sync_to_async(queries_for)(*arguments)
        for arguments in (("a", 1), ("b", 50), ("b", 50))
    ]
    assert counts[1] == counts[0] > counts[2]


async def test_an_api_key_is_the_only_kind_of_secret_here(plane):
    await register(plane)
    pair = GroupSecret(secret_id="AKIDcanary000000000", secret_key="secret-canary")
    for refused, error in (
        (pair, errors.ControlParameterRefused),
        (GroupSecret(api_key="two words"), errors.KeyMalformed),
    ):
        with pytest.raises(error) as told:
            await plane.update_ai_model("custom-lab", secret=refused)
        assert "canary" not in str(told.value)
    row = await ModelGroup.objects.aget()
    assert crypto.unseal(row.sealed_key) == "sk-canary"
    await plane.update_ai_model("custom-lab", secret=GroupSecret())
    assert not (await ModelGroup.objects.aget()).has_key


async def test_what_is_not_given_stays(plane):
    await register(plane)
    await plane.update_ai_model("custom-lab", status=OFF)
    row = await ModelGroup.objects.aget()
    assert (row.status, row.base_url) == (GroupStatus.OFF, "https://llm.example/v1")
    assert row.has_key
    await plane.update_ai_model("custom-lab", status=ON)
    assert await groups(plane) == {"custom-lab": ["lab-70b", "lab-7b"]}


async def test_single_models_are_switched(plane):
    await register(plane)
    assert (await plane.modify_ai_model_status("custom-lab", {"lab-7b": False})).value == 1
    assert await groups(plane) == {"custom-lab": ["lab-70b"]}
    with pytest.raises(errors.ResourceNotFound):
        await plane.modify_ai_model_status("custom-lab", {"lab-1b": True})


async def test_a_custom_group_is_removed_and_another_is_not(plane):
    await register(plane)
    await ModelGroup.objects.acreate(environment=plane._environment, name="cloudbase")
    with pytest.raises(errors.ControlParameterRefused):
        await plane.delete_ai_model(["custom-lab", "cloudbase"])
    assert len(await groups(plane)) == 2
    await plane.delete_ai_model(["custom-lab"])
    assert list(await groups(plane)) == ["cloudbase"]


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda plane: register(plane, "deepseek"), errors.GroupNameIsVendor),
        (lambda plane: register(plane, "cloudbase"), errors.ControlParameterRefused),
        (lambda plane: register(plane), errors.GroupExists),
        (lambda plane: plane.update_ai_model("custom-other"), errors.ResourceNotFound),
        (lambda plane: plane.update_ai_model("custom-lab", status=7), errors.CloudBaseError),
        (
            lambda plane: plane.update_ai_model("custom-lab", base_url="no address"),
            errors.ControlParameterRefused,
        ),
        (
            lambda plane: plane.update_ai_model("custom-lab", models=[AIModelEntry("x" * 121)]),
            errors.ControlParameterRefused,
        ),
        (
            lambda plane: plane.update_ai_model("custom-lab", models=[AIModelEntry("")]),
            errors.ControlParameterRefused,
        ),
        (lambda plane: plane.create_api_key(), errors.ActionUnknown),
        (lambda plane: plane.describe_api_key_list(), errors.ActionUnknown),
        (lambda plane: plane.delete_api_key("key-1"), errors.ActionUnknown),
        (
            lambda plane: plane.describe_credits_usage(start_date="", end_date=""),
            errors.ActionUnknown,
        ),
        (
            lambda plane: plane.describe_credits_usage_detail(
                modules=["AI"], start_date="", end_date=""
            ),
            errors.ActionUnknown,
        ),
    ],
)
async def test_what_cannot_be_is_refused_and_changes_nothing(plane, call, error):
    await register(plane)
    with pytest.raises(error):
        await call(plane)
    assert await groups(plane) == {"custom-lab": ["lab-70b", "lab-7b"]}


async def test_packs_look_like_the_vendors(plane):
    [pack] = (await plane.describe_env_postpay_package()).value
    assert pack.postpay_package_id.startswith("pkg_tcb_tokencredits_")
    assert pack.status == 1
    await TokenPack.objects.aupdate(is_disabled=True)
    assert (await plane.describe_env_postpay_package()).value[0].status == 4


async def test_the_catalogue_has_what_is_switched_off_too(plane):
    for name in ("tiny", "bigger"):
        await database_sync_to_async(local.register_model)(
            base_url="http://127.0.0.1:9/v1", key="k", name=name, context_length=1, parameters={}
        )
    [listed] = (await plane.describe_managed_ai_model_list()).value
    assert {model.model for model in listed.models} == {"tiny", "bigger"}
    assert await groups(plane) == {"cloudbase": ["bigger"]}


async def test_the_environment_is_itself(plane):
    assert (await plane.describe_env_info()).value.env_id == "local"
    assert (await plane.describe_envs()).value.total == 1
    assert (await plane.describe_envs(env_id="other")).value.items == ()
    assert (await plane.describe_activity_info(["any"])).value == ()

"""Groups are created and changed, in a CloudBase environment and in this installation."""

from __future__ import annotations

import asyncio

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from admin_models import crypto, group_changes, group_errors, group_lock
from admin_models.models import AIModel, AuditEntry, ListVersion, ModelGroup, Observation
from admin_models.preflight import asking
from chat.cloudbase import errors
from chat.cloudbase.control_plane import OFF, ON, AIModelEntry, GroupSecret
from tests.admin_models import labs
from tests.admin_models.labs import KEY, LAB, URL, entries, last_record, listed_in, writes


def names_of(listed) -> list[str]:
    return [entry.model for entry in listed]


@pytest.fixture
def root(transactional_db):
    return User.objects.create(username="root", is_staff=True)


@pytest.fixture
def lab(cloud):
    return labs.in_cloud(cloud)


@pytest.fixture
async def here(connected):
    return await labs.in_this_installation()


# Creating


async def test_a_group_is_created_with_all_that_was_given(environment, cloud, root):
    wanted = (
        AIModelEntry("lab-7b", enable_mcp=True, tags=("chat", "中文")),
        AIModelEntry("lab-1b"),
    )
    outcome = await group_changes.create(
        root,
        environment.pk,
        LAB,
        base_url=URL,
        models=wanted,
        remark="lab",
        status=OFF,
        secret=KEY,
    )
    group = cloud.state.group(LAB)
    assert (group.base_url, group.remark, group.status) == (URL, "lab", OFF)
    assert group.secret == {"ApiKey": "sk-canary-7f3a"}
    assert outcome.current.models == wanted
    assert (names_of(outcome.difference.added), outcome.version_pk) == (["lab-7b", "lab-1b"], None)
    row = await ModelGroup.objects.select_related("key_set_by").aget(name=LAB)
    assert (row.base_url, row.remark, row.status, row.has_key) == (URL, "lab", OFF, False)
    assert row.key_set_by == root
    model = await AIModel.objects.aget(group=row, name="lab-7b")
    assert (model.enable_mcp, model.tags) == (True, ["chat", "中文"])


async def test_a_group_of_this_installation_keeps_its_key_sealed(here, root):
    await group_changes.create(
        root, here.pk, "custom-new", base_url=URL, models=entries("a"), secret=KEY
    )
    row = await ModelGroup.objects.select_related("key_set_by").aget(name="custom-new")
    assert crypto.unseal(row.sealed_key) == "sk-canary-7f3a"
    assert (row.key_set_by, row.status) == (root, ON)
    assert await listed_in(here, "custom-new") == {"a"}


async def test_what_was_created_is_recorded_without_its_key(environment, root):
    await group_changes.create(
        root, environment.pk, LAB, base_url=URL, models=entries("a"), secret=KEY
    )
    record = await last_record()
    assert (record.action, record.actor, record.subject) == ("group.created", "root", LAB)
    assert record.subject_key == f"env-demo/{LAB}"
    assert record.after["base_url"] == URL
    assert record.after["models"] == {"a": {"enable_mcp": False, "tags": []}}
    assert record.after["secret"] == "changed"
    assert "canary" not in str(record.after)


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("deepseek", errors.GroupNameIsVendor),
        ("custom-", errors.GroupNameIsBareCustom),
        ("cloudbase", group_errors.GroupNotCustom),
        (LAB, errors.GroupExists),
    ],
)
async def test_a_name_that_cannot_be_is_refused(environment, lab, cloud, root, name, error):
    with pytest.raises(error):
        await group_changes.create(root, environment.pk, name, base_url=URL, models=(), secret=KEY)
    assert not [call for call in cloud.control_calls if call.action == "CreateAIModel"]


async def test_a_secret_pair_is_for_cloudbase_environments_only(environment, here, cloud, root):
    pair = GroupSecret(secret_id="AKIDcanary000000000", secret_key="secret-canary")
    await group_changes.create(
        root, environment.pk, LAB, base_url=URL, models=entries("a"), secret=pair
    )
    assert set(cloud.state.group(LAB).secret) == {"SecretId", "SecretKey"}
    with pytest.raises(errors.ControlParameterRefused) as refused:
        await group_changes.update(root, here.pk, LAB, secret=pair)
    assert "ApiKey" in str(refused.value)
    assert "canary" not in str(refused.value)


async def test_an_address_that_does_not_answer_is_told_in_the_services_words(
    environment, cloud, root
):
    cloud.state.unreachable_urls = {URL}
    with pytest.raises(errors.ControlPlaneFailed) as refused:
        await group_changes.create(
            root, environment.pk, LAB, base_url=URL, models=entries("a"), secret=KEY
        )
    assert "does not answer" in str(refused.value)
    assert cloud.state.group(LAB) is None
    assert not await AuditEntry.objects.aexists()


# Changing


async def test_only_what_is_to_change_is_sent(environment, lab, cloud, root):
    await group_changes.update(root, environment.pk, LAB, remark="new", status=ON, base_url=URL)
    [sent] = writes(cloud)
    assert set(sent) == {"EnvId", "GroupName", "Remark"}
    assert lab.secret == {"ApiKey": "sk-old"}


async def test_what_is_already_so_is_not_written(environment, lab, cloud, root):
    outcome = await group_changes.update(
        root, environment.pk, LAB, wanted=entries("lab-7b", "lab-70b"), base_url=f"{URL}/"
    )
    assert writes(cloud) == []
    assert (outcome.version_pk, bool(outcome.difference)) == (None, False)
    assert not await AuditEntry.objects.aexists()


async def test_only_an_address_may_end_in_a_slash_more(environment, lab, cloud, root):
    lab.remark = "a"
    await group_changes.update(root, environment.pk, LAB, remark="a/", base_url=f"{URL}//")
    [sent] = writes(cloud)
    assert (sent["Remark"], "BaseUrl" in sent) == ("a/", False)


async def test_a_record_says_what_was_before_and_what_is_now(environment, lab, root):
    lab.tags = {"lab-7b": ["chat"]}
    await group_changes.update(
        root,
        environment.pk,
        LAB,
        wanted=(AIModelEntry("lab-7b", enable_mcp=True), AIModelEntry("lab-1b")),
        remark="new",
        secret=KEY,
    )
    record = await last_record()
    assert record.action == "group.updated"
    assert record.before == {
        "remark": "",
        "models": {
            "lab-7b": {"enable_mcp": False, "tags": ["chat"]},
            "lab-70b": {"enable_mcp": False, "tags": []},
        },
    }
    assert record.after == {
        "remark": "new",
        "models": {
            "lab-7b": {"enable_mcp": True, "tags": []},
            "lab-1b": {"enable_mcp": False, "tags": []},
        },
        "secret": "changed",
    }


async def test_what_can_be_chosen_follows_at_once(environment, lab, root):
    await group_changes.update(root, environment.pk, LAB, wanted=entries("lab-7b", "lab-1b"))
    ready = {model.name async for model in AIModel.objects.ready().filter(group__name=LAB)}
    assert ready == {"lab-7b", "lab-1b"}
    new = await AIModel.objects.aget(name="lab-1b")
    old = await AIModel.objects.aget(name="lab-7b")
    assert (timezone.now() - new.switched_on_at).total_seconds() < 10
    assert old.switched_on_at is None


async def test_a_group_that_is_switched_on_has_just_switched_its_models_on(environment, lab, root):
    lab.status = OFF
    await asking.renew(environment.pk)
    await group_changes.update(root, environment.pk, LAB, status=ON)
    assert lab.status == ON
    assert not await AIModel.objects.filter(group__name=LAB, switched_on_at__isnull=True).aexists()


async def test_a_new_key_makes_an_earlier_refusal_say_nothing(environment, lab, root):
    for subject in (f"{LAB}/lab-7b", "cloudbase/glm-5.1"):
        await Observation.objects.acreate(
            environment=environment,
            action="ChatCompletions",
            subject=subject,
            error={"code": "key_refused"},
            failed_at=timezone.now(),
        )
    await group_changes.update(root, environment.pk, LAB, secret=KEY)
    assert lab.secret == {"ApiKey": "sk-canary-7f3a"}
    left = Observation.objects.filter(action="ChatCompletions")
    assert {row.subject async for row in left} == {"cloudbase/glm-5.1"}


async def test_the_managed_group_takes_only_names_of_the_catalogue(environment, cloud, root):
    with pytest.raises(group_errors.ModelNotInCatalogue):
        await group_changes.update(
            root,
            environment.pk,
            "cloudbase",
            wanted=entries("deepseek-v4-flash", "GLM-5.1"),
        )
    assert writes(cloud) == []


async def test_a_change_goes_on_when_its_browser_has_left(environment, lab, cloud, root):
    is_there = asyncio.Event()
    cloud.meanwhile("UpdateAIModel", is_there.set)
    cloud.quirks.late_answers = {"UpdateAIModel": 0.2}
    change = asyncio.ensure_future(
        group_changes.update(root, environment.pk, LAB, wanted=entries("lab-1b"))
    )
    await is_there.wait()
    change.cancel()
    await asyncio.gather(change, return_exceptions=True)
    async with group_lock.held(environment.pk, LAB):
        assert change.cancelled()
        assert lab.models == ["lab-1b"]
        assert await ListVersion.objects.aexists()

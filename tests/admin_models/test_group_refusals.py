"""What an environment refuses, or leaves without an answer, is told as it is; and deleting."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest
from django.contrib.auth.models import User

from admin_models import connections, endings, group_changes, group_errors
from admin_models.models import AIModel, AuditEntry, GroupStatus, ListVersion, ModelGroup
from chat.cloudbase import errors
from chat.cloudbase.control_plane import OFF, GroupSecret
from tests.admin_models import labs
from tests.admin_models.labs import KEY, LAB, URL, entries, last_record, listed_in, writes

REFUSALS = [
    ("AuthFailure", errors.SecretPairRefused),
    ("AuthFailure.SignatureExpire", errors.ClockSkewed),
    ("AuthFailure.UnauthorizedOperation", errors.ControlNotAuthorized),
    ("UnauthorizedOperation", errors.ControlNotAuthorized),
    ("OperationDenied.FreePackageDenied", errors.PlanTooSmall),
    ("OperationDenied.ResourceFrozen", errors.EnvironmentFrozen),
    ("FailedOperation.PackageUnsupported", errors.PlanTooSmall),
    ("LimitExceeded", errors.LimitReached),
    ("InvalidParameter", errors.ControlParameterRefused),
    ("InvalidParameterValue", errors.ControlParameterRefused),
    ("ResourceNotFound.EnvNotExist", errors.EnvironmentNotFound),
    ("InternalError.Timeout", errors.ControlPlaneFailed),
    ("InvalidAction", errors.ActionUnknown),
]


@pytest.fixture
def root(transactional_db):
    return User.objects.create(username="root", is_staff=True)


@pytest.fixture
def lab(cloud):
    return labs.in_cloud(cloud)


def creating(actor, environment):
    return group_changes.create(
        actor, environment.pk, "custom-new", base_url=URL, models=entries("a"), secret=KEY
    )


def updating(actor, environment):
    return group_changes.update(
        actor, environment.pk, LAB, wanted=entries("lab-7b", "mine"), remark="new", secret=KEY
    )


def deleting(actor, environment):
    return group_changes.delete(actor, environment.pk, [LAB])


ACTIONS = [("CreateAIModel", creating), ("UpdateAIModel", updating), ("DeleteAIModel", deleting)]


# Refused


@pytest.mark.parametrize(("action", "act"), ACTIONS)
@pytest.mark.parametrize(("code", "error"), REFUSALS)
async def test_a_refusal_is_told_and_nothing_is_recorded(
    environment, cloud, lab, root, action, act, code, error
):
    cloud.quirks.refused_actions = {action: code}
    with pytest.raises(error) as told:
        await act(root, environment)
    assert told.value.service_code == code
    assert "canary" not in f"{told.value} {told.value.as_dict()}"
    assert lab.models == ["lab-7b", "lab-70b"]
    assert not await AuditEntry.objects.aexists()
    cloud.quirks.refused_actions = {}
    await act(root, environment)  # nothing is in the way of the next try
    assert await AuditEntry.objects.acount() == 1


@pytest.mark.parametrize(("action", "act"), ACTIONS)
async def test_an_environment_that_cannot_be_read_is_not_written(
    environment, cloud, lab, root, action, act
):
    cloud.quirks.refused_actions = {"DescribeAIModels": "AuthFailure"}
    with pytest.raises(errors.SecretPairRefused):
        await act(root, environment)
    assert writes(cloud, action) == []


async def test_a_plan_that_is_too_small_is_told_for_each_change(environment, cloud, lab, root):
    cloud.state.plan = "free"
    cloud.quirks.updates_need_the_standard_plan = True
    for act in (creating, updating):
        with pytest.raises(errors.PlanTooSmall):
            await act(root, environment)
    assert (lab.models, cloud.state.group("custom-new")) == (["lab-7b", "lab-70b"], None)


async def test_a_group_that_is_not_there_is_told(environment, root):
    with pytest.raises(group_errors.NoSuchGroup):
        await updating(root, environment)


# Without an answer


@pytest.fixture
def impatient(settings):
    settings.GROUP_CHANGE_TIMEOUT_SECONDS = 0.15


async def test_a_change_that_was_made_though_its_answer_timed_out_counts(
    environment, cloud, lab, root, impatient
):
    cloud.quirks.late_answers = {"UpdateAIModel": 0.3}
    outcome = await updating(root, environment)
    assert outcome.current.models == entries("lab-7b", "mine")
    assert outcome.version_pk is not None
    assert (await last_record()).after["remark"] == "new"
    assert len(writes(cloud)) == 1


async def test_a_change_that_timed_out_before_it_was_made_is_told_so(
    environment, cloud, lab, root, impatient
):
    cloud.quirks.slow_actions = {"UpdateAIModel": 0.4}
    with pytest.raises(group_errors.NothingChanged) as told:
        await updating(root, environment)
    assert told.value.current.models == entries("lab-7b", "lab-70b")
    assert not await AuditEntry.objects.aexists()
    assert not await ListVersion.objects.aexists()


async def test_a_change_whose_connection_broke_counts_if_it_is_there(environment, cloud, lab, root):
    cloud.quirks.lost_answers = {"CreateAIModel", "UpdateAIModel", "DeleteAIModel"}
    await creating(root, environment)
    await updating(root, environment)
    await group_changes.delete(root, environment.pk, ["custom-new"])
    assert (lab.models, lab.secret) == (["lab-7b", "mine"], {"ApiKey": "sk-canary-7f3a"})
    assert cloud.state.group("custom-new") is None
    actions = {row.action async for row in AuditEntry.objects.all()}
    assert actions == {"group.created", "group.updated", "group.deleted"}
    assert [len(writes(cloud, action)) for action, _act in ACTIONS] == [1, 1, 1]


@pytest.mark.parametrize(("action", "act"), [ACTIONS[0], ACTIONS[2]])
async def test_what_timed_out_and_was_not_made_is_told_of_new_groups_and_deleted_ones(
    environment, cloud, lab, root, impatient, action, act
):
    cloud.quirks.slow_actions = {action: 0.4}
    with pytest.raises(group_errors.NothingChanged):
        await act(root, environment)
    assert not await AuditEntry.objects.aexists()


async def test_whether_a_key_was_taken_cannot_be_read(environment, cloud, lab, root):
    cloud.quirks.lost_answers = {"UpdateAIModel"}
    with pytest.raises(group_errors.KeyNotKnown):
        await group_changes.update(root, environment.pk, LAB, secret=KEY)
    record = await last_record()
    assert record.after == {"outcome": "not known", "secret": "not known"}
    assert (await ModelGroup.objects.aget(name=LAB)).key_set_at is None


def unreadable(cloud) -> None:
    cloud.quirks.refused_actions["DescribeAIModels"] = "InternalError"


@pytest.mark.parametrize(
    ("is_answer_lost", "error"),
    [(True, group_errors.ChangeNotKnown), (False, group_errors.ChangeNotVerified)],
)
async def test_what_cannot_be_read_again_is_told_and_can_be_undone(
    environment, cloud, lab, root, is_answer_lost, error
):
    cloud.quirks.lost_answers = {"UpdateAIModel"} if is_answer_lost else set()
    cloud.meanwhile("UpdateAIModel", partial(unreadable, cloud))
    with pytest.raises(error):
        await updating(root, environment)
    record = await last_record()
    assert (record.after["outcome"], record.after["remark"]) == ("not known", "new")
    cloud.quirks.refused_actions, cloud.quirks.lost_answers = {}, set()
    await group_changes.undo(root, (await ListVersion.objects.aget()).pk)
    assert set(lab.models) == {"lab-7b", "lab-70b"}


async def test_a_change_in_the_middle_of_which_the_server_ends_is_recorded_as_not_known(
    environment, cloud, lab, root
):
    is_there = asyncio.Event()
    cloud.meanwhile("UpdateAIModel", is_there.set)
    cloud.quirks.late_answers = {"UpdateAIModel": 0.2}
    change = asyncio.ensure_future(updating(root, environment))
    await is_there.wait()
    await endings.ended(connections._open.tasks)
    assert change.cancelled() or isinstance(change.exception(), asyncio.CancelledError)
    assert (await last_record()).after["outcome"] == "not known"
    await group_changes.undo(root, (await ListVersion.objects.aget()).pk)
    assert set(lab.models) == {"lab-7b", "lab-70b"}


async def test_what_others_made_of_it_while_no_answer_came_is_told(environment, cloud, lab, root):
    cloud.quirks.lost_answers = {"UpdateAIModel"}
    cloud.meanwhile("UpdateAIModel", partial(lab.replace_models, [{"Model": "theirs"}]))
    with pytest.raises(group_errors.ChangedOtherwise) as told:
        await group_changes.update(
            root, environment.pk, LAB, wanted=entries("lab-7b", "lab-70b", "mine")
        )
    assert told.value.current.models == entries("theirs")
    assert not await AuditEntry.objects.aexists()


# Deleting


async def test_groups_are_deleted_together(environment, cloud, lab, root):
    labs.in_cloud(cloud, "custom-other")
    await updating(root, environment)
    await group_changes.delete(root, environment.pk, [LAB, "custom-other", LAB])
    assert [group.name for group in cloud.state.groups if group.type == "custom"] == []
    assert writes(cloud, "DeleteAIModel")[0]["GroupNames"] == [LAB, "custom-other"]
    row = await ModelGroup.objects.aget(name=LAB)
    assert row.status == GroupStatus.OFF
    assert not await AIModel.objects.filter(group=row, is_enabled=True).aexists()
    assert not await ListVersion.objects.aexists()
    records = AuditEntry.objects.filter(action="group.deleted").order_by("subject")
    assert [(row.subject, row.before["base_url"]) async for row in records] == [
        (LAB, URL),
        ("custom-other", URL),
    ]


async def test_a_group_of_this_installation_is_deleted(connected, root):
    here = await labs.in_this_installation()
    await deleting(root, here)
    assert not await ModelGroup.objects.filter(name=LAB).aexists()
    assert (await last_record()).before["models"].keys() == {"lab-7b", "lab-70b"}


@pytest.mark.parametrize(
    ("names", "error"),
    [
        ([LAB, "custom-none"], group_errors.NoSuchGroup),
        ([LAB, "cloudbase"], group_errors.GroupNotCustom),
    ],
)
async def test_all_are_deleted_or_none(environment, cloud, lab, root, names, error):
    with pytest.raises(error):
        await group_changes.delete(root, environment.pk, names)
    assert cloud.state.group(LAB) is lab


async def test_a_group_that_is_there_again_is_told(environment, cloud, lab, root):
    cloud.meanwhile("DeleteAIModel", lambda: cloud.state.groups.append(lab))
    with pytest.raises(group_errors.ChangeNotKept):
        await deleting(root, environment)
    assert not await AuditEntry.objects.aexists()


async def test_a_group_that_may_be_deleted_is_recorded_as_such(environment, cloud, lab, root):
    cloud.quirks.lost_answers = {"DeleteAIModel"}
    cloud.meanwhile("DeleteAIModel", partial(unreadable, cloud))
    with pytest.raises(group_errors.ChangeNotKnown):
        await deleting(root, environment)
    assert (await last_record()).after == {"outcome": "not known"}


# In this installation


async def test_a_group_here_is_changed_as_any_other(connected, root):
    here = await labs.in_this_installation()
    outcome = await updating(root, here)
    assert await listed_in(here) == {"lab-7b", "mine"}
    assert outcome.current.remark == "new"
    await group_changes.update(root, here.pk, LAB, status=OFF)
    row = await ModelGroup.objects.select_related("key_set_by").aget(name=LAB)
    assert (row.status, row.key_set_by) == (GroupStatus.OFF, root)


@pytest.mark.parametrize(
    ("members", "error"),
    [
        ({"base_url": "no address"}, errors.ControlParameterRefused),
        ({"status": 7}, errors.ControlParameterRefused),
        ({"wanted": entries("x" * 121)}, errors.ControlParameterRefused),
        ({"remark": "x" * 201}, errors.ControlParameterRefused),
        ({"secret": GroupSecret(api_key="two words")}, errors.KeyMalformed),
    ],
)
async def test_what_the_tables_cannot_hold_is_refused(connected, root, members, error):
    here = await labs.in_this_installation()
    with pytest.raises(error):
        await group_changes.update(root, here.pk, LAB, **members)
    assert await listed_in(here) == {"lab-7b", "lab-70b"}
    assert not await AuditEntry.objects.aexists()

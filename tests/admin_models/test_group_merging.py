"""Several change one group, and nothing is lost: at the same moment, from outside, backwards."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest
from django.contrib.auth.models import User

from admin_models import group_changes, group_errors, group_writing, model_lists
from admin_models.models import AuditEntry, ListVersion
from chat.cloudbase.control_plane import AIModelEntry
from tests.admin_models import labs
from tests.admin_models.labs import LAB, entries, last_record, listed_in, writes

ROUNDS = 50
FIRST = {"lab-7b", "lab-70b"}


@pytest.fixture
def gina(transactional_db):
    return User.objects.create(username="gina", is_staff=True)


@pytest.fixture
def hugh(transactional_db):
    return User.objects.create(username="hugh", is_staff=True)


@pytest.fixture
def lab(cloud):
    return labs.in_cloud(cloud)


# At the same moment


async def rounds_of_two(environment, gina, hugh) -> None:
    """Both look at the same list, and each adds a model of their own to it, at the same moment."""
    for number in range(ROUNDS):
        seen = entries(*sorted(await listed_in(environment)))
        await asyncio.gather(
            *(
                group_changes.update(
                    actor, environment.pk, LAB, seen=seen, wanted=(*seen, AIModelEntry(name))
                )
                for actor, name in ((gina, f"g-{number}"), (hugh, f"h-{number}"))
            )
        )


def all_of_both() -> set[str]:
    return FIRST | {f"{who}-{number}" for who in "gh" for number in range(ROUNDS)}


async def test_two_at_the_same_moment_lose_nothing_in_a_cloudbase_environment(
    environment, cloud, lab, gina, hugh
):
    await rounds_of_two(environment, gina, hugh)
    assert set(lab.models) == all_of_both()
    assert len(writes(cloud)) == 2 * ROUNDS
    assert await AuditEntry.objects.filter(actor="gina").acount() == ROUNDS
    assert await AuditEntry.objects.filter(actor="hugh").acount() == ROUNDS


async def test_two_at_the_same_moment_lose_nothing_in_this_installation(connected, gina, hugh):
    here = await labs.in_this_installation()
    await rounds_of_two(here, gina, hugh)
    assert await listed_in(here) == all_of_both()


async def test_what_others_did_before_is_merged(environment, lab, gina):
    lab.models = ["lab-70b", "theirs"]
    outcome = await group_changes.update(
        gina,
        environment.pk,
        LAB,
        seen=entries("lab-7b", "lab-70b"),
        wanted=entries("lab-7b", "lab-70b", "mine"),
    )
    assert lab.models == ["lab-70b", "theirs", "mine"]
    assert outcome.difference == model_lists.Difference(added=entries("mine"))


async def test_who_wants_the_same_is_not_in_the_way(environment, cloud, lab, gina, hugh):
    change = partial(
        group_changes.update, seen=entries(*lab.models), wanted=entries("lab-7b", "new")
    )
    outcomes = await asyncio.gather(
        change(gina, environment.pk, LAB), change(hugh, environment.pk, LAB)
    )
    assert lab.models == ["lab-7b", "new"]
    assert len(writes(cloud)) == 1
    assert sorted(outcome.version_pk is None for outcome in outcomes) == [False, True]


# From outside


def overwriting(lab, *names: str):
    """Somebody at the vendor's console, who still has the old list before them."""
    return partial(lab.replace_models, [{"Model": name} for name in names])


async def test_who_is_overwritten_at_the_same_moment_merges_and_writes_again(
    environment, cloud, lab, gina
):
    cloud.meanwhile("UpdateAIModel", overwriting(lab, "lab-7b", "lab-70b", "theirs"))
    outcome = await group_changes.update(
        gina, environment.pk, LAB, wanted=entries("lab-7b", "mine")
    )
    assert lab.models == ["lab-7b", "theirs", "mine"]
    assert len(writes(cloud)) == 2
    assert outcome.difference == model_lists.Difference(
        added=entries("mine"), removed=entries("lab-70b")
    )
    version = await ListVersion.objects.aget()
    await group_changes.undo(gina, version.pk)
    assert set(lab.models) == {"lab-7b", "lab-70b", "theirs"}


async def test_what_was_added_right_after_us_is_not_touched(environment, cloud, lab, gina):
    cloud.meanwhile("UpdateAIModel", lambda: lab.models.append("theirs"))
    outcome = await group_changes.update(
        gina, environment.pk, LAB, wanted=entries("lab-7b", "lab-70b", "mine")
    )
    assert lab.models == ["lab-7b", "lab-70b", "mine", "theirs"]
    assert len(writes(cloud)) == 1
    assert outcome.difference == model_lists.Difference(added=entries("mine"))


async def test_who_is_overwritten_again_and_again_is_told(environment, cloud, lab, gina):
    stale = overwriting(lab, "lab-7b", "lab-70b")
    cloud.meanwhile("UpdateAIModel", *[stale] * group_writing.ATTEMPTS)
    with pytest.raises(group_errors.ChangeNotKept) as told:
        await group_changes.update(
            gina, environment.pk, LAB, wanted=entries("lab-7b", "lab-70b", "mine")
        )
    assert [entry.model for entry in told.value.current.models] == ["lab-7b", "lab-70b"]
    assert not await AuditEntry.objects.aexists()
    assert not await ListVersion.objects.aexists()


async def test_a_service_that_drops_a_part_is_told_and_the_rest_is_recorded(
    environment, cloud, lab, gina
):
    cloud.meanwhile("UpdateAIModel", *[lambda: lab.tags.clear()] * group_writing.ATTEMPTS)
    with pytest.raises(group_errors.ChangeNotKept):
        await group_changes.update(
            gina,
            environment.pk,
            LAB,
            wanted=(*entries("lab-7b", "lab-70b"), AIModelEntry("mine", tags=("x",))),
        )
    record = await last_record()
    assert record.after == {"models": {"mine": {"enable_mcp": False, "tags": []}}}
    await group_changes.undo(gina, (await ListVersion.objects.aget()).pk)
    assert lab.models == ["lab-7b", "lab-70b"]


async def test_a_group_that_is_deleted_meanwhile_is_told(environment, cloud, lab, gina):
    cloud.meanwhile("UpdateAIModel", lambda: cloud.state.groups.remove(lab))
    with pytest.raises(group_errors.NoSuchGroup):
        await group_changes.update(gina, environment.pk, LAB, wanted=entries("mine"))


# Conflicts


async def test_a_conflict_is_shown_and_nothing_is_overwritten(environment, cloud, lab, gina):
    lab.with_mcp = {"lab-7b"}
    with pytest.raises(group_errors.ListConflict) as told:
        await group_changes.update(
            gina,
            environment.pk,
            LAB,
            seen=entries("lab-7b", "lab-70b"),
            wanted=entries("lab-70b", "mine"),
        )
    conflict = told.value
    assert conflict.names == ("lab-7b",)
    assert conflict.theirs.changed == ((AIModelEntry("lab-7b"), AIModelEntry("lab-7b", True)),)
    assert conflict.yours.removed == entries("lab-7b")
    assert [entry.model for entry in conflict.current.models] == ["lab-7b", "lab-70b"]
    assert "lab-7b" in str(conflict)
    assert writes(cloud) == []
    assert not await AuditEntry.objects.aexists()


async def test_a_conflict_that_comes_while_writing_is_told_and_nothing_overwritten(
    environment, cloud, lab, gina
):
    cloud.meanwhile("UpdateAIModel", overwriting(lab, "lab-7b", "lab-70b", "mine"))
    with pytest.raises(group_errors.ChangeNotKept) as told:
        await group_changes.update(
            gina,
            environment.pk,
            LAB,
            wanted=(*entries("lab-7b", "lab-70b"), AIModelEntry("mine", enable_mcp=True)),
        )
    assert told.value.current.models == entries("lab-7b", "lab-70b", "mine")
    assert len(writes(cloud)) == 1
    assert lab.with_mcp == set()


# Backwards


async def changed(actor, environment, *names: str) -> int:
    outcome = await group_changes.update(actor, environment.pk, LAB, wanted=entries(*names))
    assert outcome.version_pk is not None
    return outcome.version_pk


async def test_undoing_takes_back_that_change_and_nothing_since(environment, lab, gina, hugh):
    first = await changed(gina, environment, "lab-7b", "mine")
    await changed(hugh, environment, "lab-7b", "mine", "theirs")
    outcome = await group_changes.undo(gina, first)
    assert set(lab.models) == {"lab-7b", "lab-70b", "theirs"}
    assert outcome.difference.removed == entries("mine")
    version = await ListVersion.objects.aget(pk=first)
    assert (version.made_by, version.undone_at is None) == ("gina", False)
    record = await last_record()
    assert (record.action, record.actor) == ("models.undone", "gina")
    assert set(record.before["models"]) == {"mine"}


async def test_undoing_works_in_this_installation_too(connected, gina):
    here = await labs.in_this_installation()
    version = await changed(gina, here, "lab-7b", "mine")
    await group_changes.undo(gina, version)
    assert await listed_in(here) == FIRST


async def test_an_undoing_can_be_undone(environment, lab, gina):
    version = await changed(gina, environment, "mine")
    outcome = await group_changes.undo(gina, version)
    assert outcome.version_pk is not None
    await group_changes.undo(gina, outcome.version_pk)
    assert lab.models == ["mine"]


async def test_nothing_is_undone_twice(environment, lab, gina):
    version = await changed(gina, environment, "mine")
    await group_changes.undo(gina, version)
    with pytest.raises(group_errors.AlreadyUndone):
        await group_changes.undo(gina, version)


async def test_what_somebody_changed_since_is_in_conflict_with_undoing(environment, lab, gina):
    version = await changed(gina, environment, "lab-7b", "lab-70b", "mine")
    lab.with_mcp = {"mine"}
    with pytest.raises(group_errors.ListConflict):
        await group_changes.undo(gina, version)
    assert (await ListVersion.objects.aget(pk=version)).undone_at is None
    assert "mine" in lab.models


async def test_a_version_holds_the_whole_lists(environment, lab, gina):
    lab.tags = {"lab-7b": ["chat"]}
    pk = await changed(gina, environment, "lab-7b", "mine")
    version = await ListVersion.objects.aget(pk=pk)
    assert model_lists.read(version.before) == (
        AIModelEntry("lab-7b", tags=("chat",)),
        AIModelEntry("lab-70b"),
    )
    assert model_lists.read(version.after) == entries("lab-7b", "mine")

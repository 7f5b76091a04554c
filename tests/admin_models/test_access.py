"""Which models a person may use: all that any of their teams allows."""

from __future__ import annotations

import time

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from admin_models import access, local
from admin_models.models import AIModel, ModelGroup, Team
from admin_models.switcher import loaded
from chat.cloudbase.errors import user_message_for


def make_models() -> list[AIModel]:
    """Two groups with two models each."""
    environment = local.environment()
    groups = [ModelGroup.objects.create(environment=environment, name=f"custom-{n}") for n in "ab"]
    return [
        AIModel.objects.create(group=group, name=f"{group.name}-{n}")
        for group in groups
        for n in (1, 2)
    ]


def narrowed() -> Team:
    """The team of everyone, which allows nothing any more."""
    team = Team.objects.everyone()
    team.allows_all = False
    team.save()
    access.forget()
    return team


@pytest.fixture
def models(alice):
    return make_models()


def names(person: User, models: list[AIModel]) -> list[str]:
    allowed = access.allowed(person.pk, models)
    return [model.name for model in models if model.pk in allowed]


# ── What is allowed ──────────────────────────────────────────────────────────


def test_in_a_new_installation_everyone_may_use_everything(alice, models):
    assert Team.objects.everyone().allows_all
    assert len(names(alice, models)) == 4


def test_where_there_is_no_team_of_everyone_it_allows_all(alice, models):
    Team.objects.all().delete()
    assert len(names(alice, models)) == 4
    assert not Team.objects.exists()


def test_nothing_is_allowed_by_nobody(alice, models):
    narrowed()
    assert names(alice, models) == []


def test_a_team_allows_its_members_models_and_nobody_else(alice, mallory, models):
    narrowed()
    team = Team.objects.create(name="Lab")
    team.members.add(alice)
    team.models_allowed.add(models[1])
    assert names(alice, models) == ["custom-a-2"]
    assert names(mallory, models) == []


def test_a_group_is_allowed_with_the_models_that_it_gets_later(alice, models):
    narrowed()
    team = Team.objects.create(name="Lab")
    team.members.add(alice)
    team.model_groups.add(models[2].group)
    later = AIModel.objects.create(group=models[2].group, name="custom-b-3")
    assert names(alice, [*models, later]) == ["custom-b-1", "custom-b-2", "custom-b-3"]


def test_everyone_can_be_allowed_some(alice, mallory, models):
    narrowed().model_groups.add(models[0].group)
    assert names(alice, models) == names(mallory, models) == ["custom-a-1", "custom-a-2"]


def test_a_team_can_allow_all(alice, mallory, models):
    narrowed()
    Team.objects.create(name="Lab", allows_all=True).members.add(alice)
    assert len(names(alice, models)) == 4
    assert names(mallory, models) == []


def test_a_new_model_of_a_deleted_name_is_not_the_one_that_was_allowed(alice, models):
    narrowed().models_allowed.add(models[0])
    group, name = models[0].group, models[0].name
    models[0].delete()
    assert names(alice, [AIModel.objects.create(group=group, name=name)]) == []


class AnyTeams(TestCase):
    """However people, teams and models lie: allowed is what any of a person's teams allows."""

    @settings(max_examples=40, deadline=None)
    @given(
        st.lists(
            st.tuples(
                st.booleans(),
                st.booleans(),
                st.sets(st.integers(0, 1)),
                st.sets(st.integers(0, 3)),
            ),
            max_size=4,
        ),
        st.sets(st.integers(0, 3)),
    )
    def test_allowed_is_the_union(self, teams, of_everyone):
        models, person = make_models(), User.objects.create_user("person")
        narrowed().models_allowed.set(models[n] for n in of_everyone)
        wanted = set(of_everyone)
        for number, (is_member, allows_all, groups, named) in enumerate(teams):
            team = Team.objects.create(name=f"team {number}", allows_all=allows_all)
            team.model_groups.set(models[2 * n].group for n in groups)
            team.models_allowed.set(models[n] for n in named)
            if is_member:
                team.members.add(person)
                wanted |= named | {n for n in range(4) if allows_all or n // 2 in groups}
        assert access.allowed(person.pk, models) == {models[n].pk for n in wanted}


# ── What it costs ────────────────────────────────────────────────────────────


def queries_of(work) -> int:
    with CaptureQueriesContext(connection) as queries:
        work()
    return len(queries)


def test_while_all_is_allowed_nobody_pays(alice, models):
    access.may_use(alice.pk, models[0])
    assert queries_of(lambda: access.may_use(alice.pk, models[0])) == 0


def test_where_it_is_not_one_query_decides_of_all(alice, models):
    narrowed()
    access.allowed(alice.pk, models)
    assert queries_of(lambda: access.allowed(alice.pk, models)) == 1
    assert queries_of(lambda: access.allowed(alice.pk, models[:1])) == 1


def test_the_switcher_pays_one_query_more_at_the_most(alice, models):
    loaded(alice.pk)
    before = queries_of(lambda: loaded(alice.pk))
    narrowed().models_allowed.set(models)
    access.allowed(alice.pk, [])
    assert queries_of(lambda: loaded(alice.pk)) <= before + 1


def test_a_change_is_heard_of_within_a_second_without_being_told(alice, models):
    assert access.may_use(alice.pk, models[0])
    Team.objects.update_or_create(is_everyone=True, defaults={"allows_all": False})
    time.sleep(access.KEPT)
    assert not access.may_use(alice.pk, models[0])


# ── What is refused ──────────────────────────────────────────────────────────


async def test_before_a_call_it_is_looked_up(alice, models):
    await access.check(alice.pk, models[0])


async def test_the_refusal_says_who_can_help():
    refusal = access.NotForYou()
    assert (refusal.code, refusal.stage, refusal.fixable_by) == (
        "preflight_not_for_you",
        "preflight",
        "admin",
    )
    assert user_message_for("preflight_not_for_you") == refusal.user_message

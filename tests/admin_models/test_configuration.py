"""The configuration as a file: what is exported, and what a plan says; the laws of both."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings

from admin_models import local
from admin_models.configuration import applying, exporting, reading
from admin_models.configuration.format import Configuration, in_order, written
from admin_models.configuration.steps import Lack, Verdict, items
from admin_models.models import (
    AIModel,
    AuditEntry,
    Environment,
    ModelGroup,
    Price,
    Team,
)
from tests.admin_models.configuration_strategies import PEOPLE, configurations
from tests.admin_models.configurations import (
    CANARY,
    cloud,
    custom,
    exported,
    imported_text,
    make_cloud,
    make_group,
    planned,
)

pytestmark = pytest.mark.django_db

LAWS = settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def home():
    """This installation, which has its own environment."""
    return local.environment()


@pytest.fixture
def group(home):
    return make_group()


@pytest.fixture
def demo():
    return make_cloud()


# Laws


@contextmanager
def an_empty_installation() -> Generator[None, None, None]:
    """One with nothing but people in it, and gone again in the end."""
    with transaction.atomic():
        Environment.objects.all().delete()
        Team.objects.everyone()
        for name in PEOPLE:
            User.objects.get_or_create(username=name)
        yield
        transaction.set_rollback(True)


@given(configurations())
@LAWS
def test_what_is_imported_into_an_empty_installation_is_exported_byte_for_byte(wanted):
    with an_empty_installation():
        imported_text(written(wanted))
        assert exported() == written(wanted)


@given(configurations())
@LAWS
def test_importing_twice_changes_nothing_the_second_time(wanted):
    with an_empty_installation():
        imported_text(written(wanted))
        number = AuditEntry.objects.count()
        assert imported_text(written(wanted)).to_do == ()
        assert AuditEntry.objects.count() == number


@given(configurations(), configurations())
@LAWS
def test_merging_loses_nothing_and_then_has_nothing_left_to_do(first, second):
    with an_empty_installation():
        imported_text(written(first))
        plan = applying.planned(second)
        if plan.problems:  # they name one thing differently
            return
        applying.apply(None, second, plan.digest)
        assert keys(exporting.current()) >= keys(first) | keys(second)
        assert applying.planned(second).to_do == ()


def keys(configuration: Configuration) -> set[tuple[str, tuple[str, ...]]]:
    return {(item.kind, item.key) for item in items(configuration)}


# The export


def test_no_secret_is_exported(group, demo):
    AIModel.objects.update(parameters={"top_p": 1, "api_key": CANARY, "a": {"token": CANARY}})
    ModelGroup.objects.update(base_url=f"https://me:{CANARY}@a.example/v1?key={CANARY}")
    text = exported()
    assert CANARY not in text
    assert not any(sealed in text for sealed in (group.sealed_key, demo.sealed_secret_key))
    assert '"base_url": "https://a.example/v1"' in text


def test_what_is_exported_can_be_read(group, demo):
    assert reading.read(exported()).problems == ()


def test_an_export_takes_the_same_queries_however_much_there_is(group, demo):
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            exporting.current()
        return len(captured)

    before = queries()
    for number in range(5):
        another = ModelGroup.objects.create(environment=group.environment, name=f"custom-{number}")
        AIModel.objects.bulk_create(AIModel(group=another, name=f"m{n}") for n in range(5))
        Team.objects.create(name=f"team {number}").model_groups.add(another)
    assert queries() == before


def test_of_prices_from_the_same_moment_the_one_that_counts_is_exported():
    for figure in ("1", "2"):
        Price.objects.create(
            env_id="local",
            group="custom-lab",
            model="lab-7b",
            currency="CNY",
            tiers=[{"above": 0, "input": figure, "output": "3.00", "cached": None}],
            valid_from=NOON,
        )
    (only,) = json.loads(exported())["prices"]
    assert only["tiers"] == [{"above": 0, "input": "2", "output": "3", "cached": None}]


@pytest.mark.parametrize(
    ("value", "as_written"),
    [
        ({"b": 1, "a": {"d": 1, "c": 2}}, '{"a": {"c": 2, "d": 1}, "b": 1}'),
        (1e16, "10000000000000000"),
        (1e300, str(10**300)),
        (-0.0, "0.0"),
        (0.5, "0.5"),
    ],
)
def test_free_json_is_written_in_one_way(value, as_written):
    assert json.dumps(in_order(value)) == as_written


# What a plan says


def test_a_plan_tells_what_is_added_changed_and_left(group):
    models = [{"name": "lab-7b", "label": "Lab"}, {"name": "lab-70b"}]
    plan = planned(**custom(base_url="https://a.example/v1", models=models))
    verdicts = {step.key[-1]: step.verdict for step in plan.steps}
    assert verdicts == {
        "local": Verdict.SAME,
        "custom-lab": Verdict.SAME,
        "lab-7b": Verdict.CHANGE,
        "lab-70b": Verdict.CREATE,
    }
    (step,) = (step for step in plan.steps if step.verdict is Verdict.CHANGE)
    assert step.changed == ("label",)
    assert (step.before["label"], step.after["label"]) == ("", "Lab")


def test_planning_changes_nothing(group):
    before = exported()
    planned(**custom(models=[{"name": "new"}]), teams=[{"name": "Lab"}])
    assert exported() == before


def test_a_plan_takes_the_same_queries_however_much_there_is(group):
    def queries(number: int) -> int:
        models = [{"name": f"m{each}"} for each in range(number)]
        with CaptureQueriesContext(connection) as captured:
            planned(**custom(models=models))
        return len(captured)

    assert queries(1) == queries(40)


def test_what_the_file_cannot_bring_is_listed():
    User.objects.create_user("alice")
    team = {
        "name": "Lab",
        "members": ["alice", "nobody"],
        "groups": ["local/custom-lab", "local/custom-gone"],
        "models": ["env-a/cloudbase/gone"],
    }
    environments = custom()["environments"] + cloud(groups=[{"name": "custom-x"}])["environments"]
    plan = planned(environments=environments, teams=[team])
    assert {(each.lack, each.name, each.place) for each in plan.missing} == {
        (Lack.GROUP_KEY, "local/custom-lab", "$.environments[0].groups[0]"),
        (Lack.API_KEY, "env-a", "$.environments[1]"),
        (Lack.KEY_PAIR, "env-a", "$.environments[1]"),
        (Lack.PERSON, "nobody", "$.teams[0].members[1]"),
        (Lack.GROUP, "local/custom-gone", "$.teams[0].groups[1]"),
        (Lack.MODEL, "env-a/cloudbase/gone", "$.teams[0].models[0]"),
    }


def test_keys_that_are_stored_are_not_missing(group, demo):
    assert planned(**custom()).missing == ()
    assert planned(**cloud()).missing == ()


def test_a_stored_key_that_would_go_to_another_address_is_pointed_out(group, demo):
    for members in (
        custom(base_url="https://b.example/v1"),
        cloud(control_url="https://b.example"),
    ):
        (missing,) = planned(**members).missing
        assert missing.lack is Lack.KEY_GOES_ELSEWHERE

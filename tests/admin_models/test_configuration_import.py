"""Importing a configuration: what stands against it, what it does, all of it or nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.utils import timezone

from admin_models import crypto, local
from admin_models.configuration import applying
from admin_models.group_lock import Lock
from admin_models.models import (
    AIModel,
    AuditEntry,
    Environment,
    GroupStatus,
    ListVersion,
    ModelAbilities,
    ModelGroup,
    Observation,
    Price,
    Team,
    TokenPack,
)
from admin_models.preflight import noting
from tests.admin_models.configurations import (
    CANARY,
    cloud,
    configured,
    custom,
    exported,
    imported,
    imported_text,
    make_cloud,
    make_group,
    price,
    refusals,
)

pytestmark = pytest.mark.django_db


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


# What stands against it


@pytest.mark.parametrize("name", ["deepseek", "Custom-lab", "custom", "glm", "custom lab"])
def test_an_illegal_group_name_is_explained_as_everywhere(name):
    found = refusals(**custom(name))
    assert list(found) == ["$.environments[0].groups[0].name"]
    assert "custom-" in str(found) or "cloudbase" in str(found)


@pytest.mark.parametrize(
    ("members", "place", "says"),
    [
        (custom(base_url="ftp://a.example"), "groups[0].base_url", "http:// or https://"),
        (custom(base_url="http://169.254.169.254/v1"), "groups[0].base_url", "not public"),
        (custom(base_url="http://0xa.1/v1"), "groups[0].base_url", "not public"),
        (custom(models=[{"name": "m", "context_length": 3}]), "context_length", "256"),
        (custom(models=[{"name": "m" * 121}]), "models[0].name", "120"),
        (custom(models=[{"name": ""}]), "models[0].name", "blank"),
        (custom(models=[{"name": "m"}, {"name": "m"}]), "groups[0].models[1]", "twice"),
        (custom("cloudbase", enabled=True), "groups[0].enabled", "comes from the environment"),
        ({"environments": [{"env_id": "b", "name": "B"}]}, "environments[0].kind", "needs this"),
        (cloud(base_url="https://a.example/" + "x" * 400), "environments[0].base_url", "400"),
        (cloud(name=""), "$.environments[0].name", "needs this"),
        (cloud(name="Local"), "$.environments[0].name", "Another environment"),
        (cloud(env_id="Env A"), "$.environments[0].env_id", "small letters"),
        (cloud(env_id="local"), "$.environments[0].kind", "another kind"),
        (cloud(kind="local"), "$.environments[0].env_id", "one local environment"),
        (cloud(base_url="http://10.0.0.1"), "$.environments[0].base_url", "not public"),
        (
            cloud(control_url="http://[::ffff:10.0.0.1]"),
            "$.environments[0].control_url",
            "not public",
        ),
        (cloud(region="x" * 41), "$.environments[0].region", "40"),
        (
            {"environments": [{"env_id": "local", "region": "ap-shanghai"}]},
            "$.environments[0].region",
            "Only a CloudBase",
        ),
        (
            cloud(groups=[{"name": "custom-x", "base_url": "https://a.example/v1"}]),
            "groups[0].base_url",
            "comes from the environment itself",
        ),
        (
            cloud(groups=[{"name": "cloudbase", "models": [{"name": "m", "enabled": True}]}]),
            "models[0].enabled",
            "comes from the environment itself",
        ),
        (
            cloud(packs=[{"issued_at": "2026-01-01T00:00:00Z", "size_tokens": 5}]),
            "$.environments[0].packs[0]",
            "Only the local environment",
        ),
        ({"default_environment": "gone"}, "$.default_environment", "no such environment"),
        ({"prices": [price(currency="YEN")]}, "$.prices[0].currency", "no currency"),
        ({"prices": [price(tiers=[])]}, "$.prices[0].tiers", "one tier to"),
        (
            {"prices": [price(tiers=[{"input": "1.23456", "output": "1"}])]},
            "$.prices[0].tiers",
            "decimals",
        ),
        ({"prices": [price(model="local/glm/m")]}, "$.prices[0].model", ""),
        ({"teams": [{"name": "Everyone"}]}, "$.teams[0].name", "team of everyone"),
        ({"teams": [{"name": "x" * 81}]}, "$.teams[0].name", "80"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(members, place, says):
    Team.objects.everyone()
    found = refusals(**members)
    assert len(found) == 1
    assert next(iter(found)).endswith(place)
    assert says in found[next(iter(found))]


def test_an_address_that_is_here_already_is_not_refused(group):
    ModelGroup.objects.update(base_url="http://10.0.0.1/v1")  # it was allowed once
    assert refusals(**custom(base_url="http://10.0.0.1/v1")) == {}


def test_a_price_is_never_changed():
    imported(prices=[price()])
    found = refusals(prices=[price(tiers=[{"input": "9", "output": "9"}])])
    assert list(found) == ["$.prices[0].valid_from"]
    assert imported(prices=[price(tiers=[{"input": "1.20", "output": "4.800"}])]).to_do == ()


@pytest.mark.parametrize(("size", "says"), [(0, "1 to"), (10**13, "1 to"), (99, "used already")])
def test_a_pack_is_as_large_as_it_can_be(home, size, says):
    pack = TokenPack.objects.get()
    TokenPack.objects.update(used_tokens=100)
    issued_at = pack.created_at.isoformat()
    listed = {"env_id": "local", "packs": [{"issued_at": issued_at, "size_tokens": size}]}
    found = refusals(environments=[listed])
    assert says in found["$.environments[0].packs[0].size_tokens"]


# Applying


def test_what_a_file_leaves_out_stays_as_it_is(group):
    imported(**custom(models=[{"name": "lab-7b", "label": "Lab"}]))
    model = AIModel.objects.get()
    assert (model.label, model.tags, model.parameters) == ("Lab", ["fast"], {"top_p": 1})
    group.refresh_from_db()
    assert group.base_url == "https://a.example/v1"


def test_a_stored_key_is_never_touched(group, demo):
    imported(**custom(base_url="https://b.example/v1", enabled=False))
    imported(**cloud(name="Other", base_url="https://b.example"))
    group.refresh_from_db()
    demo.refresh_from_db()
    assert (group.base_url, group.status) == ("https://b.example/v1", GroupStatus.OFF)
    assert crypto.unseal(group.sealed_key) == CANARY
    assert crypto.unseal(demo.sealed_key) == crypto.unseal(demo.sealed_secret_key) == CANARY


def test_parameters_that_no_file_shows_stay(group):
    AIModel.objects.update(parameters={"top_p": 1, "api_key": CANARY})
    imported(**custom(models=[{"name": "lab-7b", "parameters": {"seed": 3}}]))
    assert AIModel.objects.get().parameters == {"seed": 3, "api_key": CANARY}


def test_of_a_cloudbase_environment_only_what_is_ours_is_kept():
    model = {"name": "deepseek-v4-flash", "label": "DeepSeek", "context_length": 1024}
    imported(**cloud(groups=[{"name": "cloudbase", "models": [model]}]))
    row = AIModel.objects.get()
    assert (row.label, row.context_length) == ("DeepSeek", 1024)
    assert not row.is_enabled
    assert row.group.status == GroupStatus.OFF
    assert not AIModel.objects.ready().exists()


def test_a_model_that_was_imported_is_offered_once_it_answers():
    imported(**cloud(groups=[{"name": "cloudbase", "models": [{"name": "m", "label": "M"}]}]))
    environment = Environment.objects.get(env_id="env-a")  # no key shows what it lists
    noting.call_answered(environment.pk, "cloudbase", "m", timezone.now())
    assert AIModel.objects.ready().get().label == "M"


def test_what_the_environment_says_of_a_model_stays_when_ours_is_imported(demo):
    row = ModelGroup.objects.create(environment=demo, name="cloudbase")
    AIModel.objects.create(group=row, name="m", tags=["theirs"])
    imported(**cloud(groups=[{"name": "cloudbase", "models": [{"name": "m", "notice": "Slow"}]}]))
    model = AIModel.objects.get()
    assert (model.notice, model.is_enabled, model.tags) == ("Slow", True, ["theirs"])


def test_the_embedded_models_address_is_not_exported_nor_imported(home):
    local.register_model(
        base_url="http://127.0.0.1:8123/v1",
        key=CANARY,
        name="tiny",
        context_length=2048,
        parameters={},
    )
    assert "8123" not in exported()
    assert imported_text(exported()).to_do == ()


def test_the_default_moves(home, demo):
    imported(default_environment="env-a")
    assert Environment.objects.get(is_default=True) == demo
    changes = AuditEntry.objects.filter(action="environment.updated")
    assert set(changes.values_list("subject_key", flat=True)) == {"local", "env-a"}
    assert imported(default_environment="env-a").to_do == ()


def test_two_environments_can_exchange_their_names(demo):
    other = Environment.objects.create(kind="cloudbase", env_id="env-b", name="Other")
    names = {"env-a": "Other", "env-b": "Demo"}
    imported(environments=[{"env_id": key, "name": name} for key, name in names.items()])
    other.refresh_from_db()
    assert other.name == "Demo"


def test_a_pack_is_issued_extended_withdrawn_and_given_back(home):
    def listed(**members: Any) -> dict[str, Any]:
        pack = {"issued_at": "2026-01-01T00:00:00Z", "size_tokens": 5} | members
        return {"environments": [{"env_id": "local", "packs": [pack]}]}

    TokenPack.objects.all().delete()
    imported(**listed())
    TokenPack.objects.update(used_tokens=4)
    for members in (
        {"size_tokens": 9, "expires_at": "2030-01-01T00:00:00Z"},
        {"disabled": True},
        {"disabled": False},
    ):
        imported(**listed(**{"size_tokens": 9} | members))
    pack = TokenPack.objects.get()
    assert pack.created_at == datetime(2026, 1, 1, tzinfo=UTC)
    assert (pack.size_tokens, pack.used_tokens, pack.is_disabled) == (9, 4, False)
    assert pack.expires_at == datetime(2030, 1, 1, tzinfo=UTC)
    actions = AuditEntry.objects.filter(subject_kind="pack").order_by("pk")
    assert list(actions.values_list("action", flat=True)) == [
        "pack.issued",
        "pack.extended",
        "pack.withdrawn",
        "pack.given_back",
    ]


def test_prices_keep_their_history(root):
    later = price(valid_from="2026-02-01T00:00:00Z", tiers=[{"input": "2", "output": "9"}])
    confirmed = price(model="env-a/cloudbase/m", tiers=[], words="1 yuan\n2 yuan")
    imported(root, prices=[price(), later, confirmed])
    rows = Price.objects.of("local", "custom-lab", "lab-7b")
    assert [row.tier_for(1).input for row in rows] == [Decimal(2), Decimal("1.2")]
    assert {row.set_by for row in Price.objects.all()} == {"root"}
    actions = set(AuditEntry.objects.values_list("action", flat=True))
    assert actions == {"price.set", "price.confirmed", "configuration.imported"}


def test_a_team_is_added_to_and_nothing_is_taken_from_it(group):
    alice, bob = (User.objects.create_user(name) for name in ("alice", "bob"))
    team = Team.objects.create(name="Lab")
    team.members.add(alice)
    named = {"name": "Lab", "members": ["bob"], "models": ["local/custom-lab/lab-7b"]}
    plan = imported(teams=[named | {"groups": ["local/custom-lab"]}])
    (step,) = plan.to_do
    assert (step.before["members"], step.after["members"]) == (["alice"], ["alice", "bob"])
    assert set(team.members.all()) == {alice, bob}
    assert [row.name for row in team.models_allowed.all()] == ["lab-7b"]
    assert list(team.model_groups.all()) == [group]


def test_what_everyone_may_use_is_narrowed(group):
    imported(everyone={"allows_all": False, "groups": ["local/custom-lab"]})
    everyone = Team.objects.everyone()
    assert not everyone.allows_all
    assert list(everyone.model_groups.all()) == [group]


def test_abilities_are_replaced_by_newer_ones_only():
    seen = {"base_url": "https://a.example/v1", "model": "m"}
    imported(abilities=[seen | {"tried_at": "2026-01-02T00:00:00Z", "streams": True}])
    older = imported(abilities=[seen | {"tried_at": "2026-01-01T00:00:00Z", "streams": False}])
    assert older.to_do == ()
    imported(abilities=[seen | {"tried_at": "2026-01-02T00:00:00.5Z", "streams": False}])
    row = ModelAbilities.objects.get()
    assert (row.streams, row.accepts_tools) == (False, None)


def test_of_another_address_nothing_was_seen(demo):
    Observation.objects.create(environment=demo, action="DescribeAIModels")
    imported(**cloud(enabled=False))
    assert Observation.objects.exists()
    imported(**cloud(base_url="https://b.example"))
    assert not Observation.objects.exists()


def test_the_list_before_is_kept_to_be_undone(group):
    imported(**custom(models=[{"name": "lab-70b"}]))
    version = ListVersion.objects.get()
    assert [entry["model"] for entry in version.before] == ["lab-7b"]
    assert [entry["model"] for entry in version.after] == ["lab-7b", "lab-70b"]


def test_every_change_is_recorded(root, group):
    model = {"name": "lab-7b", "label": "Lab"}
    imported(root, **custom(remark="x", models=[model]), teams=[{"name": "Lab"}])
    found = {row.action: row for row in AuditEntry.objects.all()}
    assert set(found) == {
        "group.updated",
        "models.changed",
        "team.created",
        "configuration.imported",
    }
    assert {row.actor for row in found.values()} == {"root"}
    assert found["group.updated"].after == {"remark": "x"}
    assert found["group.updated"].subject_key == "local/custom-lab"
    assert found["models.changed"].before == {"models": {"lab-7b": {"label": ""}}}
    assert found["models.changed"].after == {"models": {"lab-7b": {"label": "Lab"}}}
    assert found["configuration.imported"].after == {
        "created": {"team": 1},
        "changed": {"group": 1, "model": 1},
    }


# All or nothing


def test_a_plan_that_is_out_of_date_is_not_applied(group):
    members = custom(remark="x", models=[{"name": "lab-7b", "label": "Lab"}])
    wanted = configured(**members)
    seen = applying.planned(wanted).digest
    AIModel.objects.update(label="Other")
    with pytest.raises(applying.NotApplied) as refusal:
        applying.apply(None, wanted, seen)
    assert AIModel.objects.get().label == "Other"
    assert not AuditEntry.objects.exists()
    applying.apply(None, wanted, refusal.value.plan.digest)
    assert AIModel.objects.get().label == "Lab"


def test_somebody_who_comes_or_goes_makes_a_plan_out_of_date():
    wanted = configured(teams=[{"name": "Lab", "members": ["alice"]}])
    seen = applying.planned(wanted).digest
    User.objects.create_user("alice")
    with pytest.raises(applying.NotApplied):
        applying.apply(None, wanted, seen)


def test_what_has_problems_is_not_applied(group):
    wanted = configured(**custom(remark="x"), default_environment="gone")
    seen = applying.planned(wanted).digest
    with pytest.raises(applying.NotApplied) as refusal:
        applying.apply(None, wanted, seen)
    assert refusal.value.plan.problems
    group.refresh_from_db()
    assert group.remark == ""


def test_a_group_that_somebody_is_changing_is_left_alone_and_so_is_all_else(group, home):
    other = Lock(home.pk, "custom-lab")
    assert other.take()
    wanted = configured(**custom(remark="x"), teams=[{"name": "Lab"}])
    seen = applying.planned(wanted).digest
    with pytest.raises(applying.NotApplied) as refusal:
        applying.apply(None, wanted, seen)
    assert "custom-lab" in refusal.value.plan.problems[0].sentence
    assert not Team.objects.filter(name="Lab").exists()
    other.release()
    applying.apply(None, wanted, seen)
    assert Lock(home.pk, "custom-lab").take()  # it was given back


def test_a_failure_in_the_middle_changes_nothing(group):
    """The table refuses what no rule of ours knows; here by a trigger of the database."""
    with connection.cursor() as cursor:
        cursor.execute(_NO_TEAMS[connection.vendor])
    wanted = configured(**custom(remark="x"), teams=[{"name": "Lab"}])
    seen = applying.planned(wanted).digest
    with pytest.raises(Exception, match="no team"), transaction.atomic():
        applying.apply(None, wanted, seen)
    group.refresh_from_db()
    assert group.remark == ""
    assert not AuditEntry.objects.exists()


_NO_TEAMS = {
    "sqlite": "CREATE TRIGGER no_teams BEFORE INSERT ON admin_models_team "
    "BEGIN SELECT RAISE(ABORT, 'no team'); END",
    "postgresql": "CREATE FUNCTION no_teams() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'no team'; END $$; CREATE TRIGGER no_teams BEFORE INSERT "
    "ON admin_models_team FOR EACH ROW EXECUTE FUNCTION no_teams()",
}

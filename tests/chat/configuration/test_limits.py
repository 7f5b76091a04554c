"""Limits in the file of the configuration: what is exported, refused, added and changed."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from admin_models import local
from admin_models.configuration import applying, exporting, sections
from admin_models.configuration.steps import Item, Known, Lack, Verdict, items
from admin_models.models import AIModel, AuditEntry, Environment, ModelGroup, Team
from chat.configuration.limits import LimitPart, Limits
from chat.models import Limit
from tests.admin_models.configurations import (
    configured,
    custom,
    exported,
    imported,
    planned,
    refusals,
)
from tests.chat.limits.limiting import limited
from tests.pages.html import page, the, words

pytestmark = pytest.mark.django_db

LAB = "local/custom-lab/lab-7b"
FULL = {"enabled": True}


@pytest.fixture(autouse=True)
def lab():
    """A model of this installation."""
    group = ModelGroup.objects.create(environment=local.environment(), name="custom-lab")
    return AIModel.objects.create(group=group, name="lab-7b")


def said(**members: Any) -> dict[str, Any]:
    """A limit, as a file says it."""
    return {"measure": "messages", "amount": "10", "period": "day", "zone": "UTC"} | members


def amounts() -> list[int]:
    return sorted(Limit.objects.values_list("parts", flat=True))


# The export


def test_a_limit_is_exported_by_names(alice, lab):
    limited(5, person=alice, model=lab, environment=lab.group.environment, zone="Asia/Shanghai")
    (only,) = json.loads(exported())["limits"]
    assert only == {
        "measure": "messages",
        "amount": "5",
        "currency": "",
        "period": "day",
        "zone": "Asia/Shanghai",
        "person": "alice",
        "environment": "local",
        "model": LAB,
        "each": True,
        "hard": True,
        "enabled": True,
    }


def test_the_export_is_the_same_in_whatever_order_limits_were_set():
    limited(5)
    limited(10, is_hard=False)
    before = exported()
    Limit.objects.all().delete()
    limited(10, is_hard=False)
    limited(5)
    limited(5)  # of two that say the same, one is enough
    assert exported() == before


def test_an_export_takes_the_same_queries_however_many_limits_there_are(alice, lab):
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            exporting.current()
        return len(captured)

    limited(1, person=alice, model=lab)
    before = queries()
    for number in range(2, 8):
        limited(number, person=alice, model=lab)
    assert queries() == before


# What stands against it: the rules of the page


@pytest.mark.parametrize(
    ("limit", "member", "says"),
    [
        (said(measure="pictures"), "measure", "valid choice"),
        (said(amount="0"), "amount", "more than nothing"),
        (said(amount="2" + "0" * 15), "amount", "too much"),
        (said(amount="1.5"), "amount", "Only money"),
        (said(measure="money", currency="CNY", amount="0.00000000001"), "amount", "ten decimals"),
        (said(measure="money"), "currency", "three letters"),
        (said(period=""), "period", "Choose an hour"),
        (said(period="week"), "period", "valid choice"),
        (said(zone="Asia/Peking"), "zone", "no time zone"),
        (said(person="alice", team="Lab"), "team", "not both"),
        (said(model=LAB, environment="env-a"), "model", "another environment"),
        (said(amount=10), "amount", "an amount as text"),
        (said(model="lab-7b"), "model", "local/custom-lab/lab-7b"),
        (said(each="yes"), "each", "true or false"),
        (said(color="red"), "color", "no such member"),
    ],
)
def test_what_the_page_refuses_the_file_cannot_bring(alice, limit, member, says):
    Team.objects.create(name="Lab")
    Environment.objects.create(kind="cloudbase", env_id="env-a", name="Demo")
    found = refusals(limits=[said(amount="7"), limit])
    assert list(found) == [f"$.limits[1].{member}"]
    assert says in found[f"$.limits[1].{member}"]


def test_the_same_limit_twice_is_a_mistake():
    assert "twice" in refusals(limits=[said(), said()])["$.limits[1]"]
    limited(10, zone="UTC")
    assert "twice" in refusals(limits=[said(), said()])["$.limits[1]"]


def test_what_a_limit_needs_is_asked_for():
    assert list(refusals(limits=[{"period": "day"}])) == ["$.limits[0]"]


def test_limits_are_a_list():
    assert "a list" in refusals(limits=said())["$.limits"]


# What is not here


def test_a_limit_of_somebody_or_something_unknown_is_listed_and_left_out(alice):
    unknown = {"person": "bob", "team": "Lab", "environment": "env-a", "model": "local/custom-x/m"}
    limits = [said(**{member: name}) for member, name in unknown.items()]
    plan = imported(limits=[*limits, said(person="alice")])
    assert {(each.lack, each.name, each.place) for each in plan.missing} == {
        (Lack.NAMED, name, f"$.limits[{number}].{member}")
        for number, (member, name) in enumerate(unknown.items())
    }
    assert Limit.objects.get().person == alice


def test_everyone_is_no_team_that_a_limit_is_for():
    Team.objects.everyone()
    (missing,) = planned(limits=[said(team="Everyone")]).missing
    assert missing.place == "$.limits[0].team"


def test_a_limit_names_what_the_same_file_brings(alice):
    file = custom("custom-new", models=[{"name": "m/1"}])
    file |= {"teams": [{"name": "Lab", "members": ["alice"]}]}
    plan = imported(**file, limits=[said(team="Lab", model="local/custom-new/m/1")])
    assert {each.lack for each in plan.missing} == {Lack.GROUP_KEY}
    limit = Limit.objects.get()
    assert (limit.team.name, limit.model.name) == ("Lab", "m/1")


# What it does


def test_importing_again_changes_nothing(alice, lab):
    limits = [
        said(person="alice", each=False, currency="CNY"),
        said(measure="money", amount="1.50", currency="cny"),
        said(measure="answers", amount="2", period="month"),
        {"measure": "tokens", "amount": "100", "period": "hour"},
    ]
    imported(limits=limits)
    assert Limit.objects.count() == 4
    assert planned(limits=limits).to_do == ()
    assert Limit.objects.get(person=alice).is_each  # a person is one
    assert Limit.objects.get(measure="money").currency == "CNY"
    assert Limit.objects.get(measure="answers").period == ""


def test_a_limit_becomes_another_one_if_only_these_two_are_for_the_same(root, alice):
    before = limited(10, person=alice, zone="UTC")
    limited(20)
    plan = imported(root, limits=[said(person="alice", amount="15", zone="Asia/Shanghai")])
    (step,) = plan.to_do
    assert step.changed == ("amount", "zone")
    before.refresh_from_db()
    assert (before.parts, before.zone) == (15, "Asia/Shanghai")
    assert amounts() == [15, 20]
    entry = AuditEntry.objects.get(action="limit.updated")
    assert (entry.actor, entry.before["amount"], entry.after["amount"]) == ("root", "10", "15")


def test_what_a_file_leaves_out_of_a_limit_stays():
    limited(10, zone="Asia/Shanghai", is_on=False)
    assert planned(limits=[{"measure": "messages", "amount": "10", "period": "day"}]).to_do == ()
    imported(limits=[{"measure": "messages", "amount": "9", "period": "day"}])
    limit = Limit.objects.get()
    assert (limit.parts, limit.zone, limit.is_on) == (9, "Asia/Shanghai", False)


@pytest.mark.parametrize(
    ("here", "wanted", "then"),
    [
        ([], [10, 20], [10, 20]),
        ([10], [10, 20], [10, 20]),
        ([10, 20], [20], [10, 20]),
        ([10, 20], [10, 30], [10, 30]),
        ([10], [20], [20]),
        ([10, 20], [15], None),
        ([10], [15, 20], None),
        ([10, 20], [15, 25], None),
    ],
)
def test_limits_for_the_same_are_never_taken_for_each_other(here, wanted, then):
    for parts in here:
        limited(parts)
    limits = [said(amount=str(amount)) for amount in wanted]
    if then is None:
        assert "which becomes which" in next(iter(refusals(limits=limits).values()))
    else:
        imported(limits=limits)
        assert amounts() == then
        assert planned(limits=limits).to_do == ()


few = st.builds(
    said,
    amount=st.sampled_from(["1", "2", "3"]),
    hard=st.booleans(),
    zone=st.sampled_from(["UTC", "Asia/Shanghai"]),
)
several = st.lists(few, max_size=4, unique_by=repr)


@given(several, several)
@settings(max_examples=300, deadline=None, suppress_health_check=[*HealthCheck])
def test_whatever_is_imported_is_here_then_and_nothing_else_is_lost(first, second):
    here = items_of(first)
    compared = Limits().compared(items_of(second), here, Known({}))
    if compared.problems:
        return
    before = [step.before for step in compared.steps if step.before is not None]
    kept = [item.members for item in here if item.members not in before]
    then = [*kept, *(step.result for step in compared.steps)]
    assert len(then) == len(here) + sum(step.before is None for step in compared.steps)
    again = Limits().compared(items_of(second), items_of(then), Known({}))
    assert again.problems == ()
    assert {step.verdict for step in again.steps} <= {Verdict.SAME}


def items_of(limits: Any) -> list[Item]:
    """Limits as a file has them, one by one."""
    file = sections.whole()(limits=[msgspec.convert(each, LimitPart) for each in limits])  # type: ignore[call-arg]  # its members are known only now
    found = [replace(each, members=FULL | each.members) for each in items(file)]
    return [each for each in found if each.kind == "limit"]


def test_one_that_tells_and_one_that_refuses_are_not_for_the_same():
    limited(10)
    imported(limits=[said(amount="8", hard=False)])
    assert amounts() == [8, 10]


def test_a_limit_is_switched_off_and_counts_anew_when_it_is_on_again():
    limit = limited(10, zone="UTC")
    limit.counters.create(begins_at="2026-01-01T00:00:00Z", used=7)
    imported(limits=[said(enabled=False)])
    limit.refresh_from_db()
    assert not limit.is_on
    assert not limit.counters.exists()


def test_what_is_imported_is_recorded_like_a_change_on_the_page(root):
    imported(root, limits=[said()])
    created = AuditEntry.objects.get(action="limit.created")
    assert (created.actor, created.subject) == ("root", "10 messages a day for each person")
    done = AuditEntry.objects.get(action="configuration.imported")
    assert done.after == {"created": {"limit": 1}, "changed": {}}


def test_a_plan_that_is_out_of_date_is_not_applied():
    wanted = configured(limits=[said()])
    seen = applying.planned(wanted).digest
    limited(7)
    with pytest.raises(applying.NotApplied) as refusal:
        applying.apply(None, wanted, seen)
    assert [step.verdict for step in refusal.value.plan.to_do] == [Verdict.CHANGE]
    assert amounts() == [7]


def test_a_plan_takes_the_same_queries_however_many_limits_there_are():
    def queries(number: int) -> int:
        limits = [said(amount=str(each)) for each in range(1, number + 1)]
        with CaptureQueriesContext(connection) as captured:
            planned(limits=limits)
        return len(captured)

    assert queries(1) == queries(40)


def test_the_preview_says_what_is_limited(root):
    limited(10, zone="UTC")
    browser = Client()
    browser.force_login(root)
    limits = [said(amount="12"), said(amount="500", measure="tokens", hard=False)]
    limits.append(said(person="bob"))
    text = json.dumps({"format": "chatsite.configuration", "version": 1, "limits": limits})
    shown = words(the(page(browser.post(reverse("configuration_import"), {"text": text})), "main"))
    assert (
        "Limits What Values 10 messages a day for each person is changed amount: 10 → 12" in shown
    )
    assert "500 tokens a day for each person is added" in shown
    assert "refuse what is above it: no" in shown
    assert "bob $.limits[2].person" in shown

"""A limit that goes with what it names is written down as if it had been deleted by itself."""

from __future__ import annotations

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client
from django.urls import reverse

from admin_models import dependents, local
from admin_models.models import AIModel, AuditEntry, Environment, ModelGroup, Team
from chat.limits import changes, rules, words
from chat.models import Limit
from chat.operations import erasure
from tests.chat.limits.limiting import limited
from tests.pages.html import page, the
from tests.pages.html import words as shown


@pytest.fixture
def admin(root):
    client = Client()
    client.force_login(root)
    return client


@pytest.fixture
def demo(transactional_db):
    """An environment with a model."""
    environment = Environment.objects.create(kind="cloudbase", env_id="env-a", name="Demo")
    group = ModelGroup.objects.create(environment=environment, name="cloudbase")
    AIModel.objects.create(group=group, name="m")
    return environment


@pytest.fixture
def lab(transactional_db):
    """A group of the local environment with a model."""
    group = ModelGroup.objects.create(environment=local.environment(), name="custom-lab")
    AIModel.objects.create(group=group, name="lab-7b")
    return group


def endings() -> list[AuditEntry]:
    return list(AuditEntry.objects.filter(action="limit.deleted").order_by("pk"))


def ending() -> AuditEntry:
    (only,) = endings()
    assert not Limit.objects.exists()
    return only


# By what


def test_a_limit_that_is_deleted_itself_names_no_other_reason(root, alice):
    changes.delete(root, limited(5, person=alice))
    entry = ending()
    assert (entry.actor, entry.after) == ("root", {})
    assert (entry.before["amount"], entry.before["person"]) == ("5", "alice")
    assert entry.subject == "5 messages a day for alice"


def test_the_limits_of_a_team_go_with_it(admin):
    team = Team.objects.create(name="Students")
    limit = limited(10, team=team, is_each=True)
    asked = admin.get(reverse("team_delete", args=[team.pk]))
    assert "These are deleted too limits: 1" in shown(the(page(asked), "main"))
    assert admin.post(reverse("team_delete", args=[team.pk])).status_code == 302
    entry = ending()
    assert (entry.actor, entry.subject_key) == ("root", str(limit.pk))
    assert entry.subject == "10 messages a day for each person of the team Students"
    assert (entry.before["team"], entry.before["amount"]) == ("Students", "10")
    assert entry.after == {"deleted_with": {"team": "Students"}}


def test_the_limits_of_an_environment_and_of_its_models_go_with_it(admin, demo):
    limited(10, environment=demo)
    limited(20, environment=demo, model=AIModel.objects.get())
    limited(30, model=AIModel.objects.get())
    kept = limited(40)
    asked = admin.get(reverse("environment_delete", args=[demo.pk]))
    assert "These are deleted too limits: 3" in shown(the(page(asked), "main"))
    admin.post(reverse("environment_delete", args=[demo.pk]))
    assert Limit.objects.get() == kept
    assert [entry.before["amount"] for entry in endings()] == ["10", "20", "30"]
    assert {entry.actor for entry in endings()} == {"root"}
    for entry in endings():
        assert entry.after == {"deleted_with": {"environment": "Demo"}}


def test_the_limits_of_a_groups_models_go_with_it(admin, lab):
    limited(10, model=lab.models.get())
    address = reverse("groups_delete", args=[lab.environment_id])
    asked = admin.get(address, {"group": lab.name})
    assert "These are deleted too limits: 1" in shown(the(page(asked), "main"))
    assert admin.post(address, {"group": lab.name}).status_code == 302
    entry = ending()
    assert (entry.actor, entry.after) == ("root", {"deleted_with": {"group": "custom-lab"}})
    assert entry.subject == "10 messages a day for each person with the model lab-7b"


def test_the_limits_of_a_model_go_with_it(lab):
    limited(10, model=lab.models.get())
    AIModel.objects.filter(name="lab-7b").delete()
    entry = ending()
    assert (entry.actor, entry.after) == ("command line", {"deleted_with": {"model": "lab-7b"}})


def test_the_limits_of_an_account_that_a_superuser_deletes_go_with_it(admin, root, alice):
    User.objects.filter(pk=root.pk).update(is_superuser=True)
    limited(10, person=alice)
    address = reverse("admin:auth_user_delete", args=[alice.pk])
    assert admin.post(address, {"post": "yes"}).status_code == 302
    entry = ending()
    assert (entry.actor, entry.after) == ("root", {"deleted_with": {"person": "alice"}})


def test_the_limits_of_whoever_is_erased_are_written_down_without_the_name(admin, root, alice):
    name = f"person {alice.pk}"
    limit = Limit(measure="messages", parts=10, period="day", person=alice)
    changes.save(root, limit)
    limit.parts = 20
    changes.save(root, limit)
    assert erasure.preview(alice).limits == 1
    asked = admin.get(reverse("person_data", args=[alice.pk]))
    assert "Limits for this person alone that are deleted: 1." in shown(the(page(asked), "main"))
    async_to_sync(erasure.erase)(root, alice)
    entry = ending()
    assert (entry.actor, entry.before["person"]) == ("root", name)
    assert entry.after == {"deleted_with": {"person": name}}
    subjects = set(
        AuditEntry.objects.filter(subject_kind="limit").values_list("subject", flat=True)
    )
    assert subjects == {f"10 messages a day for {name}", f"20 messages a day for {name}"}


def test_whoever_erases_themselves_is_not_named_by_their_limits(alice, root):
    limited(10, person=alice)
    async_to_sync(erasure.erase)(alice, alice)
    assert ending().actor == f"person {alice.pk}"


# When


def test_what_is_not_deleted_after_all_leaves_nothing(lab):
    limited(10, model=lab.models.get())
    with transaction.atomic():
        lab.delete()
        assert len(endings()) == 1
        transaction.set_rollback(True)
    assert Limit.objects.exists()
    assert endings() == []


def test_a_limit_that_is_gone_counts_no_more(lab):
    limited(10, model=lab.models.get())
    assert len(rules.current()) == 1
    lab.delete()
    assert rules.current() == ()


# What is shown before


def test_what_stays_and_what_goes_are_told_apart(demo, alice):
    model = AIModel.objects.get()
    alice.conversations.create(title="Hers", model=model)
    Team.objects.create(name="Lab").models_allowed.add(model)
    limited(10, model=model)
    found = dependents.of(AIModel.objects.all())
    assert set(found.staying) == {("conversations", 1), ("teams", 1)}
    assert found.going == (("limits", 1),)


def test_what_belongs_to_an_environment_is_nothing_that_depends_on_it(demo):
    demo.list_versions.create(group="cloudbase", before=[], after=[])
    assert not dependents.of(Environment.objects.all()).are_any


@pytest.mark.parametrize("end", ["", " with the model m", " in the environment E"])
def test_a_person_is_renamed_in_the_phrase_of_a_limit(end):
    old, new = (f"5 messages a day for {name}{end}" for name in ("bob", "person 7"))
    assert words.renamed(old, "bob", "person 7") == new


@pytest.mark.parametrize("whom", ["bobby", "the team bob together", "each person"])
def test_nobody_else_is_renamed(whom):
    phrase = f"5 messages a day for {whom}"
    assert words.renamed(phrase, "bob", "person 7") == phrase

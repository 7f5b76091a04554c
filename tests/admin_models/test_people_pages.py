"""People and teams: made, changed and kept out by pages, and each change recorded."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from admin_models import access, local, roles
from admin_models.models import AIModel, AuditEntry, ModelGroup, Team
from admin_models.roles import Role
from tests.pages.html import page, the, words


@pytest.fixture
def browser(root):
    client = Client()
    client.force_login(root)
    return client


@pytest.fixture
def model(root):
    group = ModelGroup.objects.create(environment=local.environment(), name="custom-lab")
    return AIModel.objects.create(group=group, name="lab-7b")


@pytest.fixture
def lab(db):
    return Team.objects.create(name="Lab")


def recorded() -> list[tuple[str, str, str]]:
    rows = AuditEntry.objects.order_by("pk")
    return [(row.actor, row.action, row.subject) for row in rows]


def person_url(person: User) -> str:
    return reverse("person", args=[person.pk])


# ── People ───────────────────────────────────────────────────────────────────


def listed(browser, **query: str) -> list[str]:
    table = page(browser.get(reverse("people"), query))
    return [words(the(row, "a")) for row in table.select("tbody tr")]


def test_the_list_says_who_may_what(browser, alice, lab):
    lab.members.add(alice)
    roles.set_role(None, alice, Role.OPERATIONS)
    shown = page(browser.get(reverse("people")))
    row = next(row for row in shown.select("tbody tr") if "alice" in words(row))
    assert [words(cell) for cell in row.select("td")] == ["operations", "Lab", "–"]
    assert "alice@example.org" in words(row)


def test_people_are_found_by_name_and_address(browser, alice, mallory):
    assert listed(browser) == ["alice", "mallory", "root"]
    assert listed(browser, q="LIC") == ["alice"]
    assert listed(browser, q="mallory@example") == ["mallory"]
    assert "Nobody found" in browser.get(reverse("people"), {"q": "%"}).content.decode()


def test_many_people_are_shown_in_parts(browser):
    User.objects.bulk_create(User(username=f"person-{n:03}") for n in range(120))
    assert len(listed(browser)) == 50
    assert listed(browser, page="3")[-1] == "root"
    assert listed(browser, page="nonsense") == listed(browser)


def test_the_list_costs_as_much_for_many_as_for_few(browser, lab):
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            browser.get(reverse("people"))
        return len(queries)

    before = cost()
    people = User.objects.bulk_create(User(username=f"person-{n:03}") for n in range(40))
    lab.members.set(people)
    assert cost() == before


def test_a_new_person_gets_a_role_and_teams_and_sets_the_password_themselves(browser, lab):
    typed = {"username": "bob", "email": "bob@example.org", "role": "operations", "teams": [lab.pk]}
    made = browser.post(reverse("person_new"), typed, follow=True)
    bob = User.objects.get(username="bob")
    assert roles.role_of(bob) is Role.OPERATIONS
    assert list(bob.teams.all()) == [lab]
    assert not bob.has_usable_password()
    assert [action for _who, action, _whom in recorded()] == [
        "person.created",
        "person.role_changed",
        "person.updated",
    ]
    assert "No password yet" in made.content.decode()

    shown = browser.post(reverse("person_link", args=[bob.pk]))
    link = str(the(page(shown), "#link")["value"])
    assert shown["Cache-Control"].startswith("max-age=0")
    assert recorded()[-1] == ("root", "person.link_made", "bob")
    assert link not in str(list(AuditEntry.objects.values()))

    visitor = Client()
    form = visitor.get(link, follow=True)
    address = form.redirect_chain[-1][0]
    new = {"password1": "right horse wrong", "password2": "right horse wrong"}
    visitor.post(address, new)
    assert Client().login(username="bob", password="right horse wrong")
    again = Client().get(link, follow=True)
    assert "password1" not in again.content.decode()


def test_there_is_no_link_for_whoever_has_a_password(browser, alice):
    assert "Make the link" not in browser.get(person_url(alice)).content.decode()
    shown = browser.post(reverse("person_link", args=[alice.pk]), follow=True)
    assert not page(shown).select("#link")
    assert recorded() == []


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"username": "Alice"}, "already exists"),
        ({"username": "not a name"}, "valid username"),
        ({"username": "", "email": "bob@example.org"}, "required"),
        ({"username": "bob", "email": "ALICE@example.org"}, "Somebody else has"),
        ({"username": "bob", "role": "emperor"}, "valid choice"),
    ],
)
def test_what_is_wrong_with_a_new_person_is_said_and_what_was_typed_stays(
    browser, alice, typed, sentence
):
    shown = browser.post(reverse("person_new"), {"role": "user"} | typed)
    assert shown.status_code == 422
    assert sentence in words(the(page(shown), ".form-error"))
    assert the(page(shown), "#id_username").get("value", "") == typed["username"]
    assert recorded() == []


def test_a_role_is_given_and_taken(browser, alice):
    for role in Role:
        sent = {"role": role.value, "is_active": "on"}
        assert browser.post(person_url(alice), sent).status_code == 302
        assert roles.role_of(User.objects.get(pk=alice.pk)) is role
        checked = page(browser.get(person_url(alice))).select("[name=role][checked]")
        assert [radio["value"] for radio in checked] == [role.value]


def test_whoever_is_kept_out_is_signed_out_and_can_come_back(browser, alice):
    hers = Client()
    hers.force_login(alice)
    browser.post(person_url(alice), {"role": "user"})
    assert hers.get("/").status_code == 302
    assert "deactivated" in browser.get(reverse("people")).content.decode()
    browser.post(person_url(alice), {"role": "user", "is_active": "on"})
    assert Client().login(username="alice", password="correct horse")
    states = AuditEntry.objects.order_by("pk").values_list("before", "after")
    assert list(states) == [
        ({"is_active": True}, {"is_active": False}),
        ({"is_active": False}, {"is_active": True}),
    ]


@pytest.mark.parametrize("sent", [{"role": "user", "is_active": "on"}, {"role": "admin"}])
def test_the_last_administrator_cannot_be_lost(browser, root, sent):
    shown = browser.post(person_url(root), sent)
    assert shown.status_code == 422
    assert "last administrator" in words(the(page(shown), ".form-error"))
    root.refresh_from_db()
    assert root.is_staff
    assert root.is_active
    assert recorded() == []


def test_an_administrator_may_step_down_while_there_is_another(browser, root, alice):
    roles.set_role(root, alice, Role.ADMIN)
    left = browser.post(person_url(root), {"role": "user", "is_active": "on"})
    assert left["Location"] == "/"
    assert browser.get(reverse("people")).status_code == 404


def test_saving_what_is_there_records_nothing(browser, alice, lab):
    lab.members.add(alice)
    sent = {"role": "user", "is_active": "on", "teams": [lab.pk]}
    browser.post(person_url(alice), sent)
    assert recorded() == []


def test_nobody_joins_the_team_of_everyone(browser, alice):
    everyone = Team.objects.everyone()
    sent = {"role": "user", "is_active": "on", "teams": [everyone.pk]}
    assert browser.post(person_url(alice), sent).status_code == 422
    assert not everyone.members.exists()


# ── Teams ────────────────────────────────────────────────────────────────────


def test_a_team_is_made_changed_and_deleted(browser, alice, model):
    typed = {"name": "Lab", "members": [alice.pk], "models_allowed": [model.pk]}
    browser.post(reverse("team_new"), typed)
    team = Team.objects.get(name="Lab")
    assert (list(team.members.all()), list(team.models_allowed.all())) == ([alice], [model])

    address = reverse("team", args=[team.pk])
    shown = page(browser.get(address))
    ticked = {str(box["value"]) for box in shown.select("input[type=checkbox][checked]")}
    assert ticked == {str(alice.pk), str(model.pk)}
    browser.post(address, {"name": "Labs", "model_groups": [model.group_id]})
    team.refresh_from_db()
    assert (team.name, list(team.members.all())) == ("Labs", [])

    delete = reverse("team_delete", args=[team.pk])
    assert "Nobody belongs to it" in browser.get(delete).content.decode()
    browser.post(delete)
    assert not Team.objects.filter(pk=team.pk).exists()
    env_id = local.environment().env_id
    kept = AuditEntry.objects.order_by("pk").values_list("action", "before", "after")
    assert [action for action, _before, _after in kept] == [
        "team.created",
        "team.updated",
        "team.deleted",
    ]
    assert kept[0][2]["models_allowed"] == [f"{env_id}/custom-lab/lab-7b"]
    assert kept[1][1]["members"] == ["alice"]
    assert kept[1][2]["model_groups"] == [f"{env_id}/custom-lab"]


def test_narrowing_everyone_is_heard_of_at_once(browser, alice, model):
    assert access.may_use(alice.pk, model)
    everyone = Team.objects.everyone()
    browser.post(reverse("team", args=[everyone.pk]), {"name": "Nobody", "members": [alice.pk]})
    assert not access.may_use(alice.pk, model)
    everyone.refresh_from_db()
    assert everyone.name == "Everyone"
    assert not everyone.members.exists()


def test_the_team_of_everyone_is_listed_first_and_never_deleted(browser, lab):
    everyone = Team.objects.everyone()
    rows = page(browser.get(reverse("teams"))).select("tbody tr")
    assert [words(row) for row in rows] == ["Everyone everybody every model", "Lab 0 none"]
    assert browser.post(reverse("team_delete", args=[everyone.pk])).status_code == 404
    shown = browser.get(reverse("team", args=[everyone.pk])).content.decode()
    assert "Delete this team" not in shown


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"name": ""}, "required"),
        ({"name": "Lab"}, "Another team has this name"),
        ({"name": "New", "members": ["4711"]}, "4711"),
        ({"name": "New", "models_allowed": ["nonsense"]}, "nonsense"),
    ],
)
def test_what_is_wrong_with_a_team_is_said_and_what_was_ticked_stays(
    browser, lab, alice, typed, sentence
):
    typed = {"members": [alice.pk]} | typed
    shown = browser.post(reverse("team_new"), typed)
    assert shown.status_code == 422
    assert any(sentence in words(error) for error in page(shown).select(".form-error"))
    assert Team.objects.filter(is_everyone=False).count() == 1
    if typed["members"] == [alice.pk]:
        assert page(shown).select(f"[name=members][value='{alice.pk}'][checked]")


def test_a_team_page_with_fifty_groups_of_fifty_models_asks_a_constant_number_of_times(
    browser, model
):
    address = reverse("team", args=[Team.objects.create(name="Lab").pk])

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            browser.get(address)
        return len(queries)

    before = cost()
    home = local.environment()
    groups = ModelGroup.objects.bulk_create(
        ModelGroup(environment=home, name=f"custom-{n}") for n in range(49)
    )
    AIModel.objects.bulk_create(
        AIModel(group=group, name=f"model-{n}") for group in groups for n in range(50)
    )
    assert cost() == before
    boxes = page(browser.get(address)).select("[name=models_allowed]")
    assert len(boxes) == 1 + 49 * 50


def test_a_team_may_name_thousands(browser, model):
    models = AIModel.objects.bulk_create(
        AIModel(group=model.group, name=f"model-{n}") for n in range(2500)
    )
    typed = {"name": "All", "models_allowed": [row.pk for row in models]}
    assert browser.post(reverse("team_new"), typed).status_code == 302
    assert Team.objects.get(name="All").models_allowed.count() == 2500

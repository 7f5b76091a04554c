"""Django's own admin: our tables to read, without secrets; accounts, each change recorded."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from admin_models import local, roles
from admin_models.models import AIModel, AuditEntry, Environment, ModelGroup, Observation, Price
from tests.pages.html import page, the, words

CANARY = "sk-canary-1234567890"
SHOWN = [
    table
    for table in apps.get_app_config("admin_models").get_models()
    if table in admin.site._registry
]


@pytest.fixture
def browser(root):
    client = Client()
    client.force_login(root)
    return client


@pytest.fixture
def group(root):
    group = ModelGroup(
        environment=local.environment(), name="custom-lab", base_url="https://a.example/v1"
    )
    group.keep_key(CANARY, by=root)
    group.save()
    AIModel.objects.create(group=group, name="lab-7b")
    return group


def address(table, kind: str, *arguments: object) -> str:
    return reverse(f"admin:{table._meta.app_label}_{table._meta.model_name}_{kind}", args=arguments)


# ── Our tables ───────────────────────────────────────────────────────────────


@pytest.mark.parametrize("table", SHOWN, ids=lambda table: table.__name__)
def test_every_table_can_be_read_and_not_written(browser, table):
    assert browser.get(address(table, "changelist")).status_code == 200
    assert browser.get(address(table, "add")).status_code == 403
    assert browser.post(address(table, "add"), {}).status_code == 403


@pytest.mark.parametrize("table", [Environment, ModelGroup, Observation], ids=lambda t: t.__name__)
def test_a_row_can_be_read_and_not_changed_or_deleted(browser, group, table):
    Observation.objects.create(environment=group.environment, action="DescribeAIModels")
    row = table.objects.first()
    change, delete = address(table, "change", row.pk), address(table, "delete", row.pk)
    shown = page(browser.get(change))
    assert not shown.select("#content-main input:not([type=hidden])")
    assert browser.post(change, {"name": "Other"}).status_code == 403
    assert browser.post(delete, {"post": "yes"}).status_code == 403
    assert table.objects.filter(pk=row.pk).exists()


def test_rows_that_are_ticked_cannot_be_deleted(browser, group):
    ticked = {"action": "delete_selected", "_selected_action": [group.pk], "post": "yes"}
    browser.post(address(ModelGroup, "changelist"), ticked)
    assert ModelGroup.objects.filter(pk=group.pk).exists()


def test_of_a_key_only_who_set_it_is_shown(browser, group):
    one = browser.get(address(ModelGroup, "change", group.pk))
    for shown in (one, browser.get(address(ModelGroup, "changelist"))):
        assert CANARY not in shown.content.decode()
        assert group.sealed_key not in shown.content.decode()
    assert words(the(page(one), ".field-key_set_by .readonly")) == "root"


def test_no_sealed_member_is_among_the_shown_fields(browser, rf, root):
    request = rf.get("/")
    request.user = root
    for table in SHOWN:
        fields = admin.site._registry[table].get_fields(request)
        assert not [name for name in fields if name.startswith("sealed_")], table


def test_an_administrator_who_is_no_superuser_reads_them_too(group, alice, root):
    roles.set_role(root, alice, roles.Role.ADMIN)
    client = Client()
    client.force_login(alice)
    assert client.get(address(Price, "changelist")).status_code == 200
    assert client.get(reverse("admin:auth_user_changelist")).status_code == 403


def test_people_who_are_not_staff_are_refused(group, alice):
    client = Client()
    client.force_login(alice)
    assert client.get(address(ModelGroup, "change", group.pk)).status_code in (302, 403)


# ── Accounts ─────────────────────────────────────────────────────────────────


def account(person: User, **changes: object) -> dict[str, object]:
    """What the form of an account sends; None leaves something out."""
    form = {
        "username": person.username,
        "email": person.email,
        "is_active": "on" if person.is_active else None,
        "is_staff": "on" if person.is_staff else None,
        "is_superuser": "on" if person.is_superuser else None,
        "date_joined_0": "2026-01-01",
        "date_joined_1": "10:00:00",
    }
    return {name: value for name, value in (form | changes).items() if value is not None}


def test_changing_an_account_is_recorded(browser, alice):
    browser.post(address(User, "change", alice.pk), account(alice, email="new@example.org"))
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.action, entry.subject) == ("root", "person.updated", "alice")
    assert (entry.before, entry.after) == (
        {"email": "alice@example.org"},
        {"email": "new@example.org"},
    )


def test_a_new_password_is_recorded_and_not_told(browser, alice):
    typed = {"password1": "right horse wrong", "password2": "right horse wrong"}
    set_it = reverse("admin:auth_user_password_change", args=[alice.pk])
    browser.post(set_it, typed | {"usable_password": "true", "set-password": "1"})
    entry = AuditEntry.objects.get()
    assert entry.action == "person.updated"
    assert entry.after == {"password": "changed"}
    alice.refresh_from_db()
    assert alice.check_password("right horse wrong")


def test_making_and_deleting_an_account_is_recorded(browser):
    typed = {"password1": "right horse wrong", "password2": "right horse wrong"}
    browser.post(address(User, "add"), typed | {"username": "bob", "usable_password": "true"})
    bob = User.objects.get(username="bob")
    browser.post(address(User, "delete", bob.pk), {"post": "yes"})
    actions = AuditEntry.objects.order_by("pk").values_list("action", "subject")
    assert list(actions) == [("person.created", "bob"), ("person.deleted", "bob")]


@pytest.mark.parametrize("right", ["is_staff", "is_active"])
def test_the_last_administrator_cannot_be_locked_out(browser, root, right):
    shown = browser.post(address(User, "change", root.pk), account(root, **{right: None}))
    assert "last administrator" in shown.content.decode()
    root.refresh_from_db()
    assert root.is_staff
    assert root.is_active


def test_nobody_deletes_their_own_account(browser, root, alice):
    assert browser.post(address(User, "delete", root.pk), {"post": "yes"}).status_code == 403
    ticked = {"action": "delete_selected", "_selected_action": [root.pk], "post": "yes"}
    browser.post(address(User, "changelist"), ticked)
    assert User.objects.filter(pk=root.pk).exists()


def test_roles_and_addresses_are_not_changed_here(browser):
    registered = {table._meta.label for table in admin.site._registry}
    assert not registered & {"auth.Group", "account.EmailAddress"}

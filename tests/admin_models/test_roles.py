"""Users, operations, administrators: who is what, and what each may open."""

from __future__ import annotations

import asyncio

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import AnonymousUser, User
from django.db import connection
from django.urls import reverse

from admin_models import local, roles
from admin_models.consumers import NOT_STAFF
from admin_models.models import AIModel, AuditEntry, ModelGroup
from admin_models.roles import Role
from tests.admin_models.browsers import Browser, signed_in
from tests.chat.sockets import connected
from tests.pages.html import page, the, words

# ── Who is what ──────────────────────────────────────────────────────────────


@pytest.mark.parametrize("role", Role)
def test_a_person_has_the_role_that_was_given(alice, root, role):
    roles.set_role(root, alice, role)
    person = User.objects.get(pk=alice.pk)
    assert roles.role_of(person) is role
    assert roles.is_admin(person) == (role is Role.ADMIN)
    assert roles.is_operator(person) == (role in (Role.ADMIN, Role.OPERATIONS))


def test_whoever_is_not_signed_in_is_nobody():
    assert not roles.is_admin(AnonymousUser())
    assert not roles.is_operator(AnonymousUser())


def test_each_change_of_a_role_is_recorded_once(alice, root):
    for role in (Role.OPERATIONS, Role.OPERATIONS, Role.ADMIN, Role.USER):
        roles.set_role(root, alice, role)
    rows = AuditEntry.objects.order_by("pk").values_list("actor", "action", "subject", "after")
    assert [(*row[:3], row[3]["role"]) for row in rows] == [
        ("root", "person.role_changed", "alice", "operations"),
        ("root", "person.role_changed", "alice", "admin"),
        ("root", "person.role_changed", "alice", "user"),
    ]


def test_whoever_is_no_administrator_any_more_has_no_rights_left(root, alice):
    roles.set_role(root, alice, Role.ADMIN)
    roles.set_role(alice, root, Role.OPERATIONS)
    root.refresh_from_db()
    assert not root.is_staff
    assert not root.is_superuser


def test_the_last_administrator_stays_one(root, alice):
    with pytest.raises(roles.LastAdmin):
        roles.set_role(root, root, Role.USER)
    root.refresh_from_db()
    assert root.is_staff
    assert not AuditEntry.objects.exists()


def test_an_administrator_who_cannot_sign_in_is_none_to_count_on(root, alice):
    roles.set_role(root, alice, Role.ADMIN)
    User.objects.filter(pk=alice.pk).update(is_active=False)
    with pytest.raises(roles.LastAdmin):
        roles.set_role(root, root, Role.USER)


async def test_two_administrators_who_demote_each_other_at_once_leave_one(root, alice):
    await sync_to_async(roles.set_role)(root, alice, Role.ADMIN)

    def demote(person: User) -> None:
        try:
            roles.set_role(root, User.objects.get(pk=person.pk), Role.USER)
        except roles.LastAdmin:
            pass
        finally:
            connection.close()

    both = [asyncio.to_thread(demote, person) for person in (root, alice)]
    await asyncio.gather(*both)
    assert await User.objects.filter(is_staff=True).acount() == 1


def test_to_look_an_administrator_up_is_no_query(root, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert roles.is_operator(root)
        assert roles.role_of(root) is Role.ADMIN


# ── What each is shown ───────────────────────────────────────────────────────


@pytest.fixture
def lab():
    """A model of this installation."""
    group = ModelGroup.objects.create(environment=local.environment(), name="custom-lab")
    return AIModel.objects.create(group=group, name="lab-7b")


async def browser_of(role: Role, root: User) -> Browser:
    person = await User.objects.acreate(username=f"some-{role}")
    await sync_to_async(roles.set_role)(root, person, role)
    return await signed_in(person)


async def menu_of(browser: Browser, page_of: str, place: str) -> set[str]:
    links = the(page(await browser.get(page_of)), place).select("a")
    return {words(link) for link in links}


async def test_the_menu_of_an_account_leads_only_where_one_may_go(root):
    shown = {}
    for role in Role:
        shown[role] = await menu_of(await browser_of(role, root), "/", "#account-menu nav")
    own = {"E-mail addresses", "Change password", "Your data"}
    assert shown[Role.USER] == own
    assert shown[Role.OPERATIONS] == own | {"Environments", "Operations"}
    assert shown[Role.ADMIN] == own | {"Environments", "Operations", "People", "Administration"}


async def test_whoever_looks_after_the_site_is_shown_no_way_to_change_it(root, lab):
    browser = await browser_of(Role.OPERATIONS, root)
    board = page(await browser.get(reverse("environments")))
    led_to = {str(link["href"]) for link in board.select("a[href]")}
    pages = {reverse(name) for name in ("environments", "usage", "audit_log")}
    assert led_to <= {"#main", "/", *pages}
    assert "lab-7b" in words(the(board, ".board"))


# ── The sockets ──────────────────────────────────────────────────────────────


async def test_what_the_board_sends_to_operations_leads_nowhere_either(root, lab, alice):
    await sync_to_async(roles.set_role)(root, alice, Role.OPERATIONS)
    async with connected("/ws/environments/", alice) as (socket, _is_in, _code):
        assert "<a " not in await socket.receive_from(8)


async def test_whoever_loses_the_role_is_not_served_any_more(root, lab, alice):
    await sync_to_async(roles.set_role)(root, alice, Role.OPERATIONS)
    async with connected("/ws/environments/", alice) as (socket, _is_in, _code):
        await socket.receive_from(8)
        await sync_to_async(roles.set_role)(root, alice, Role.USER)
        await socket.send_to(text_data='{"action": "check"}')
        assert (await socket.receive_output(8))["code"] == NOT_STAFF

"""Users, operations, administrators: who is what, and what each may open."""

from __future__ import annotations

import asyncio

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import AnonymousUser, User
from django.db import connection
from django.urls import URLPattern, reverse

from admin_models import local, roles, site_urls, urls
from admin_models.consumers import NOT_STAFF
from admin_models.models import AIModel, AuditEntry, Environment, ModelGroup, Team
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


# ── Which page is whose ──────────────────────────────────────────────────────

OPERATORS = {"environments": 200, "environments_recheck": 405, "audit_log": 200, "audit_csv": 200}
"""What those who look after the site may open, and administrators too; and what they get."""
ADMINS = {
    "catalogue_recheck": 405,
    "catalogue_switch_off": 405,
    "configuration_export": 200,
    "configuration_import": 200,
    "environment_call": 405,
    "environment_catalogue": 200,
    "environment_delete": 200,
    "environment_enable": 200,
    "environment_groups": 200,
    "environment_keys": 200,
    "environment_keys_new": 302,
    "environment_new": 200,
    "environment_packs": 200,
    "environment_preflight": 200,
    "environment_prices": 200,
    "environment_recheck": 405,
    "environment_settings": 200,
    "group_list_models": 405,
    "group_models": 405,
    "group_name_check": 200,
    "group_new": 200,
    "group_settings": 200,
    "group_switch": 405,
    "group_trial": 405,
    "group_undo": 405,
    "groups_delete": 302,
    "groups_recheck": 405,
    "model_prices": 200,
    "model_settings": 200,
    "pack_extend": 200,
    "pack_give_back": 405,
    "pack_new": 200,
    "pack_withdraw": 405,
    "people": 200,
    "person": 200,
    "person_link": 405,
    "person_new": 200,
    "team": 200,
    "team_delete": 200,
    "team_new": 200,
    "teams": 200,
}
"""What administrators alone may open."""
ELSEWHERE = {"environment_delete", "environment_keys"}
"""Pages that the local environment does not have."""
PATTERNS = (*urls.urlpatterns, *site_urls.urlpatterns)
SIGN_IN = 302
NOTHING_HERE = 404


def expected(role: Role | None) -> dict[str, int]:
    """What each page answers to somebody of a role, or to whoever is not signed in."""
    if role is None:
        return dict.fromkeys(OPERATORS | ADMINS, SIGN_IN)
    refused = {Role.USER: OPERATORS | ADMINS, Role.OPERATIONS: ADMINS, Role.ADMIN: {}}[role]
    return OPERATORS | ADMINS | dict.fromkeys(refused, NOTHING_HERE)


@pytest.fixture
def addresses(alice):
    """The address of every page, of things that are there."""
    home = local.environment()
    cloud = Environment.objects.create(kind=Environment.Kind.CLOUDBASE, name="Demo", env_id="demo")
    group = ModelGroup.objects.create(environment=home, name="custom-lab")
    model = AIModel.objects.create(group=group, name="lab-7b")
    things = {"person": alice.pk, "person_link": alice.pk}
    things |= dict.fromkeys(["team", "team_delete"], Team.objects.create(name="Lab").pk)
    things |= dict.fromkeys(ELSEWHERE, cloud.pk)

    def address(pattern: URLPattern) -> str:
        parts = {
            "pk": things.get(str(pattern.name), home.pk),
            "name": group.name,
            "group": group.name,
        }
        parts |= {"pack": home.packs.get().pk, "version": 1}
        parts["model"] = model.pk if pattern.name == "model_settings" else model.name
        wanted = {name: parts[name] for name in pattern.pattern.converters}
        return reverse(pattern.name, kwargs=wanted)

    return [(pattern.name, address(pattern)) for pattern in PATTERNS]


async def browser_of(role: Role | None, root: User) -> Browser:
    if role is None:
        return Browser()
    person = await User.objects.acreate(username=f"some-{role}")
    await sync_to_async(roles.set_role)(root, person, role)
    return await signed_in(person)


def test_every_page_has_an_entry():
    assert {pattern.name for pattern in PATTERNS} == {*OPERATORS, *ADMINS}


@pytest.mark.parametrize("role", [None, *Role])
async def test_every_page_is_for_whom_it_is_meant_and_for_nobody_else(root, addresses, role):
    browser = await browser_of(role, root)
    found = {name: (await browser.get(address)).status_code for name, address in addresses}
    assert found == expected(role)


@pytest.mark.parametrize("role", [None, Role.USER, Role.OPERATIONS])
async def test_what_is_refused_to_be_read_is_refused_to_be_sent(root, addresses, role):
    browser = await browser_of(role, root)
    sent = [(name, address) for name, address in addresses if name in ADMINS]
    found = {(await browser.post(address)).status_code for _name, address in sent}
    assert found == {SIGN_IN if role is None else NOTHING_HERE}
    assert not await AuditEntry.objects.exclude(action="person.role_changed").aexists()


# ── What each is shown ───────────────────────────────────────────────────────


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


async def test_whoever_looks_after_the_site_is_shown_no_way_to_change_it(root, addresses):
    browser = await browser_of(Role.OPERATIONS, root)
    board = page(await browser.get(reverse("environments")))
    led_to = {str(link["href"]) for link in board.select("a[href]")}
    pages = {reverse(name) for name in ("environments", "usage", "audit_log")}
    assert led_to <= {"#main", "/", *pages}
    assert "lab-7b" in words(the(board, ".board"))


# ── The sockets ──────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("role", "board", "checks"),
    [(Role.USER, False, False), (Role.OPERATIONS, True, False), (Role.ADMIN, True, True)],
)
async def test_a_socket_is_for_whom_its_page_is(root, addresses, role, board, checks):
    person = await User.objects.acreate(username="somebody")
    await sync_to_async(roles.set_role)(root, person, role)
    home = await Environment.objects.aget(kind="local")
    assert await is_let_in("/ws/environments/", person) == board
    assert await is_let_in(f"/ws/environments/{home.pk}/?intent=anything", person) == checks


async def test_what_the_board_sends_to_operations_leads_nowhere_either(root, addresses, alice):
    await sync_to_async(roles.set_role)(root, alice, Role.OPERATIONS)
    async with connected("/ws/environments/", alice) as (socket, _is_in, _code):
        assert "<a " not in await socket.receive_from(8)


async def test_whoever_loses_the_role_is_not_served_any_more(root, addresses, alice):
    await sync_to_async(roles.set_role)(root, alice, Role.OPERATIONS)
    async with connected("/ws/environments/", alice) as (socket, _is_in, _code):
        await socket.receive_from(8)
        await sync_to_async(roles.set_role)(root, alice, Role.USER)
        await socket.send_to(text_data='{"action": "check"}')
        assert (await socket.receive_output(8))["code"] == NOT_STAFF


async def is_let_in(path: str, person: User) -> bool:
    """Whether the socket of a page sends something, and does not close."""
    async with connected(path, person) as (socket, _is_in, _code):
        return bool((await socket.receive_output(8))["type"] == "websocket.send")

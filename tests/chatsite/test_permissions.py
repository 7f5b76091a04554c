"""Every address and every socket of the site is for whom it is meant, and for nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from admin_models import local, roles
from admin_models import routing as environment_routing
from admin_models.models import AIModel, AuditEntry, Environment, ModelGroup, Team
from admin_models.roles import Role
from chat import routing
from chat.models import ApiToken, Conversation, Limit
from chat.operations import tokens
from tests.admin_models.browsers import Browser, signed_in
from tests.chat.alerts.conftest import a_recipient, a_rule
from tests.chat.ledger.rows import row, written
from tests.chat.sockets import connected, in_thread
from tests.chatsite import permissions
from tests.chatsite.permissions import ADMIN, LET_IN, NOBODY, PEOPLE, SIGN_IN, SUPERUSER

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("serving"),
]

# ── Everything that has a name, and things for it to be about ────────────────


def named(resolver: URLResolver, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    """Every address with a name, as `reverse` knows it."""
    for place in resolver.url_patterns:
        if isinstance(place, URLResolver):
            yield from named(place, f"{prefix}{place.namespace}:" if place.namespace else prefix)
        elif place.name is not None:
            yield f"{prefix}{place.name}", place


ADDRESSES = list(named(get_resolver()))
SOCKETS = {
    str(place.name): place for place in (*routing.urlpatterns, *environment_routing.urlpatterns)
}


@pytest.fixture
def things(alice, root):
    """Numbers of rows by the names of addresses that are about one; of alice where they are
    somebody's."""
    cloud = Environment.objects.create(kind=Environment.Kind.CLOUDBASE, name="Demo", env_id="demo")
    group = ModelGroup(environment=local.environment(), name="custom-lab")
    group.base_url = "http://127.0.0.1:9/v1"  # where nobody answers
    group.save()
    model = AIModel.objects.create(group=group, name="lab-7b")
    talk = Conversation.objects.create(owner=alice, title="Hers", model=model)
    limit = Limit.objects.create(measure="messages", parts=9, period="day")
    token, _shown = tokens.make(root, "Report", [ApiToken.Scope.USAGE_READ], None)
    rows = {
        "conversation": talk,
        "conversation_socket": talk,
        "usage_row": written(row()),
        "api_token_revoke": token,
        "the model": model,
        **dict.fromkeys(["environment_keys", "environment_delete"], cloud),
        **dict.fromkeys(["limit", "limit_switch", "limit_delete"], limit),
        **dict.fromkeys(["alert_rule", "alert_rule_delete"], a_rule()),
        **dict.fromkeys(["person", "person_link", "person_data", "person_export"], alice),
        **dict.fromkeys(["team", "team_delete"], Team.objects.create(name="Lab")),
    }
    recipient = a_recipient(emails=["on-call@example.org"])
    named_so = (name for name, _pattern in ADDRESSES if name.startswith("alert_recipient"))
    rows |= dict.fromkeys(named_so, recipient)
    return {name: row.pk for name, row in rows.items()}


def address_of(name: str, pattern: URLPattern, things: dict[str, int]) -> str:
    """The address `name`, of something that is there where it is about something of ours."""
    home = local.environment()
    parts: dict[str, Any] = {
        "pk": things.get(name, home.pk),
        "pack": home.packs.get().pk,
        "model": things["the model"] if name == "model_settings" else "lab-7b",
        **dict.fromkeys(["name", "group"], "custom-lab"),
        "version": 1,
        "env_id": "demo",
        "day": "2026-11-20",
        "measure": "errors",
        "url": "nothing",
        "token": "wrong",
        "key": "wrong",
        "uidb36": "1",
        "object_id": 0,
        "content_type_id": 0,
        "id": things["person"],
        "app_label": "auth",
    }
    wanted = {**pattern.pattern.converters, **pattern.pattern.regex.groupindex}
    return reverse(name, kwargs={part: parts[part] for part in wanted})


async def person_of(who: str, root: User) -> User | None:
    """Somebody who may do that; None for nobody."""
    if who == NOBODY:
        return None
    if who == SUPERUSER:
        return root
    person = await User.objects.acreate_user(f"some-{who}", password="a long sentence")
    await sync_to_async(roles.set_role)(root, person, Role(who))
    return person


# ── Addresses ────────────────────────────────────────────────────────────────


def test_every_address_is_in_the_table():
    assert {name for name, _pattern in ADDRESSES} == permissions.NAMES


async def _response(browser: Browser, method: str, address: str) -> Any:
    if not address.startswith(("/accounts/", "/admin/")):
        return await getattr(browser, method)(address)
    plain = Client()  # others' pages leave database connections open elsewhere
    plain.cookies = browser.cookies
    return await in_thread(getattr(plain, method), address)


async def answered(browser: Browser, method: str, address: str) -> permissions.Answer:
    response = await _response(browser, method, address)
    if response.streaming:
        async for _piece in response:
            pass
    leads_to = response.headers.get("Location", "").partition("?")[0]
    return SIGN_IN if leads_to in ("/accounts/login/", "/admin/login/") else response.status_code


def takes_away(name: str) -> bool:
    """Whether sending to the address takes something from those that come after it."""
    return "delete" in name or "logout" in name


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("who", PEOPLE)
async def test_each_address_answers_everybody_as_the_table_says(root, things, who, method):
    person, browser = await person_of(who, root), Browser()
    found: dict[str, permissions.Answer] = {}
    expected: dict[str, permissions.Answer] = {}
    for name, pattern in sorted(ADDRESSES, key=lambda each: takes_away(each[0])):
        if person and (not found or takes_away(name)):
            browser = await signed_in(person)
        address = await sync_to_async(address_of)(name, pattern, things)
        found[address] = await answered(browser, method, address)
        expected[address] = permissions.answers(name, who)[method == "post"]
    assert found == expected
    if who not in (ADMIN, SUPERUSER):
        assert not await AuditEntry.objects.filter(actor=f"some-{who}").aexists()


@pytest.mark.parametrize("who", PEOPLE)
async def test_a_token_may_what_its_maker_may_by_now(root, who):
    person = await person_of(who, root)
    shown = "cst_00000000_" + "x" * 43
    if person:
        scopes = [ApiToken.Scope.USAGE_READ]
        _token, shown = await sync_to_async(tokens.make)(person, "Report", scopes, None)
    headers = {"authorization": f"Bearer {shown}"}
    for name in ("api_usage_rows", "api_usage_sums"):
        response = await Browser().get(reverse(name), headers=headers)
        assert response.status_code == permissions.PROGRAMS[who]


# ── Sockets ──────────────────────────────────────────────────────────────────


def test_every_socket_is_in_the_table():
    assert set(SOCKETS) == set(permissions.SOCKETS)


async def told(path: str, person: User | None) -> int:
    """With which code the socket at `path` is closed; LET_IN if it says something, or waits."""
    async with connected(path, person) as (socket, is_in, _code):
        assert is_in  # a refusal comes after it, so that the browser learns its code
        if await socket.receive_nothing(timeout=0.3):
            return LET_IN
        output = await socket.receive_output(8)
        return int(output["code"]) if output["type"] == "websocket.close" else LET_IN


@pytest.mark.parametrize("who", PEOPLE)
async def test_each_socket_is_for_whom_the_table_says(root, things, who):
    person = await person_of(who, root)
    found = {}
    for name, place in SOCKETS.items():
        number = things.get(name, (await Environment.objects.aget(kind="local")).pk)
        found[name] = await told("/" + str(place.pattern).replace("<row:pk>", str(number)), person)
    assert found == {name: permissions.closing_code(name, who) for name in SOCKETS}

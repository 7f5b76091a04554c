"""Tokens for programs: shown once, kept as a digest, and of no use once they should not be."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from admin_models import people, roles
from admin_models.models import AuditEntry
from admin_models.roles import Role
from chat.models import ApiToken
from chat.models.tokens import LAST_USE_IS_KEPT_EVERY
from chat.operations import tokens
from chat.operations.tokens import Scope
from tests.pages.html import page, the, words

NAMES = ("Monthly report", "Night job")


@pytest.fixture(autouse=True)
def nobody_asked_before():
    cache.clear()


@pytest.fixture
def ada(root):
    """She looks after the site."""
    person = User.objects.create_user("ada")
    roles.set_role(root, person, Role.OPERATIONS)
    return person


def made(owner, *, expires_in: timedelta | None = None, name: str = NAMES[0]):
    expires_at = None if expires_in is None else timezone.now() + expires_in
    return tokens.make(owner, name, [Scope.USAGE_READ], expires_at)


def asked_with(shown: str, **headers: str):
    """What the API says to whoever shows this."""
    with_it = {"Authorization": f"Bearer {shown}", **headers}
    return Client(raise_request_exception=False).get(reverse("api_usage_rows"), headers=with_it)


def browser_of(person) -> Client:
    browser = Client()
    browser.force_login(person)
    return browser


# Made and shown


def test_a_token_is_found_by_what_was_shown_and_by_nothing_else(ada):
    token, shown = made(ada)
    assert tokens.found(shown) == token
    for other in (shown[:-1], shown + "x", shown.upper(), token.prefix, shown[:-1] + "!", "", "é"):
        assert tokens.found(other) is None
    changed = shown[:-1] + ("A" if shown[-1] != "A" else "B")
    assert tokens.found(changed) is None


def test_what_is_kept_of_a_token_is_of_no_use(ada):
    token, shown = made(ada)
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")  # noqa: S608  # no input
            assert shown[len(token.prefix) :] not in str(cursor.fetchall()), table
    assert tokens.found(f"{token.prefix}_{token.digest[:43]}") is None


def test_no_two_tokens_are_alike(ada):
    found = {made(ada)[1] for _ in range(50)}
    assert len({shown[:12] for shown in found}) == len(found) == 50


def test_a_new_token_is_shown_once(ada):
    browser = browser_of(ada)
    typed = {"name": NAMES[0], "scopes": [Scope.USAGE_READ]}
    response = browser.post(reverse("api_tokens"), typed)
    shown = str(the(page(response), "#new-token input")["value"])
    assert tokens.found(shown) == ApiToken.objects.get()
    assert "no-store" in response["Cache-Control"]
    again = page(browser.get(reverse("api_tokens")))
    assert not again.select("#new-token")
    assert shown not in str(again)
    assert ApiToken.objects.get().prefix in words(the(again, "tbody"))


def test_making_and_revoking_are_recorded_without_the_token(ada, root):
    token, shown = made(ada, expires_in=timedelta(days=1))
    assert tokens.revoke(root, token)
    assert not tokens.revoke(root, token)
    rows = AuditEntry.objects.filter(subject_kind="token").order_by("pk")
    assert [(row.actor, row.action, row.subject_key) for row in rows] == [
        ("ada", "token.created", token.prefix),
        ("root", "token.revoked", token.prefix),
    ]
    assert rows[0].after["scopes"] == ["usage:read"]
    assert not any(shown[12:] in str(list(row.__dict__.values())) for row in rows)
    log = words(the(page(browser_of(root).get(reverse("audit_log"))), "main"))
    assert "API token made" in log
    assert "API token revoked" in log


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["everything"]}, "scopes"),
        ({"expires_at": "2001-01-01T00:00"}, "expires_at"),
        ({"expires_at": "soon"}, "expires_at"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_is_made(ada, typed, field):
    sent = {"name": NAMES[0], "scopes": [Scope.USAGE_READ]} | typed
    response = browser_of(ada).post(reverse("api_tokens"), sent)
    assert response.status_code == 422
    assert field in response.context["form"].errors
    assert page(response).select(".form-error")
    assert not ApiToken.objects.exists()


def test_one_sees_and_revokes_one_s_own_and_an_administrator_everybody_s(ada, root):
    own, of_root = made(ada)[0], made(root, name=NAMES[1])[0]
    hers, theirs = browser_of(ada), browser_of(root)
    assert NAMES[1] not in words(the(page(hers.get(reverse("api_tokens"))), "main"))
    assert hers.post(reverse("api_token_revoke", args=[of_root.pk])).status_code == 404
    assert theirs.post(reverse("api_token_revoke", args=[own.pk])).status_code == 302
    shown = words(the(page(theirs.get(reverse("api_tokens"))), "tbody"))
    assert "revoked" in shown
    assert "works" in shown


def test_the_list_costs_the_same_however_many_there_are(ada, root, django_assert_max_num_queries):
    for person in (ada, root, ada, root):
        made(person)
    theirs = browser_of(root)
    with django_assert_max_num_queries(6):
        assert len(page(theirs.get(reverse("api_tokens"))).select("tbody tr")) == 4


# Of use, and not any more


def test_a_token_works(ada):
    _token, shown = made(ada)
    assert asked_with(shown).status_code == 200


def refused(shown: str) -> tuple[int, str]:
    response = asked_with(shown)
    return response.status_code, response.json()["error"]["code"]


def test_a_revoked_token_works_no_more(ada):
    token, shown = made(ada)
    tokens.revoke(ada, token)
    assert refused(shown) == (401, "token_revoked")


def test_an_expired_token_works_no_more(ada):
    _token, shown = made(ada, expires_in=timedelta(seconds=-1))
    assert refused(shown) == (401, "token_expired")


def test_the_token_of_whoever_was_demoted_works_no_more(ada, root):
    _token, shown = made(ada)
    roles.set_role(root, ada, Role.USER)
    assert refused(shown) == (403, "owner_may_not")
    row = page(browser_of(root).get(reverse("api_tokens")))
    assert "its maker may not any more" in words(the(row, "tbody"))


def test_the_token_of_whoever_was_deactivated_works_no_more(ada, root):
    _token, shown = made(ada)
    people.change(root, ada, Role.OPERATIONS, is_active=False, teams=[])
    assert refused(shown) == (403, "owner_may_not")


def test_the_token_of_whoever_was_deleted_is_gone(ada):
    _token, shown = made(ada)
    ada.delete()
    assert refused(shown) == (401, "token_unknown")


def test_a_token_without_the_scope_is_refused(ada):
    token, shown = made(ada)
    ApiToken.objects.filter(pk=token.pk).update(scopes=[])
    assert refused(shown) == (403, "scope_missing")


def test_the_last_use_is_written_once_a_minute(ada):
    token, shown = made(ada)
    assert asked_with(shown).status_code == 200
    first = ApiToken.objects.get().last_used_at
    assert first is not None
    asked_with(shown)
    assert ApiToken.objects.get().last_used_at == first
    earlier = first - LAST_USE_IS_KEPT_EVERY
    ApiToken.objects.filter(pk=token.pk).update(last_used_at=earlier)
    asked_with(shown)
    assert ApiToken.objects.get().last_used_at > first


def test_a_refused_request_is_no_use_of_a_token(ada, root):
    _token, shown = made(ada)
    roles.set_role(root, ada, Role.USER)
    asked_with(shown)
    assert ApiToken.objects.get().last_used_at is None


@pytest.mark.parametrize("said", ["", "Basic abc", "Bearer", "Bearer a b", "Token x"])
def test_without_a_token_nothing_is_told(db, said):
    headers = {"Authorization": said} if said else {}
    response = Client().get(reverse("api_usage_rows"), headers=headers)
    assert response.status_code == 401
    assert response.json()["error"]["code"] == "token_missing"
    assert response["WWW-Authenticate"].startswith("Bearer")


def test_to_be_signed_in_is_no_token(root):
    response = browser_of(root).get(reverse("api_usage_rows"))
    assert response.status_code == 401
    assert "sessionid" not in response.cookies

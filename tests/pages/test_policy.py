"""No page needs more than its policy allows: no inline script or style, nothing from elsewhere."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse

from tests.pages.html import page, the, words

OPEN_TO_ALL = ("account_login", "account_signup", "account_reset_password")
SIGNED_IN = ("home", "account_email", "account_change_password", "account_logout")


@pytest.fixture(autouse=True)
def open_signup(settings):
    settings.IS_SIGNUP_OPEN = True


def refused_by_policy(response) -> list[str]:
    """What in a page its own policy would refuse, or what would ask another host."""
    nonce = re.search(r"'nonce-([^']+)'", response["Content-Security-Policy"])
    wrong = []
    for element in page(response).find_all(True):
        names = [name for name in element.attrs if name.startswith("on") or name == "style"]
        if element.name == "style":
            names.append("style element")
        if element.name == "script" and (not nonce or element.get("nonce") != nonce[1]):
            names.append("no nonce")
        if any(name.startswith("hx-") for name in element.attrs) and (
            not nonce or element.get("hx-nonce") != nonce[1]
        ):
            names.append("no hx-nonce")
        loaded = element.get("src") or (element.get("href") if element.name == "link" else None)
        if loaded and not str(loaded).startswith("/static/"):
            names.append(f"loads {loaded}")
        wrong += [f"{element.name}: {name}" for name in names]
    return wrong


@pytest.mark.parametrize("name", OPEN_TO_ALL)
def test_a_page_for_visitors_keeps_its_policy(db, visitor, name):
    response = visitor.get(reverse(name))
    assert response.status_code == 200
    assert refused_by_policy(response) == []


@pytest.mark.parametrize("name", SIGNED_IN)
def test_a_page_for_people_keeps_its_policy(alices_browser, ready_model, name):
    response = alices_browser.get(reverse(name))
    assert response.status_code == 200
    assert refused_by_policy(response) == []


def test_a_conversation_keeps_its_policy(alices_browser, talk):
    response = alices_browser.get(talk.get_absolute_url())
    assert refused_by_policy(response) == []
    shown = page(response)
    socket = the(shown, "#conversation")["hx-ws:connect"]
    assert str(socket).startswith("/ws/conversations/")
    assert {form["id"] for form in shown.select("form[hx-ws\\:send]")} == {
        "composer",
        "stop-form",
        "regenerate-form",
    }


def test_the_admin_runs_its_own_scripts_and_nothing_inline(roots_browser):
    response = roots_browser.get(reverse("admin:auth_user_add"))
    policy = response["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "trusted-types" not in policy
    assert not page(response).select("script:not([src])")


def test_signing_in_to_the_admin_is_signing_in(db, visitor):
    response = visitor.get(reverse("admin:index"), follow=True)
    assert response.redirect_chain[-1][0].startswith(reverse("account_login"))


def test_the_admin_is_not_for_everybody(alices_browser):
    response = alices_browser.get(reverse("admin:index"), follow=True)
    assert response.status_code == 403
    assert words(the(page(response), "h1")) == "Not allowed"

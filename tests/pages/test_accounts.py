"""Account pages, the first administrator's page, and pages for what went wrong."""

from __future__ import annotations

import pytest
from django.template.loader import render_to_string
from django.test import Client
from django.urls import reverse

from chatsite import first_admin
from tests.pages.html import page, the, words


@pytest.mark.parametrize("is_open", [True, False])
def test_signing_up_is_offered_only_where_it_is_open(db, visitor, settings, is_open):
    settings.IS_SIGNUP_OPEN = is_open
    link = page(visitor.get(reverse("account_login"))).select_one('a[href="/accounts/signup/"]')
    assert (link is not None) == is_open


def test_a_wrong_password_is_said_in_the_form(alice, visitor):
    response = visitor.post(reverse("account_login"), {"login": "alice", "password": "wrong"})
    assert "not correct" in words(the(page(response), ".form-error"))


def test_every_field_has_a_label(db, visitor, settings):
    settings.IS_SIGNUP_OPEN = True
    form = the(page(visitor.get(reverse("account_signup"))), "main form")
    labelled = {label["for"] for label in form.select("label")}
    assert {field["id"] for field in form.select("input:not([type=hidden])")} == labelled


def test_the_first_administrator_gets_a_form(db, visitor):
    form = the(page(visitor.get(first_admin.link("") or "")), "main form")
    assert [field["name"] for field in form.select("input:not([type=hidden])")][:2] == [
        "username",
        "email",
    ]


def test_an_unknown_address_says_so_to_whoever_asks(alices_browser):
    response = alices_browser.get("/c/999999/")
    assert response.status_code == 404
    assert the(page(response), "h1").string == "Not found"


def test_a_form_without_its_token_is_refused_in_plain_words(alice):
    browser = Client(enforce_csrf_checks=True)
    response = browser.post(reverse("account_login"), {"login": "alice", "password": "x"})
    assert response.status_code == 403
    assert the(page(response), "h1").string == "Please try again"


@pytest.mark.parametrize("name", ["400.html", "500.html"])
def test_a_page_for_broken_things_needs_no_request(name):
    html = render_to_string(name)
    assert "Back to the conversations" in html
    assert "<script" not in html

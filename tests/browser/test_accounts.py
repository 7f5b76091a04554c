"""Signing in, the link for the first administrator, and who may not come in."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.pages import sign_in
from tests.installations import Installation


def test_whoever_signs_in_lands_where_they_wanted_to_go(stranger, chat, service):
    chat.begin("Mine")
    stranger.goto(chat.page.url)
    sign_in(stranger, "alice", "wrong password")
    expect(stranger.get_by_role("alert")).to_contain_text("not correct")
    sign_in(stranger, "alice")
    expect(stranger).to_have_url(chat.page.url)
    expect(stranger.get_by_role("heading", name="Mine")).to_be_visible()


def test_signing_in_with_the_e_mail_address_works_too(stranger):
    stranger.goto("/")
    sign_in(stranger, "mallory@example.org")
    expect(stranger.get_by_role("heading", name="mallory")).to_be_visible()


def test_signing_out_shuts_everything(stranger, chat, service):
    chat.begin("Mine")
    stranger.goto(chat.page.url)
    sign_in(stranger, "alice")
    stranger.get_by_role("button", name="alice").click()
    stranger.get_by_role("button", name="Sign out").click()
    expect(stranger.get_by_role("heading", name="Sign in")).to_be_visible()
    stranger.goto(chat.page.url)
    expect(stranger.get_by_role("heading", name="Sign in")).to_be_visible()


def test_sign_up_is_closed_unless_it_was_opened(stranger):
    stranger.goto("/")
    expect(stranger.get_by_role("link", name="Sign up")).to_have_count(0)
    stranger.goto("/accounts/signup/")
    expect(stranger.get_by_label("Password")).to_have_count(0)
    expect(stranger.get_by_role("main")).to_contain_text("closed")


def test_an_administrator_comes_to_the_administration(stranger):
    stranger.goto("/admin/")
    sign_in(stranger, "root")
    expect(stranger.get_by_role("link", name="Model groups")).to_be_visible()


def test_who_does_not_administer_is_told_so(chat, context, service):
    context.watch.allow("403")
    chat.page.goto("/admin/")
    expect(chat.page.get_by_role("link", name="Model groups")).to_have_count(0)


@pytest.mark.server
def test_the_link_for_the_first_administrator_works_once(tmp_path, new_context):
    installation = Installation(tmp_path / "data")
    with installation.served() as server:
        link = server.setup_link
        context = new_context(base_url=server.url)
        page = context.new_page()
        page.goto(link)
        page.get_by_label("Username").fill("chief")
        page.get_by_label("Email").fill("chief@example.org")
        page.get_by_label("Password", exact=True).fill("correct horse battery")
        page.get_by_label("Password confirmation").fill("correct horse battery")
        page.get_by_role("button", name="Create and sign in").click()
        expect(page.get_by_role("heading", name="No model is connected yet")).to_be_visible()
        expect(page.get_by_role("link", name="Connect a model")).to_be_visible()
        context.watch.allow("404")
        assert page.goto(link).status == 404
        other = new_context(base_url=server.url)
        other.watch.allow("404")
        assert other.new_page().goto(link).status == 404
        context.close()
        other.close()
    with installation.served() as server:
        assert "Create the first admin" not in server.output

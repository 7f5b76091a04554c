"""Somebody new: added by an administrator, let in by a link that works once, and kept out again."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.pages import sign_in

NEW_PASSWORD = "wrong zebra staple"


def test_a_new_person_comes_in_by_the_link_and_can_be_kept_out(new_context, server):
    desk = new_context().new_page()
    desk.goto("/people/new/")
    sign_in(desk, "root")
    desk.get_by_label("Username").fill("bob")
    desk.get_by_label("Operations").check()
    desk.get_by_role("button", name="Add").click()
    desk.get_by_role("button", name="Make the link").click()
    link = desk.get_by_label("Link to set the password").input_value()

    theirs = new_context().new_page()
    theirs.goto(link)
    for field in theirs.locator("[type=password]").all():
        field.fill(NEW_PASSWORD)
    theirs.get_by_role("button", name="Change Password").click()
    theirs.wait_for_url("**/done/")
    theirs.goto("/environments/")
    sign_in(theirs, "bob", NEW_PASSWORD)
    expect(theirs.get_by_role("heading", name="Environments")).to_be_visible()
    expect(theirs.get_by_role("link", name="People")).to_have_count(0)

    desk.goto("/people/?q=bob")
    desk.get_by_role("link", name="bob").click()
    desk.get_by_label("May sign in").uncheck()
    desk.get_by_role("button", name="Save").click()
    expect(desk.get_by_text("Saved.")).to_be_visible()
    theirs.reload()
    expect(theirs.get_by_role("heading", name="Sign in")).to_be_visible()

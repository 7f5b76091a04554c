"""Housekeeping in the browser: kept for so long, examined, taken along, and erased."""

from __future__ import annotations

import re
import zipfile

import pytest
from playwright.sync_api import expect

from tests.browser.pages import sign_in
from tests.installations import PASSWORD

_PERSON = """
from django.contrib.auth.models import User
from chat.models import Conversation
person = User.objects.create_user({name!r}, "{name}@example.org", {password!r})
Conversation.objects.create(owner=person, title="About {name}")
"""


@pytest.fixture
def somebody(installation):
    """Make a person with a conversation."""

    def make(name: str) -> str:
        installation.python(_PERSON.format(name=name, password=PASSWORD))
        return name

    return make


def test_how_long_data_is_kept_is_shown_before_it_is_saved(admin):
    admin.goto("/operations/housekeeping/")
    expect(admin.get_by_role("heading", name="What is stored")).to_be_visible()
    admin.get_by_role("link", name="How long data is kept").click()
    admin.get_by_label("Conversations, days").fill("3")
    admin.get_by_role("button", name="Show what this would delete").click()
    expect(admin.get_by_label("Conversations, days")).to_have_value("3")  # the browser refuses
    admin.get_by_label("Conversations, days").fill("3650")
    admin.get_by_role("button", name="Show what this would delete").click()
    expect(admin.locator("#preview")).to_contain_text("Conversations: 0")
    admin.locator("#preview").get_by_role("button", name="Save").click()
    expect(admin.get_by_text("It counts from the next run on")).to_be_visible()
    expect(admin.get_by_role("row", name="Conversations 3650 days")).to_be_visible()


def test_everything_is_examined(admin):
    admin.goto("/operations/housekeeping/")
    admin.get_by_role("link", name="Examine everything").click()
    expect(admin.get_by_role("row", name=re.compile("^database ok SQLite"))).to_be_visible()
    expect(admin.get_by_role("row", name=re.compile("^append-only tables ok"))).to_be_visible()


def test_somebody_takes_their_data_along_and_goes(new_context, somebody):
    name = somebody("wanda")
    page = new_context().new_page()
    page.goto("/data/")
    sign_in(page, name)
    with page.expect_download() as download:
        page.get_by_role("button", name="Save the data").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert any(b"About wanda" in archive.read(entry) for entry in archive.namelist())
    expect(page.get_by_text("1 conversation is deleted")).to_be_visible()
    page.get_by_label("User name, to confirm").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Erase for good").click()
    expect(page.get_by_text("Your account and all that you wrote are erased.")).to_be_visible()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_an_administrator_erases_somebody(admin, somebody):
    name = somebody("walter")
    admin.goto(f"/people/?q={name}")
    admin.get_by_role("link", name=name).click()
    admin.get_by_role("link", name="Data and erasure").click()
    admin.get_by_label("User name, to confirm").fill("somebody else")
    admin.get_by_role("button", name="Erase for good").click()
    expect(admin.get_by_text("That is another name")).to_be_visible()
    admin.get_by_label("User name, to confirm").fill(name)
    admin.get_by_role("button", name="Erase for good").click()
    expect(admin.get_by_text("walter was erased.")).to_be_visible()
    admin.goto(f"/people/?q={name}")
    expect(admin.get_by_text("Nobody found")).to_be_visible()

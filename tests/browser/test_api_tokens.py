"""Somebody makes a token, a program uses it, it is revoked; and the ledger is saved as a file."""

from __future__ import annotations

import httpx
import pytest
from playwright.sync_api import Page, expect

_A_ROW = """
from chat.ledger import entries
from chat.models import Usage
entries.write([Usage(requested_model="m", confidence="reported", final_status="done")])
"""


@pytest.fixture
def desk(admin, installation):
    installation.python(_A_ROW)
    return admin


def overflow(page: Page) -> int:
    pixels: int = page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    return pixels


def test_a_token_is_shown_once_used_and_revoked(desk, server):
    desk.goto("/tokens/")
    desk.get_by_label("Name").fill("Monthly report")
    desk.get_by_role("button", name="Make the token").click()
    token = desk.get_by_label("Token", exact=True).input_value()
    rows = f"{server.url}api/v1/usage/rows"
    headers = {"Authorization": f"Bearer {token}"}
    assert httpx.get(rows, headers=headers).json()["data"]

    desk.goto("/tokens/")
    expect(desk.locator("#new-token")).to_have_count(0)
    row = desk.get_by_role("row", name="Monthly report")
    expect(row).to_contain_text("works")

    desk.get_by_role("button", name="Revoke Monthly report").click()
    expect(desk.get_by_text("Monthly report was revoked.")).to_be_visible()
    expect(row).to_contain_text("revoked")
    refusal = httpx.get(rows, headers=headers)
    assert (refusal.status_code, refusal.json()["error"]["code"]) == (401, "token_revoked")


def test_the_ledger_is_saved_as_a_file(desk):
    desk.goto("/usage/export/")
    desk.get_by_label("Sums: by hour or day").check()
    desk.get_by_label("JSON Lines").check()
    with desk.expect_download() as saved:
        desk.get_by_role("button", name="Save as a file").click()
    assert saved.value.suggested_filename.startswith("usage-sums-")
    assert saved.value.suggested_filename.endswith(".jsonl")
    assert '"requests":' in saved.value.path().read_text()


def test_what_is_wrong_is_told_and_what_was_typed_stays(desk):
    desk.goto("/usage/export/")
    desk.get_by_label("Person").fill("nobody")
    desk.get_by_role("button", name="Save as a file").click()
    expect(desk.get_by_role("alert")).to_contain_text("Nobody has this username.")
    expect(desk.get_by_label("Person")).to_have_value("nobody")


@pytest.mark.parametrize("path", ["/tokens/", "/usage/export/"])
def test_the_pages_fit_a_narrow_window(new_admin, path):
    page = new_admin(viewport={"width": 360, "height": 740})
    page.goto(path)
    assert overflow(page) <= 0

"""An administrator sets prices and issues packs; answers say what they cost, the log says who."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from tests.browser.pages import ChatPage

MODEL = "custom-fake/fake-model"
_LOCAL = """
from admin_models import local
print(local.environment().pk)
"""
PAGES = ("prices/", f"prices/{MODEL}/", "packs/", "packs/new/")


@pytest.fixture(scope="package")
def local_pages(installation, server):
    """Where the pages of the local environment are."""
    return f"/environments/{installation.python(_LOCAL).strip()}"


def next_year() -> str:
    """As a field for a day and a time takes it."""
    return (datetime.now(UTC) + timedelta(days=365)).strftime("%Y-%m-%dT%H:%M")


def test_an_answer_costs_what_the_price_says_live_and_after_a_reload(
    admin, chat: ChatPage, local_pages
):
    admin.goto(f"{local_pages}/prices/{MODEL}/")
    admin.locator("[name=input_0]").fill("2.5")
    admin.locator("[name=output_0]").fill("8")
    admin.get_by_role("button", name="Set this price").click()
    expect(admin.locator("tbody tr").first).to_contain_text("counts now")
    chat.begin("Hello")
    usage = chat.answer.locator(".usage")
    usage.locator("summary").click()
    expect(usage).to_contain_text("CNY")
    live = usage.inner_text()
    chat.page.reload()
    usage.locator("summary").click()
    assert usage.inner_text() == live


def test_a_later_price_is_planned(admin, local_pages):
    admin.goto(f"{local_pages}/prices/{MODEL}/")
    admin.locator("[name=input_0]").fill("9")
    admin.locator("[name=output_0]").fill("99")
    admin.locator("[name=valid_from]").fill(next_year())
    admin.get_by_role("button", name="Set this price").click()
    expect(admin.locator("tbody tr").first).to_contain_text("planned")


def test_a_pack_is_issued_withdrawn_and_given_back(admin, local_pages):
    admin.goto(f"{local_pages}/packs/")
    admin.get_by_role("link", name="Issue a pack").click()
    admin.locator("[name=size_tokens]").fill("5000")
    admin.locator("[name=expires_at]").fill(next_year())
    admin.get_by_role("button", name="Issue").click()
    newest = admin.locator("tbody tr").first
    expect(newest).to_contain_text("used now")
    newest.get_by_role("button", name="Withdraw").click()
    expect(newest).to_contain_text("withdrawn")
    newest.get_by_role("button", name="Give back").click()
    expect(newest).to_contain_text("active")
    newest.get_by_role("button", name="Withdraw").click()
    expect(newest).to_contain_text("withdrawn")


def test_the_log_is_filtered_and_saved(admin, local_pages, tmp_path):
    admin.goto(f"{local_pages}/packs/new/")
    admin.locator("[name=size_tokens]").fill("7")
    admin.get_by_role("button", name="Issue").click()
    admin.goto("/audit/")
    admin.locator("[name=action]").select_option("pack.issued")
    admin.get_by_role("button", name="Filter").click()
    expect(admin.locator(".check").first).to_contain_text("Token pack issued")
    with admin.expect_download() as download:
        admin.get_by_role("link", name="Save as CSV").click()
    saved = tmp_path / "audit.csv"
    download.value.save_as(saved)
    with saved.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["action"] for row in rows} == {"pack.issued"}
    assert rows[0]["person"] == "root"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_sticks_out(new_admin, local_pages, width, scheme):
    page = new_admin(viewport={"width": width, "height": 740}, color_scheme=scheme)
    for path in (*(f"{local_pages}/{name}" for name in PAGES), "/audit/"):
        page.goto(path)
        expect(page.locator("h1")).to_be_visible()
        assert ChatPage(page).overflow() <= 0, path

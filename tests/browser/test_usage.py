"""What was asked is on the dashboard; every figure leads on, down to a row that is corrected."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

PAGES = ("/usage/?period=today", "/usage/?period=30days", "/usage/rows/", "/usage/live/")


@pytest.fixture
def answered(chat, service):
    """An answer of alice's stands in the ledger."""
    service.say = ["Four tokens, about this"]
    chat.begin("How much is this?")
    return chat


def figure(page: Page, title: str) -> Locator:
    return page.locator(".cards .figure").filter(has_text=re.compile(f"^\\s*{title}"))


def amount(page: Page, title: str) -> int:
    return int(figure(page, title).locator(".amount").inner_text().replace(",", ""))


def overflow(page: Page) -> int:
    pixels: int = page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    return pixels


def test_a_figure_leads_to_its_rows_and_a_row_is_corrected(answered, admin):
    admin.goto("/usage/?period=today")
    before = amount(admin, "Requests")
    assert before >= 1
    figure(admin, "Requests").locator(".amount a").click()
    expect(admin.get_by_role("heading", name="Rows of the ledger")).to_be_visible()
    admin.locator(".ledger tbody th a").first.click()
    expect(admin.locator(".topics")).to_contain_text("alice")
    expect(admin.locator(".topics")).to_contain_text("fake-model")
    assert "How much is this?" not in admin.content()
    admin.get_by_text("Correct this row").click()
    admin.get_by_label("Tokens of the answer").fill("7")
    admin.get_by_label("Why").fill("the service counted too few")
    admin.get_by_role("button", name="Add the correction").click()
    expect(admin.locator(".messages")).to_contain_text("The correction stands in the ledger.")
    expect(admin.locator(".block table")).to_contain_text("the service counted too few")
    admin.goto("/usage/?period=today")
    assert amount(admin, "Requests") == before
    admin.get_by_role("link", name=re.compile("corrections? (is|are) counted in")).click()
    expect(admin.locator(".ledger tbody tr").first).to_contain_text("correction")


def test_what_is_looked_at_stands_in_the_address(answered, admin):
    admin.goto("/usage/?period=today")
    split = admin.locator("#split")
    split.get_by_role("link", name="Person", exact=True).click()
    expect(split.get_by_role("columnheader").first).to_have_text("Person")
    assert "by=person" in urlsplit(admin.url).query
    split.get_by_role("link", name="alice", exact=True).click()
    expect(admin.locator(".chips")).to_contain_text("Person: alice")
    admin.locator(".chips a").click()
    expect(admin.locator(".chips")).to_have_count(0)


def test_a_plot_is_a_picture_with_a_name_and_a_table(answered, admin):
    admin.goto("/usage/?period=today")
    plot = admin.get_by_role("img", name=re.compile("^Requests"))
    expect(plot).to_be_visible()
    expect(plot.locator("path[data-band=done]")).to_have_count(1)
    shown = admin.locator("figure").filter(has_text="Requests").first
    shown.get_by_text("As a table").click()
    shown.locator("tbody th a").first.click()
    expect(admin.locator(".ledger tbody tr").first).to_be_visible()
    expect(admin.locator(".chips")).to_contain_text("Hour")


def test_a_filter_is_chosen_without_any_script(answered, new_context, admin_session):
    page = new_context(storage_state=admin_session, java_script_enabled=False).new_page()
    page.goto("/usage/?period=today")
    page.get_by_text("Other days, steps and filters").click()
    page.get_by_label("Person").fill("mallory")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("Nothing was asked of a model in this time")).to_be_visible()
    page.get_by_role("link", name="Do not narrow by Person").click()
    assert amount(page, "Requests") >= 1


def test_the_live_page_follows_an_answer(chat, service, admin):
    admin.goto("/usage/live/")
    meter = admin.locator(".meters .figure").filter(has_text="Answers").locator(".amount")
    expect(admin.get_by_role("cell", name="working")).to_be_visible()
    service.say = ["one ", "two"]
    service.tell(pause_after=1)
    chat.open()
    chat.ask("slowly")
    chat.expect_status("streaming")
    expect(meter).to_have_text("1", timeout=30_000)
    written = admin.locator(".plot").filter(has_text="Answers being written")
    written.get_by_text("As a table").click()
    rows = written.locator("tbody tr")
    shown = rows.count()
    expect(rows.nth(shown + 1)).to_be_visible(timeout=30_000)  # it is renewed and stays open
    expect(rows.last).to_contain_text("1")
    service.resume()
    chat.expect_status("done")
    expect(meter).to_have_text("0", timeout=30_000)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_fits_a_telephone(answered, new_admin, scheme):
    page = new_admin(viewport={"width": 360, "height": 740}, color_scheme=scheme)
    for address in PAGES:
        page.goto(address)
        expect(page.locator("h1")).to_be_visible()
        assert overflow(page) <= 0, address
        if drawn := page.locator(".drawing .when:visible").all():
            sizes = {text.evaluate("text => getComputedStyle(text).fontSize") for text in drawn}
            assert sizes == {"12px"}


def test_what_is_printed_is_the_figures(answered, admin):
    admin.goto("/usage/?period=today")
    admin.emulate_media(media="print")
    for gone in (".tabs", ".desk-nav", ".spans >> nth=0"):
        expect(admin.locator(gone)).to_be_hidden()
    expect(admin.locator(".cards")).to_be_visible()
    expect(admin.get_by_role("img", name=re.compile("^Requests"))).to_be_visible()

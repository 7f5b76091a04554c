"""Every page of operations can be read: by eye, by ear, with keys, on paper, on a telephone."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_appearance import LEAST_CONTRAST

PAGES = (
    "/usage/?period=30days&by=person",
    "/usage/?since=then",
    "/usage/rows/",
    "/usage/live/",
    "/usage/export/",
    "/limits/",
    "/limits/new/",
    "/alerts/",
    "/alerts/history/",
    "/alerts/rules/new/",
    "/alerts/rules/new/errors/",
    "/alerts/recipients/new/",
    "/operations/reconciliation/",
    "/operations/housekeeping/",
    "/operations/housekeeping/retention/",
    "/operations/housekeeping/doctor/",
    "/tokens/",
    "/data/",
)
UNREADABLE = """() => {
  const found = [];
  const all = (selector) => [...document.querySelectorAll(selector)];
  const ids = all("[id]").map((element) => element.id);
  found.push(...ids.filter((id, at) => ids.indexOf(id) !== at).map((id) => `twice: #${id}`));
  let level = 0;
  for (const heading of all("h1, h2, h3, h4")) {
    if (heading.tagName[1] > level + 1) found.push(`leaps: ${heading.textContent.trim()}`);
    level = Number(heading.tagName[1]);
  }
  for (const field of all("input:not([type=hidden]), select, textarea")) {
    if (!field.labels.length && !field.ariaLabel) found.push(`no label: ${field.name}`);
  }
  for (const element of all("a, button, th")) {
    if (!element.textContent.trim() && !element.ariaLabel) found.push(element.outerHTML);
  }
  for (const attribute of ["aria-labelledby", "aria-describedby"]) {
    for (const element of all(`[${attribute}]`)) {
      const named = element.getAttribute(attribute).split(" ");
      found.push(...named.filter((id) => id && !ids.includes(id)).map((id) => `where: #${id}`));
    }
  }
  if (all("h1").length !== 1 || all("main").length !== 1) found.push("one h1 and one main");
  return found;
}"""
LONG = "w" * 120
LONG_NAMES = f"""
from decimal import Decimal
from django.db import transaction
from chat.ledger import entries
from chat.models import Usage
names = dict(requested_model={LONG!r}, group_name={LONG[:64]!r}, env_id={LONG[:64]!r})
sums = dict(total_tokens=2 * 10**9, currency="JPY", cost=Decimal("123456789.0123456789"))
marked = dict(requested_model="<script>alert(1)</script>", environment_name="<b>b</b>")
with transaction.atomic():
    entries.write([
        Usage(confidence="reported", final_status="done", **names, **sums),
        Usage(confidence="reported", final_status="done", **marked),
    ])
print(Usage.objects.get(requested_model={LONG!r}).pk)
"""


@pytest.fixture(scope="module")
def long_row(installation, server):
    """The number of a row that nobody expects."""
    return int(installation.python(LONG_NAMES))


def width(page: Page) -> int:
    pixels: int = page.evaluate("document.documentElement.scrollWidth")
    return pixels


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_can_be_read(new_admin, long_row, scheme):
    page = new_admin(color_scheme=scheme, viewport={"width": 360, "height": 740})
    page.context.watch.allow("does not conform to the required format")
    for address in (*PAGES, f"/usage/rows/{long_row}/"):
        page.goto(address)
        page.evaluate("document.querySelectorAll('main details').forEach((d) => d.open = true)")
        assert page.evaluate(UNREADABLE) == [], address
        least = page.evaluate(LEAST_CONTRAST)
        assert least["contrast"] >= 4.5, (address, least)
        assert width(page) <= 360, address


def test_tables_of_a_telephone_are_read_without_scrolling_sideways(new_admin, long_row):
    page = new_admin(viewport={"width": 360, "height": 740})
    for address in ("/usage/?by=model", "/usage/rows/", "/usage/live/"):
        page.goto(address)
        table = page.locator("table.stacks").first
        inside = "table => table.scrollWidth - table.parentElement.clientWidth"
        assert table.evaluate(inside) <= 0, address
        expect(table.locator("thead")).to_be_hidden()


def test_on_paper_tables_stay_tables(new_admin, long_row):
    page = new_admin(viewport={"width": 700, "height": 900})
    page.goto("/usage/?by=model")
    expect(page.locator("#split thead")).to_be_hidden()
    page.emulate_media(media="print")
    expect(page.locator("#split thead")).to_be_visible()


def test_a_filter_that_is_wrong_says_where(new_admin):
    page = new_admin()
    page.goto("/usage/?person=nobody")
    expect(page.get_by_role("heading", name="Nothing was looked up")).to_be_visible()
    wrong = page.get_by_label("Person")
    expect(wrong).to_have_attribute("aria-invalid", "true")
    expect(wrong).to_have_css("border-color", "rgb(179, 38, 30)")
    expect(page.locator("#id_person_error")).to_have_text("Nobody has this username.")


def test_two_tabs_do_not_replace_each_others_limit(new_admin, installation):
    page = new_admin()
    page.goto("/limits/new/")
    page.get_by_label("How much").fill("12345")
    page.get_by_role("button", name="Save").click()
    address = page.get_by_role("link", name="12,345 tokens").get_attribute("href")
    other = page.context.new_page()
    for tab, amount in ((page, "20000"), (other, "30000")):
        tab.goto(address)
        tab.get_by_label("How much").fill(amount)
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".messages")).to_contain_text("Saved.")
    other.get_by_role("button", name="Save").click()
    expect(other.get_by_role("alert")).to_contain_text("This limit was changed meanwhile.")
    expect(other.get_by_label("How much")).to_have_value("30000")
    other.get_by_role("button", name="Save").click()
    expect(other.get_by_role("link", name="30,000 tokens")).to_be_visible()
    installation.python("from chat.models import Limit; Limit.objects.all().delete()")


def test_the_pages_are_light(new_admin):
    page = new_admin()
    page.goto("/usage/")
    loaded = [url for url in page.context.watch.loaded if urlsplit(url).path.endswith(".css")]
    assert 0 < sum(len(page.context.request.get(url).body()) for url in loaded) <= 40_000

"""An administrator sets a limit; a person hears of it, meets it, and goes on when it is raised."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.pages import ChatPage

_CLEAR = """
from chat.models import Limit
Limit.objects.all().delete()
"""
_USED = """
from django.db.models import Sum
from chat.models import Usage
of_alice = Usage.objects.filter(user__username="alice")
print(of_alice.aggregate(used=Sum("total_tokens"))["used"] or 0)
"""


@pytest.fixture
def one_more(installation, server):
    """A limit that lets alice, who may have asked before, use one token more."""
    return str(int(installation.python(_USED)) + 1)


@pytest.fixture
def no_limits(installation, server):
    """Whatever a test sets is gone after it."""
    yield
    installation.python(_CLEAR)


def fill(page, **values: str) -> None:
    for name, value in values.items():
        field = page.locator(f"form [name={name}]")
        if field.evaluate("element => element.localName") == "select":
            field.select_option(value)
        else:
            field.fill(value)


@pytest.mark.usefixtures("no_limits")
def test_a_limit_is_set_met_and_raised(admin, chat: ChatPage, one_more):
    admin.goto("/limits/")
    expect(admin.get_by_role("heading", name="No limits")).to_be_visible()
    admin.get_by_role("link", name="Set a limit").click()
    fill(admin, measure="answers", amount="none")
    admin.get_by_role("button", name="Save").click()
    expect(admin.locator(".form-error")).to_contain_text("Write a number in digits")
    expect(admin.locator("[name=amount]")).to_have_value("none")
    fill(admin, measure="tokens", amount=one_more, period="month", zone="Asia/Shanghai")
    admin.get_by_role("button", name="Save").click()
    line = admin.locator("tbody tr").first
    expect(line).to_contain_text("a month for each person")
    admin.wait_for_timeout(1100)  # as long as a process may not have heard of it

    chat.begin("Hello")
    expect(chat.page.locator("#limit-notices")).to_contain_text("The limit is used up")
    chat.page.reload()
    expect(chat.page.locator("#limit-notices")).to_contain_text("The limit is used up")
    chat.ask("And more")
    chat.expect_status("failed")
    expect(chat.problem).to_contain_text("The limit is used up: ")
    expect(chat.problem).to_contain_text("a month for each person.")
    expect(chat.problem.locator("time")).to_have_text(re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d"))
    expect(chat.questions.last).to_contain_text("And more")

    admin.reload()
    expect(line.locator("meter")).to_be_visible()
    expect(line).to_contain_text("alice")
    line.get_by_role("link", name="a month").click()
    fill(admin, amount="100000000")
    admin.get_by_role("button", name="Save").click()
    admin.wait_for_timeout(1100)
    chat.problem.get_by_role("button", name="Try again").click()
    chat.expect_status("done")

    line.get_by_role("link", name="Delete").click()
    admin.get_by_role("button", name="Delete").click()
    expect(admin.get_by_role("heading", name="No limits")).to_be_visible()


@pytest.mark.usefixtures("no_limits")
@pytest.mark.parametrize("width", [360, 1200])
def test_the_pages_fit_their_window(new_admin, width):
    page = new_admin(viewport={"width": width, "height": 800})
    page.goto("/limits/new/")
    fill(page, measure="money", amount="12.5", currency="CNY", is_each="no", is_hard="no")
    page.get_by_role("button", name="Save").click()
    for path in ("/limits/", "/limits/new/"):
        page.goto(path)
        wider = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert page.evaluate(wider) <= 0

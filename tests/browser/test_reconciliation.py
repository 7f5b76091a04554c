"""An operator has an environment compared with the ledger and reads what may explain a day."""

from __future__ import annotations

import random

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from chat.operations.reconciliation import days
from tests.fakes.environment import running_in_thread
from tests.fakes.environment_state import (
    API_KEY,
    SECRET_ID,
    SECRET_KEY,
    EnvironmentState,
    Metered,
)

_SET_UP = """
from datetime import timedelta
from django.db import transaction
from django.utils import timezone
from admin_models.models import Environment
from chat.ledger import entries
from chat.models import Status, Usage
from chat.operations.reconciliation import days

row = Environment(
    kind="cloudbase", name={name!r}, env_id={env_id!r},
    base_url={gateway!r}, control_url={control!r},
)
row.keep_key({api_key!r})
row.keep_cloud_keys({secret_id!r}, {secret_key!r})
row.save()
rows = [
    Usage(
        env_id={env_id!r}, group_name="cloudbase", requested_model="deepseek-v4-flash",
        confidence="estimated" if number % 5 == 0 else "reported", final_status=Status.DONE,
        total_tokens=tokens, created_at=days.moments(day)[0] + timedelta(hours=9),
    )
    for number, (day, tokens) in enumerate(zip(days.shown(timezone.now()), {used!r}))
]
with transaction.atomic():
    entries.write(rows)
"""


@pytest.fixture(scope="module")
def compared(installation, server):
    """An environment with a month of figures: late, missing, equal, and more than here."""
    used = [random.Random(number).randint(20_000, 90_000) for number in range(days.SHOWN)]
    told = [number + (number // 7 if n % 4 == 2 else 0) for n, number in enumerate(used)]
    told[0] //= 2
    told[3] += 4_000
    shown = days.shown(timezone.now())
    metered = {
        day.isoformat(): [Metered(tokens, credits=round(tokens / 800, 2))]
        for number, (day, tokens) in enumerate(zip(shown, told, strict=True))
        if number != 6
    }
    state = EnvironmentState(env_id="env-compared", credits={"DeductValue": 812.5}, metered=metered)
    with running_in_thread(state) as cloud:
        script = _SET_UP.format(
            name="Production",
            env_id=state.env_id,
            gateway=cloud.gateway_url,
            control=cloud.control_url,
            api_key=API_KEY,
            secret_id=SECRET_ID,
            secret_key=SECRET_KEY,
            used=used,
        )
        installation.python(script)
        yield cloud


def compare(page: Page) -> None:
    page.goto("/operations/reconciliation/")
    section = page.locator("#environment-env-compared")
    section.get_by_role("button", name="Compare now").click()
    expect(page.locator("main")).to_contain_text("Production was compared.")
    expect(section.locator("tbody tr")).to_have_count(days.SHOWN)


def test_an_operator_compares_and_reads_what_may_explain_a_day(admin, compared):
    compare(admin)
    newest = admin.locator("#environment-env-compared tbody tr").first
    expect(newest).to_contain_text("may still be counted")
    missing = admin.locator("#environment-env-compared tbody tr").nth(6)
    expect(missing).to_contain_text("not told")
    newest.get_by_role("link").click()
    expect(admin.locator("#may-explain")).to_contain_text("still be counting")
    admin.get_by_text("What the service answered").click()
    expect(admin.locator("main textarea")).to_contain_text("ValueDetailList")
    day = days.shown(timezone.now())[0].isoformat()
    compared.state.metered[day] = [Metered(123_456)]
    admin.get_by_role("button", name="Compare again").click()
    expect(admin.locator("main")).to_contain_text("123,456")
    expect(admin.locator("#changes")).to_contain_text("Compared before")


def test_an_environment_that_refuses_says_so_and_keeps_its_days(admin, compared):
    compare(admin)
    compared.quirks.refused_actions = {"DescribeCreditsUsage": "UnauthorizedOperation"}
    try:
        section = admin.locator("#environment-env-compared")
        section.get_by_role("button", name="Compare now").click()
        expect(section.locator(".trouble")).to_contain_text("could not be asked")
        expect(section.locator("tbody tr")).to_have_count(days.SHOWN)
    finally:
        compared.quirks.refused_actions = {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_the_pages_fit(new_admin, compared, scheme, width, tmp_path):
    page = new_admin(color_scheme=scheme, viewport={"width": width, "height": 900})
    compare(page)
    day = page.locator("tbody a").nth(2).get_attribute("href")
    for name, address in (("days", "/operations/reconciliation/"), ("day", day)):
        page.goto(address)
        for folded in page.locator("main summary").all():
            folded.click()
        page.screenshot(path=tmp_path / f"{name}.png", full_page=True)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, f"{name} is {wide} wide"

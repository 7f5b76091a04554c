"""An administrator walks through onboarding and preflight, to green and to several kinds of red."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.fakes.environment import running_in_thread
from tests.fakes.environment_state import API_KEY, SECRET_ID, SECRET_KEY, EnvironmentState, Group

CHINESE = {"locale": "zh-CN"}


@pytest.fixture
def cloud():
    """A CloudBase environment of this test alone."""
    with running_in_thread(EnvironmentState()) as environment:
        yield environment


def fill_identity(page: Page, cloud, env_id: str) -> None:
    """The first step of onboarding."""
    page.goto("/environments/new/")
    page.locator("[name=env_id]").fill(env_id)
    page.locator("[name=name]").fill(f"Lab {env_id}")
    page.locator(".more summary").click()
    page.locator("[name=base_url]").fill(cloud.gateway_url)
    page.locator("[name=control_url]").fill(cloud.control_url)
    page.locator("main .button[type=submit]").click()


def fill_keys(page: Page, *, secret_key: str = SECRET_KEY) -> None:
    page.locator("[name=api_key]").fill(API_KEY)
    page.locator("[name=secret_id]").fill(SECRET_ID)
    page.locator("[name=secret_key]").fill(secret_key)


def onboard(page: Page, cloud, env_id: str) -> None:
    """Both steps; ends on the page of checks."""
    cloud.state.env_id = env_id
    fill_identity(page, cloud, env_id)
    page.wait_for_url("**/new/keys/**")
    fill_keys(page)
    page.locator("button:not([name=try])[type=submit].button").last.click()
    page.wait_for_url("**/preflight/**")


def choose(page: Page, intent: str, model: str = "", group: str = "") -> None:
    page.locator(f"[name=intent][value={intent}]").check()
    page.locator("[name=model]").fill(model)
    page.locator("[name=group]").fill(group)
    page.locator(".chooser button").click()


def expect_state(page: Page, state: str) -> None:
    expect(page.locator("#checklist")).to_have_attribute("data-state", state)


def expect_check(page: Page, step: str, state: str) -> None:
    expect(page.locator(f"#check-{step}")).to_have_attribute("data-state", state)


def test_onboarding_a_cloudbase_environment_ends_green(admin, cloud):
    onboard(admin, cloud, "env-green")
    choose(admin, "managed", "deepseek-v4-flash")
    expect_state(admin, "ok")
    expect(admin.locator("#checklist h2")).to_contain_text("may be called")
    admin.reload()
    expect_state(admin, "ok")


def test_the_local_environment_is_green_from_the_start(admin, server):
    admin.goto("/environments/")
    local = admin.locator(".environment").filter(has_text="local").first
    local.get_by_role("link", name="fake-model").click()
    expect_state(admin, "ok")


def test_each_step_survives_reload_and_back(admin, cloud):
    fill_identity(admin, cloud, "env-back")
    admin.wait_for_url("**/new/keys/**")
    admin.reload()
    expect(admin.locator("h1")).to_have_text("Keys of Lab env-back")
    admin.get_by_role("link", name="Change").click()
    expect(admin.locator("[name=env_id]")).to_have_value("env-back")
    admin.go_back()
    expect(admin.locator("[name=api_key]")).to_have_value("")


def test_a_wrong_secret_key_is_told_before_anything_is_saved(admin, cloud):
    cloud.state.env_id = "env-wrong"
    fill_identity(admin, cloud, "env-wrong")
    fill_keys(admin, secret_key="wrong")
    admin.get_by_role("button", name="Try the connection").click()
    expect(admin.locator(".trial").last).to_contain_text("did not accept the secret id")
    # What was typed is still in its field, and nowhere else.
    expect(admin.locator("[name=secret_key]")).to_have_value("wrong")
    assert API_KEY not in admin.content()
    admin.locator("[name=secret_key]").fill(SECRET_KEY)
    admin.get_by_role("button", name="Try the connection").click()
    expect(admin.locator(".trial").last).to_contain_text("The account may see")
    admin.goto("/environments/")
    expect(admin.get_by_text("env-wrong")).to_have_count(0)


def test_an_impossible_id_is_refused_where_it_was_typed(admin, cloud):
    fill_identity(admin, cloud, "Env Demo")
    expect(admin.locator("#id_env_id_error")).to_contain_text("small letters")
    expect(admin.locator("[name=env_id]")).to_have_value("Env Demo")


def test_without_the_growth_plan_a_hunyuan_model_is_red_with_the_way_to_enrol(admin, cloud):
    cloud.state.activities = []
    onboard(admin, cloud, "env-growth")
    choose(admin, "hunyuan")
    expect_check(admin, "growth_plan", "not_ok")
    expect(admin.locator("#check-growth_plan a")).to_have_attribute(
        "href", "https://docs.cloudbase.net/ai/ai-inspire-plan"
    )


def test_without_a_pack_only_a_call_settles_it_and_only_a_click_makes_it(admin, cloud):
    cloud.state.packs = []
    cloud.state.credits = {"DeductValue": 1.0}
    onboard(admin, cloud, "env-points")
    choose(admin, "managed", "deepseek-v4-flash")
    expect_state(admin, "unknown")
    expect_check(admin, "token_pack", "not_ok")
    assert cloud.requests == []
    admin.get_by_role("button", name="Make a call of one token").click()
    expect_state(admin, "ok")
    assert len(cloud.requests) == 1


def test_a_model_that_is_off_is_switched_on_at_its_price(admin, cloud):
    onboard(admin, cloud, "env-switch")
    choose(admin, "managed", "deepseek-v3.2")
    expect_check(admin, "model_listed", "not_ok")
    admin.get_by_role("link", name="Switch on deepseek-v3.2").click()
    expect(admin.locator("main")).to_contain_text("32k-128k: question 4, answer 6")
    admin.get_by_role("button", name="Switch on at this price").click()
    expect_state(admin, "ok")
    assert cloud.state.group("cloudbase").models == ["deepseek-v4-flash", "deepseek-v3.2"]


def test_a_group_that_is_off_or_missing_is_told_apart(admin, cloud):
    cloud.state.groups = [Group("cloudbase", ["deepseek-v4-flash"], status=2)]
    onboard(admin, cloud, "env-off")
    choose(admin, "managed", "deepseek-v4-flash")
    expect_check(admin, "group_exists", "ok")
    expect_check(admin, "group_on", "not_ok")
    cloud.state.groups = []
    admin.get_by_role("button", name="Check again").click()
    expect_check(admin, "group_exists", "not_ok")
    expect_check(admin, "group_on", "skipped")


def test_a_vendors_name_is_no_group(admin, cloud):
    onboard(admin, cloud, "env-names")
    choose(admin, "managed", "deepseek-v4-flash", group="deepseek")
    expect(admin.locator(".chooser .form-error")).to_contain_text("vendor")


def test_two_administrators_see_the_same_board_change(admin, new_admin, cloud):
    onboard(admin, cloud, "env-two")
    other = new_admin()
    other.goto("/environments/")
    section = other.locator(".environment").filter(has_text="env-two")
    expect(section.locator(".board")).to_contain_text("deepseek-v4-flash")
    cloud.state.group("cloudbase").models.append("glm-5.1")
    admin.goto("/environments/")
    admin.get_by_role("button", name="Check Lab env-two again").click()
    expect(section).to_contain_text("glm-5.1")


@pytest.mark.parametrize("width", [360, 1200])
def test_nothing_sticks_out(new_admin, cloud, width):
    page = new_admin(viewport={"width": width, "height": 800})
    onboard(page, cloud, f"env-wide-{width}")
    for path in (page.url, "/environments/", "/environments/new/"):
        page.goto(path)
        page.wait_for_timeout(300)
        sticking_out = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert sticking_out <= 0, path


def test_the_wizard_works_in_chinese(new_admin, cloud):
    page = new_admin(**CHINESE)
    onboard(page, cloud, "env-chinese")
    expect(page.locator("html")).to_have_attribute("lang", re.compile("zh"))
    choose(page, "managed", "deepseek-v4-flash")
    expect_state(page, "ok")
    cloud.state.packs = []
    page.locator("[form=recheck-form]").first.click()
    expect_check(page, "token_pack", "not_ok")


def test_the_steps_work_without_javascript(new_admin, cloud):
    page = new_admin(java_script_enabled=False)
    onboard(page, cloud, "env-plain")
    choose(page, "managed", "deepseek-v4-flash")
    page.locator("[form=recheck-form]").first.click()
    expect_state(page, "ok")

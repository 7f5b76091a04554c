"""An administrator onboards an endpoint: test it, switch it on, chat with it, switch it off."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.pages import ChatPage
from tests.fakes.environment import running_in_thread
from tests.fakes.environment_state import API_KEY, SECRET_ID, SECRET_KEY, EnvironmentState, Price

KEY = "sk-canary-of-the-browser"
_GROUP = """
from admin_models.models import ModelGroup
ModelGroup.objects.filter(name__startswith="custom-new").delete()
"""
_CLOUD = """
from admin_models.models import Environment
row = Environment(kind="cloudbase", name="Lab {env_id}", env_id="{env_id}",
                  base_url="{gateway}", control_url="{control}")
row.keep_key({key!r})
row.keep_cloud_keys({secret_id!r}, {secret_key!r})
row.save()
print(row.pk)
"""


@pytest.fixture
def installation_without_new_groups(installation):
    """What a test registers is gone after it."""
    yield installation
    installation.python(_GROUP)


@pytest.fixture
def local(admin, installation_without_new_groups, service):
    """The page of groups of the local environment."""
    service.models = ["fake-model", "other-model"]
    admin.goto("/environments/")
    admin.locator(".environment").filter(has_text="local").first.locator("h2 a").click()
    admin.get_by_role("link", name="Groups", exact=True).click()
    return admin


@pytest.fixture
def cloud():
    """A CloudBase environment of this test alone."""
    with running_in_thread(EnvironmentState(env_id="env-groups")) as environment:
        yield environment


@pytest.fixture
def laboratory(installation, cloud):
    """The address of its pages."""
    pk = installation.python(
        _CLOUD.format(
            env_id=cloud.state.env_id,
            gateway=cloud.gateway_url,
            control=cloud.control_url,
            key=API_KEY,
            secret_id=SECRET_ID,
            secret_key=SECRET_KEY,
        )
    ).strip()
    yield f"/environments/{pk}"
    installation.python(
        f"from admin_models.models import Environment\nEnvironment.objects.filter(pk={pk}).delete()"
    )


def fill(page: Page, base_url: str, name: str = "custom-new") -> None:
    page.locator("[name=name]").fill(name)
    page.locator("[name=base_url]").fill(base_url)
    page.locator("[name=api_key]").fill(KEY)


def register(page: Page, service) -> None:
    """A group of the model service, with one model."""
    page.get_by_role("link", name="Register a group").first.click()
    fill(page, service.base_url)
    page.locator("[name=more]").fill("new-model")
    page.get_by_role("button", name="Register the group").click()
    expect(page.locator("h1")).to_have_text("custom-new")


def test_the_whole_path_of_an_endpoint(local, chat, service):
    local.get_by_role("link", name="Register a group").first.click()
    local.locator("[name=name]").press_sequentially("openai")
    expect(local.locator("#name-check")).to_contain_text("vendor")
    fill(local, service.base_url)
    expect(local.locator("#name-check")).to_contain_text("can be taken")
    service.models = ["new-model", "another"]
    local.get_by_role("button", name="Fetch the list").click()
    local.get_by_label("new-model").check()
    local.get_by_role("button", name="Test the connection").click()
    expect(local.locator("#trial")).to_contain_text("new-model answered")
    # What was typed is still in its field, and nowhere else.
    expect(local.locator("[name=api_key]")).to_have_value(KEY)
    assert KEY not in local.content()
    local.get_by_role("button", name="Register the group").click()
    expect(local.locator(".board")).to_contain_text("new-model")
    expect(local.locator(".board")).to_contain_text("tried")
    assert KEY not in local.content()
    service.requests.clear()
    chat.open()
    choose(chat, "new-model")
    chat.ask("Hi")
    chat.page.wait_for_url("**/c/*/")
    chat.expect_status("done")
    assert service.requests[0].headers["Authorization"] == f"Bearer {KEY}"


def choose(chat: ChatPage, model: str) -> None:
    """Choose another model than the first."""
    switcher = chat.page.get_by_role("combobox", name="Model")
    switcher.click()
    switcher.locator("option", has_text=model).click()


def test_it_is_switched_off_while_somebody_chats(local, chat, service):
    register(local, service)
    service.tell(say=["Half of it", " and the rest"], pause_after=1)
    chat.open()
    choose(chat, "new-model")
    chat.ask("Tell me")
    chat.page.wait_for_url("**/c/*/")
    chat.expect_text("Half of it")
    local.get_by_role("button", name="Switch the group off").click()
    expect(local.locator(".messages")).to_contain_text("nobody can call its models now")
    service.resume()
    chat.expect_text("Half of it and the rest")
    chat.expect_status("done")
    asked = len(service.requests)
    chat.ask("And now?")
    expect(chat.answers).to_have_count(2)
    chat.expect_status("failed")
    expect(chat.problem).to_have_attribute("data-stage", "preflight")
    assert len(service.requests) == asked


def test_a_list_changes_only_after_it_was_shown_and_is_taken_back_in_one_click(local, service):
    register(local, service)
    local.locator("[name=more]").fill("second-model")
    local.get_by_role("button", name="Save", exact=True).click()
    expect(local.locator(".changes")).to_contain_text("added second-model")
    local.get_by_role("button", name="Change the list").click()
    expect(local.locator(".board")).to_contain_text("second-model")
    local.get_by_role("button", name="Undo").click()
    expect(local.locator(".board")).not_to_contain_text("second-model")
    expect(local.locator(".version").last).to_contain_text("taken back")


def test_two_administrators_change_one_model_and_nothing_is_overwritten(local, new_admin, service):
    register(local, service)
    other = new_admin()
    other.goto(urlsplit(local.url).path)
    for page, tags in ((local, "mine"), (other, "theirs")):
        page.locator("[name=models-0-tags]").fill(tags)
        page.get_by_role("button", name="Save", exact=True).click()
    other.get_by_role("button", name="Change the list").click()
    expect(other.locator("[name=models-0-tags]")).to_have_value("theirs")
    local.get_by_role("button", name="Change the list").click()
    expect(local.locator("[role=alert]")).to_contain_text("Nothing was overwritten")
    local.get_by_label("tags: mine").check()
    local.get_by_role("button", name="Save as chosen").click()
    expect(local.locator("[name=models-0-tags]")).to_have_value("mine")


def test_a_group_is_deleted_after_what_depends_on_it_was_shown(local, service):
    register(local, service)
    local.get_by_role("link", name="Groups", exact=True).click()
    local.get_by_label("Choose custom-new").check()
    local.get_by_role("button", name="Delete the chosen").click()
    expect(local.locator(".names")).to_contain_text("new-model")
    local.get_by_role("button", name="Delete", exact=True).click()
    expect(local.locator(".messages")).to_contain_text("Deleted: custom-new")


def test_the_catalogue_is_searched_and_a_price_confirmed(admin, laboratory, cloud):
    admin.goto(f"{laboratory}/catalogue/")
    admin.get_by_role("searchbox").press_sequentially("glm")
    expect(admin.locator("tbody tr")).to_have_count(1)
    admin.get_by_role("link", name="Switch on").click()
    admin.get_by_role("button", name="Switch on at this price").click()
    admin.goto(f"{laboratory}/catalogue/?q=glm")
    expect(admin.locator("tbody")).to_contain_text("confirmed by root")
    offered = next(o for o in cloud.state.catalogue if o.name == "glm-5.1")
    offered.prices = [Price("40", "160", "8")]
    admin.get_by_role("button", name="Look again").click()
    expect(admin.locator("tbody")).to_contain_text("changed since root confirmed it")
    expect(admin.locator("tbody")).to_contain_text("Confirm the price")
    admin.locator("tr", has_text="glm-5.1").get_by_role("button", name="Switch off").click()
    expect(admin.locator(".messages")).to_contain_text("was switched off")
    assert cloud.state.group("cloudbase").models == ["deepseek-v4-flash"]


def test_everything_works_without_javascript(new_admin, laboratory, cloud, service):
    page = new_admin(java_script_enabled=False)
    page.goto(f"{laboratory}/groups/")
    page.get_by_role("link", name="Register a group").click()
    service.models = ["plain-model"]
    fill(page, service.base_url, "custom-plain")
    page.get_by_role("button", name="Fetch the list").click()
    page.get_by_label("plain-model").check()
    page.locator("[name=api_key]").fill(KEY)
    page.get_by_role("button", name="Test the connection").click()
    expect(page.locator("#trial")).to_contain_text("plain-model answered")
    expect(page.locator("[name=api_key]")).to_have_value("")
    page.locator("[name=api_key]").fill(KEY)
    page.get_by_role("button", name="Register the group").click()
    expect(page.locator(".board")).to_contain_text("plain-model")
    assert cloud.state.group("custom-plain").secret == {"ApiKey": KEY}
    page.goto(f"{laboratory}/catalogue/")
    page.get_by_role("searchbox").fill("kimi")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("tbody tr")).to_have_count(1)


@pytest.mark.parametrize("width", [360, 1200])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_sticks_out(new_admin, laboratory, cloud, width, scheme):
    page = new_admin(viewport={"width": width, "height": 800}, color_scheme=scheme)
    long = "m" * 60
    cloud.state.group("cloudbase").models.append(long)
    paths = (
        "groups/",
        "groups/new/",
        "groups/cloudbase/",
        "catalogue/",
        "groups/delete/?group=custom-x",
    )
    for path in paths:
        page.goto(f"{laboratory}/{path}")
        sticking_out = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert sticking_out <= 0, path

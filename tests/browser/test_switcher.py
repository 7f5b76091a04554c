"""A person chooses a model in the browser: what is ready, and nothing else."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from playwright.sync_api import expect

_SET = """
from admin_models.models import AIModel
AIModel.objects.filter(name="other-model").update(is_enabled={})
"""


@contextmanager
def switched_off(installation):
    """The other of the two models is switched off meanwhile."""
    installation.python(_SET.format(False))
    try:
        yield
    finally:
        installation.python(_SET.format(True))


def switcher(chat):
    return chat.page.get_by_role("combobox", name="Model")


def choice(chat, name):
    return switcher(chat).locator("option", has_text=name)


def test_the_list_greys_what_is_not_ready_and_says_why(chat, installation):
    with switched_off(installation):
        chat.open()
        expect(choice(chat, "other-model")).to_be_disabled()
        expect(choice(chat, "other-model")).to_contain_text("not switched on")
        switcher(chat).click()
        expect(choice(chat, "fake-model")).to_be_visible()
        choice(chat, "other-model").click(force=True)
        expect(switcher(chat)).to_have_value(choice(chat, "fake-model").get_attribute("value"))


def test_what_is_chosen_is_asked(chat, service):
    chat.begin("Hi")
    switcher(chat).click()
    choice(chat, "other-model").click()
    chat.ask("And you?")
    expect(chat.answers).to_have_count(2)
    chat.expect_status("done")
    assert [asked.body["model"] for asked in service.requests] == ["fake-model", "other-model"]
    chat.page.reload()
    expect(switcher(chat).locator("option:checked .name")).to_have_text("other-model")


def test_a_model_that_is_not_ready_any_more_stays_shown_and_is_never_replaced(
    chat, service, installation
):
    chat.begin("Hi")
    switcher(chat).select_option(choice(chat, "other-model").get_attribute("value"))
    chat.ask("Again")
    expect(chat.answers).to_have_count(2)
    chat.expect_status("done")
    with switched_off(installation):
        chat.page.reload()
        notice = chat.page.locator(".not-ready")
        expect(notice).to_contain_text("other-model cannot be used now (not switched on)")
        expect(switcher(chat).locator("option:checked .name")).to_have_text("other-model")
        chat.ask("And now?")
        chat.expect_status("failed")
        expect(chat.problem).to_have_attribute("data-stage", "preflight")
        expect(chat.problem).to_contain_text("The model was not called.")
        assert len(service.requests) == 2
        switcher(chat).select_option(choice(chat, "fake-model").get_attribute("value"))
        expect(notice).to_be_hidden()
        chat.problem.get_by_role("button", name="Try again").click()
        chat.expect_status("done")


def test_a_choice_that_has_become_impossible_is_refused_and_the_text_stays(
    chat, service, installation
):
    chat.begin("Hi")
    with switched_off(installation):
        switcher(chat).select_option(choice(chat, "other-model").get_attribute("value"))
        expect(chat.composer_error).to_contain_text("This model is not enabled.")
        chat.ask("Keep this")
        expect(chat.composer_error).to_contain_text("This model is not enabled.")
        expect(chat.composer).to_have_value("Keep this")
        expect(chat.answers).to_have_count(1)


@pytest.mark.parametrize("options", [{"viewport": {"width": 360, "height": 740}}, {}])
def test_the_open_list_stays_inside_the_window(new_context, session, options):
    page = new_context(storage_state=session, **options).new_page()
    page.goto("/")
    page.get_by_role("combobox", name="Model").click()
    option = page.locator("select[name=model] option", has_text="fake-model")
    expect(option).to_be_visible()
    box, window = option.bounding_box(), page.viewport_size
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= window["width"]
    assert page.evaluate("document.documentElement.scrollWidth") <= window["width"]

"""The id of a failed answer is there to be copied."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.pages import ChatPage
from tests.fakes.model_server import refusal


def test_the_id_of_a_failed_answer_is_selected_as_one_word(chat, service, installation):
    service.once(refusal(500, "SYS_ERR"))
    chat.begin("Hi", status="failed")
    shown = chat.problem.get_by_text(re.compile(r"^Request [0-9A-Z]{26}$"))
    expect(shown).to_be_visible()
    shown.locator("code").dblclick()
    selected = chat.page.evaluate("getSelection().toString()").strip()
    rows = "from chat.models import Message; print(*Message.objects.values_list('request_id'))"
    assert selected in installation.python(rows)
    assert len(selected) == 26


def test_it_fits_a_small_page(new_context, session, service):
    narrow = {"viewport": {"width": 360, "height": 640}, "color_scheme": "dark"}
    chat = ChatPage(new_context(storage_state=session, **narrow).new_page())
    service.once(refusal(500, "SYS_ERR"))
    chat.begin("Hi", status="failed")
    expect(chat.problem).to_contain_text("Request")
    assert chat.overflow() <= 0

"""The embedded model answers a person in the browser."""

from __future__ import annotations

import os

import pytest
from playwright.sync_api import expect

from tests.browser.pages import ChatPage, sign_in
from tests.installations import Installation


@pytest.mark.model
@pytest.mark.server
@pytest.mark.skipif(bool(os.environ.get("CHATSITE_NO_MODEL")), reason="CHATSITE_NO_MODEL is set")
def test_the_embedded_model_answers_from_one_command(tmp_path, new_context):
    installation = Installation(tmp_path / "data", {"CHATSITE_PRIVATE_HOSTS": None})
    with installation.served("--model") as server:
        installation.add_people()
        server.expect("The local model .* is ready")
        context = new_context(base_url=server.url)
        chat = ChatPage(context.new_page())
        chat.open()
        sign_in(chat.page, "alice")
        expect(chat.page.get_by_role("combobox", name="Model")).to_contain_text("smollm2")
        expect(chat.page.locator(".notice:visible")).to_contain_text("demonstration")
        chat.begin("Hello.")
        chat.watch_growth()
        chat.ask("Name a colour.")
        expect(chat.answers).to_have_count(2)
        chat.expect_status("done", within=60)
        assert len(chat.growth()) > 1
        assert chat.answer.locator(".prose").first.inner_text().strip()
        pushed = chat.turns()
        chat.page.reload()
        assert chat.turns() == pushed
        chat.answer.locator("details.usage summary").click()
        expect(chat.answer.locator("details.usage")).to_contain_text("by the model service")
        context.close()

"""The embedded model answers a person in the browser: by itself, and as anybody's endpoint."""

from __future__ import annotations

import json
import os
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests.browser.pages import ChatPage, sign_in
from tests.browser.test_groups import choose
from tests.installations import Installation

pytestmark = [
    pytest.mark.model,
    pytest.mark.server,
    pytest.mark.skipif(
        bool(os.environ.get("CHATSITE_NO_MODEL")), reason="CHATSITE_NO_MODEL is set"
    ),
]

_EMBEDDED = """
import json
from admin_models import crypto, local
group = local.environment().groups.get(name=local.GROUP)
print(json.dumps([group.environment_id, group.base_url, crypto.unseal(group.sealed_key)]))
"""
_LONG = "Tell a long story about a lighthouse, with many details."


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


def test_its_server_is_onboarded_priced_used_and_switched_off(tmp_path, new_context):
    installation = Installation(tmp_path / "data", {"CHATSITE_PRIVATE_HOSTS": "127.0.0.1"})
    with installation.served("--model") as server:
        installation.add_people()
        installation.add_admin()
        server.expect("The local model .* is ready")
        pk, base_url, key = json.loads(installation.python(_EMBEDDED))

        context = new_context(base_url=server.url)
        admin = context.new_page()
        admin.goto("/")
        sign_in(admin, "root")
        admin.wait_for_url(server.url)
        admin.goto(f"/environments/{pk}/groups/new/")
        admin.locator("[name=name]").fill("custom-lighthouse")
        admin.locator("[name=base_url]").fill(base_url)
        admin.locator("[name=api_key]").fill(key)
        admin.locator("[name=is_on]").uncheck()
        admin.get_by_role("button", name="Fetch the list").click()
        listed = admin.get_by_label("smollm2").first
        listed.check()
        model = listed.get_attribute("value")
        admin.get_by_role("button", name="Test the connection").click()
        expect(admin.locator("#trial")).to_contain_text(f"{model} answered", timeout=60_000)
        admin.get_by_role("button", name="Register the group").click()
        expect(admin.locator("h1")).to_have_text("custom-lighthouse")
        group_page = urlsplit(admin.url).path

        admin.goto(f"/environments/{pk}/prices/custom-lighthouse/{model}/")
        admin.locator("[name=input_0]").fill("2.5")
        admin.locator("[name=output_0]").fill("8")
        admin.get_by_role("button", name="Set this price").click()
        expect(admin.locator("tbody tr").first).to_contain_text("counts now")
        admin.goto(group_page)
        admin.get_by_role("button", name="Switch the group on").click()
        expect(admin.get_by_role("button", name="Switch the group off")).to_be_visible()

        guest = new_context(base_url=server.url)
        chat = ChatPage(guest.new_page())
        chat.open()
        sign_in(chat.page, "alice")
        choose(chat, "custom-lighthouse")
        chat.ask("Name a colour.")
        chat.page.wait_for_url("**/c/*/")
        chat.expect_status("done", within=60)
        chat.answer.locator("details.usage summary").click()
        expect(chat.answer.locator("details.usage")).to_contain_text("CNY")

        chat.ask(_LONG)
        expect(chat.answers).to_have_count(2)
        chat.expect_status("streaming", within=30)
        admin.get_by_role("button", name="Switch the group off").click()
        expect(admin.locator(".messages")).to_contain_text("nobody can call its models now")
        chat.expect_status("streaming")
        chat.stop_button.click()
        chat.expect_status("stopped")
        chat.ask("And now?")
        expect(chat.answers).to_have_count(3)
        chat.expect_status("failed")
        expect(chat.problem).to_have_attribute("data-stage", "preflight")
        assert key not in admin.content() + chat.page.content()
        context.close()
        guest.close()

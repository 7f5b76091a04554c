"""Whatever the model service does, the bubble says what happened, and no answer hangs."""

from __future__ import annotations

from typing import Any

import pytest

from admin_models.models import GroupStatus
from chat.models import Message, Usage
from tests.chat.sockets import loaded, opened
from tests.fakes.model_server import Script, refusal

pytestmark = pytest.mark.usefixtures("serving")

REFUSALS = {
    "key refused": (Script(status=401, body={"error": {"message": "bad key"}}), "call"),
    "not found": (Script(status=404, body={"error": {"message": "no such model"}}), "call"),
    "rate limited": (
        Script(status=429, body={"error": {"message": "slow down"}}, headers={"Retry-After": "0"}),
        "call",
    ),
    "broken": (Script(status=500, body={"error": {"message": "boom"}}), "call"),
    "html": (
        Script(status=200, body="<html><b>login</b></html>", content_type="text/html"),
        "transport",
    ),
    "html with a status": (
        Script(status=502, body="<html>bad gateway</html>", content_type="text/html"),
        "call",
    ),
    "error in a 200": (
        Script(status=200, body={"code": "AI_MODEL_NOT_SUPPORTED", "message": "x"}),
        "call",
    ),
    "quota": (refusal(429, "EXCEED_TOKEN_QUOTA_LIMIT"), "quota"),
    "dies at once": (Script(say=[], ending="reset", finish_reason=None), "transport"),
    "says nothing": (Script(say=[], ending="close", finish_reason=None), "transport"),
    "an empty answer": (Script(say=[]), "call"),
    "garbage": (Script(say=[], frames=["data: {not json"]), "transport"),
}


@pytest.mark.parametrize("kind", REFUSALS)
async def test_a_refusal_is_told_in_the_bubble_and_survives_a_reload(
    conversation, alice, service, kind
):
    script, stage = REFUSALS[kind]
    service.script = script
    async with opened(conversation, alice) as page:
        await page.ask("Hi")
        await page.until_status("failed", within=20)
        problem = page.soup.select_one("#turns .problem")
        assert problem["data-stage"] == stage
        assert "Traceback" not in str(problem)
        assert page.turns() == (await loaded(conversation, alice)).turns()
    message = await Message.objects.aget(role="assistant")
    usage = await Usage.objects.aget()
    assert usage.error_code == message.error["code"] == problem["data-code"]
    assert usage.final_status == "failed"


@pytest.mark.parametrize(
    "ending",
    [
        Script(say=["kept ", "text "], ending="reset", finish_reason=None),
        Script(say=["kept ", "text "], ending="truncated", finish_reason=None),
        Script(say=["kept ", "text "], ending="close", finish_reason=None),
        Script(say=["kept ", "text "], frames=["data: {broken"], finish_reason=None),
        Script(
            say=["kept ", "text "],
            frames=['data: {"error": {"code": "x", "message": "died"}}'],
            finish_reason=None,
        ),
    ],
    ids=["reset", "truncated", "no end", "garbage", "error frame"],
)
async def test_what_was_written_before_the_trouble_is_kept(conversation, alice, service, ending):
    service.script = ending
    async with opened(conversation, alice) as page:
        await page.ask("Hi")
        await page.until_status("failed")
        assert "kept text" in page.turns_text()
        assert page.turns() == (await loaded(conversation, alice)).turns()
    assert (await Message.objects.aget(role="assistant")).text == "kept text "


async def test_a_service_that_is_not_there_is_named_as_such(conversation, alice, model, service):
    model.group.base_url = "http://127.0.0.1:9/v1"
    await model.group.asave()
    async with opened(conversation, alice) as page:
        await page.ask("Hi")
        await page.until_status("failed", within=20)
        assert page.soup.select_one("#turns .problem")["data-stage"] == "transport"


async def test_a_key_that_is_refused_is_shown_nowhere(conversation, alice, service):
    service.script = Script(status=401, body="no: {authorization}", content_type="text/plain")
    async with opened(conversation, alice) as page:
        await page.ask("Hi")
        await page.until_status("failed")
        assert "sk-test-key" not in str(page.soup)
    message = await Message.objects.aget(role="assistant")
    assert "sk-test-key" not in str(message.error)


GATES: dict[str, tuple[str, dict[str, Any], str]] = {
    "group off": ("group", {"status": GroupStatus.OFF}, "preflight_group_off"),
    "model off": ("model", {"is_enabled": False}, "preflight_model_not_enabled"),
    "environment off": ("environment", {"is_enabled": False}, "preflight_environment_disabled"),
}


@pytest.mark.parametrize("gate", GATES)
async def test_a_call_that_cannot_work_is_not_made(conversation, alice, model, service, gate):
    what, change, code = GATES[gate]
    rows = {"model": model, "group": model.group, "environment": model.group.environment}
    for name, value in change.items():
        setattr(rows[what], name, value)
    await rows[what].asave()
    async with opened(conversation, alice) as page:
        await page.ask("Hi")
        await page.until_status("failed")
        problem = page.soup.select_one("#turns .problem")
        assert (problem["data-stage"], problem["data-code"]) == ("preflight", code)
    assert not service.requests
    assert not await Usage.objects.aexists()


async def test_a_key_that_cannot_be_unsealed_is_a_matter_for_an_admin(
    conversation, alice, model, service
):
    model.group.sealed_key = "gAAAAAB" + "x" * 60
    await model.group.asave()
    async with opened(conversation, alice) as page:
        await page.ask("Hi")
        await page.until_status("failed")
        problem = page.soup.select_one("#turns .problem")
        assert problem["data-code"] == "preflight_key_unreadable"
    assert not service.requests

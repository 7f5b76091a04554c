"""Operations see at a glance whether a call was never made or was refused."""

from __future__ import annotations

import pytest
from prometheus_client import REGISTRY

from admin_models.models import GroupStatus
from tests.chat.sockets import opened
from tests.fakes.model_server import refusal

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("serving")]


def counted(status, stage="", code=""):
    labels = {"status": status, "stage": stage, "code": code}
    return REGISTRY.get_sample_value("chatsite_answers_total", labels) or 0.0


async def answered(conversation, person, status):
    async with opened(conversation, person) as page:
        await page.ask("Hi")
        await page.until_status(status)


async def test_an_answer_that_is_done_counts(conversation, alice, service):
    before = counted("done")
    await answered(conversation, alice, "done")
    assert counted("done") == before + 1


async def test_a_call_that_was_not_made_is_told_from_one_that_was_refused(
    conversation, alice, model, service
):
    refused = ("failed", "call", "provider_failed")
    shut = ("failed", "preflight", "preflight_group_off")
    before = counted(*refused), counted(*shut)
    service.once(refusal(500, "SYS_ERR"))
    await answered(conversation, alice, "failed")
    assert (counted(*refused), counted(*shut)) == (before[0] + 1, before[1])
    model.group.status = GroupStatus.OFF
    await model.group.asave()
    async with opened(conversation, alice) as page:
        await page.ask("And now?")
        await page.until(lambda: len(page.answers()) == 2)
        await page.until_status("failed")
    assert (counted(*refused), counted(*shut)) == (before[0] + 1, before[1] + 1)


async def test_the_page_of_figures_is_for_whoever_has_the_token(async_client, settings):
    assert (await async_client.get("/metrics")).status_code == 404
    settings.METRICS_TOKEN = "a-token"
    assert (await async_client.get("/metrics")).status_code == 404
    wrong = await async_client.get("/metrics", headers={"Authorization": "Bearer another"})
    assert wrong.status_code == 404
    right = await async_client.get("/metrics", headers={"Authorization": "Bearer a-token"})
    assert right.status_code == 200
    assert b"chatsite_answers_total" in right.content

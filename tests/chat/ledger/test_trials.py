"""Calls that test something cost as others do, so that the ledger has them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from channels.db import database_sync_to_async
from django.db import DatabaseError

from admin_models import connections, local, signals
from admin_models.models import AIModel, ModelGroup, Price, Tier
from admin_models.preflight import asking, seeing
from admin_models.signals import TestCall
from chat.cloudbase.errors import RateLimited
from chat.cloudbase.events import Usage as Reported
from chat.ledger import totals
from chat.models import Usage
from tests.chat.ledger.rows import NOW
from tests.fakes.model_server import Script

pytestmark = pytest.mark.usefixtures("transactional_db")


@pytest.fixture
async def connected(transactional_db):
    async with connections.opened():
        yield


@pytest.fixture
def group(service):
    row = ModelGroup(environment=local.environment(), name="custom-lab", base_url=service.base_url)
    row.keep_key("sk-test-key")
    row.save()
    return row


def only_row() -> Usage:
    return Usage.objects.select_related("model").get()


async def test_a_real_call_is_in_the_ledger_as_a_test_of_who_made_it(connected, group, alice):
    await asking.try_call(group.environment.pk, group.name, "fake-model", alice.pk)
    row = await database_sync_to_async(only_row)()
    assert (row.kind, row.user_id, row.confidence) == ("trial", alice.pk, "reported")
    assert (row.env_id, row.group_name, row.requested_model) == (
        "local",
        "custom-lab",
        "fake-model",
    )
    assert row.total_tokens == row.prompt_tokens + row.completion_tokens > 0
    assert row.duration_seconds > 0
    assert await database_sync_to_async(totals.differences)() == []


async def test_a_refused_call_is_there_with_its_error(connected, group, service):
    service.script = Script(status=401, body={"error": {"message": "no"}})
    await asking.try_call(group.environment.pk, group.name, "fake-model")
    row = await database_sync_to_async(only_row)()
    assert (row.final_status, row.error_stage, row.error_code) == ("failed", "call", "key_refused")
    assert (row.confidence, row.total_tokens, row.user_id) == ("unknown", None, None)


def test_it_has_the_price_of_its_day_also_if_the_model_is_not_ours_yet(group):
    Price.objects.create(
        env_id="local", group="custom-lab", model="new", currency="CNY", set_by="root",
        tiers=[Tier(Decimal(1), Decimal(2)).stored()], valid_from=NOW,
    )  # fmt: skip
    call = TestCall("new", Reported(1_000_000, 1_000_000, 2_000_000), 0.5)
    signals.tell_called(None, group.environment, group.name, [call])
    row = only_row()
    assert (row.model, row.cost, row.currency) == (None, 3, "CNY")


def test_every_request_of_a_test_is_a_row(group):
    model = AIModel.objects.create(group=group, name="m")
    calls = [TestCall("m", Reported(1, 2, 3), 0.5), TestCall("m", None, 0.1, RateLimited())]
    signals.tell_called(None, group.environment, group.name, calls)
    rows = Usage.objects.order_by("pk").values_list("total_tokens", "error_code", "model")
    assert list(rows) == [(3, "", model.pk), (None, "rate_limited", model.pk)]


def test_names_that_are_too_long_are_cut_off(group):
    calls = [TestCall("m" * 300, None, 0.5, answered_model="n" * 300)]
    signals.tell_called(None, group.environment, group.name, calls)
    assert (only_row().requested_model, only_row().answered_model) == ("m" * 120, "n" * 120)


async def test_a_ledger_that_cannot_be_written_spoils_no_test(connected, group, caplog):
    def broken(**_) -> None:
        raise DatabaseError("the disk is full")

    signals.called.connect(broken)
    try:
        await asking.try_call(group.environment.pk, group.name, "fake-model")
    finally:
        signals.called.disconnect(broken)
    facts = await database_sync_to_async(seeing.facts_of)(group.environment)
    assert facts.call(group.name, "fake-model").answer is True
    assert "the disk is full" in caplog.text
    assert await Usage.objects.acount() == 1

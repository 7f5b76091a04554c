"""Token packs are drawn down by all that was used, also by answers that end at once."""

from __future__ import annotations

import asyncio

import pytest
from channels.db import database_sync_to_async
from django.db import connection

from admin_models import local
from admin_models.models import AIModel, ModelGroup, TokenPack
from admin_models.preflight import gate
from admin_models.preflight.errors import NobodyPays
from chat.models import Conversation, Message, Status, Usage
from chat.turns import settling
from chat.turns.settling import Outcome
from tests.chat.limits.limiting import asked

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def embedded(transactional_db, service):
    group = ModelGroup(environment=local.environment(), name=local.GROUP, base_url=service.base_url)
    group.keep_key("sk-test-key")
    group.save()
    return AIModel.objects.create(group=group, name="small")


def end(message: Message, tokens: int) -> None:
    """An answer comes to rest in a thread of its own, as in another process."""
    try:
        usage = Usage(confidence="reported", prompt_tokens=0, total_tokens=tokens)
        outcome = Outcome(status=Status.DONE, text="x", reasoning="", usage=usage)
        settling.settle(message, outcome)
    finally:
        connection.close()


def loaded(message: Message) -> Message:
    return Message.objects.select_related("conversation", "model__group__environment").get(
        pk=message.pk
    )


async def test_twenty_answers_that_end_at_once_lose_no_token_and_nobody_pays_for_the_next(
    alice, embedded
):
    await TokenPack.objects.aupdate(size_tokens=50, used_tokens=0)
    begin = database_sync_to_async(lambda: loaded(asked(alice, embedded)))
    answers = [await begin() for _ in range(20)]
    assert await gate.passed(answers[0].model) == embedded
    await asyncio.gather(
        *(asyncio.to_thread(end, answer, number) for number, answer in enumerate(answers))
    )
    pack = await TokenPack.objects.aget()
    assert pack.used_tokens == sum(range(20))
    with pytest.raises(NobodyPays):
        await gate.passed(answers[0].model)
    assert await Conversation.objects.acount() == 20


async def test_draws_at_once_on_several_packs_add_up(embedded):
    environment = local.environment
    home = await database_sync_to_async(environment)()
    await TokenPack.objects.aupdate(size_tokens=30)
    await TokenPack.objects.acreate(environment=home, size_tokens=40)

    def draw() -> None:
        try:
            TokenPack.objects.draw_down(9)
        finally:
            connection.close()

    await asyncio.gather(*(asyncio.to_thread(draw) for _ in range(20)))
    used = [pack.used_tokens async for pack in TokenPack.objects.order_by("pk")]
    assert sum(used) == 180
    assert used[0] < 30 + 9

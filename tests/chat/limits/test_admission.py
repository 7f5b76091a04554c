"""What a limit lets begin, and what a person reads who is refused."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from asgiref.sync import sync_to_async
from channels.db import database_sync_to_async
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from admin_models import prices
from admin_models.models import Team, Tier
from chat.limits import admission, rules
from chat.limits.admission import Asked
from chat.limits.errors import LimitReached
from chat.models import Conversation, Hold, Limit, Message, Status, Usage
from tests.chat.limits.limiting import asked, counter_of, limited, used
from tests.chat.sockets import eventually, loaded, opened, settled

pytestmark = pytest.mark.django_db(transaction=True)


def let_in(person, model, tokens: int = 5) -> Message:
    """An answer of somebody that began."""
    message = asked(person, model)
    admission.admit(Asked(message.pk, person.pk, model, prompt_tokens=lambda: tokens))
    return message


def rests(message: Message) -> None:
    Message.objects.filter(pk=message.pk).update(status=Status.DONE)


# ── Who is let in ────────────────────────────────────────────────────────────


def test_as_many_as_a_quota_has_are_let_in(alice, mallory, model):
    limited(2)
    let_in(alice, model)
    let_in(alice, model)
    with pytest.raises(LimitReached):
        let_in(alice, model)
    let_in(mallory, model)


def test_all_together_share_what_is_theirs_together(alice, mallory, model):
    limited(2, is_each=False)
    let_in(alice, model)
    let_in(mallory, model)
    with pytest.raises(LimitReached):
        let_in(alice, model)


def test_an_answer_that_rests_without_a_ledger_row_gives_back_what_it_held(alice, model):
    limited(1)
    message = let_in(alice, model)
    rests(message)
    let_in(alice, model)
    assert Hold.objects.count() == 1


def test_an_answer_that_was_written_down_counts_for_good(alice, model):
    limited(1)
    message = let_in(alice, model)
    rests(message)
    used(alice, model, message=message)
    with pytest.raises(LimitReached):
        let_in(alice, model)


def test_answers_at_once_are_free_again_when_one_rests(alice, model):
    limited(2, "answers")
    first = let_in(alice, model)
    let_in(alice, model)
    with pytest.raises(LimitReached) as refusal:
        let_in(alice, model)
    assert refusal.value.resets_at is None
    rests(first)
    used(alice, model, message=first)
    let_in(alice, model)


def test_tokens_are_held_by_question_and_longest_answer(alice, model):
    model.parameters = {"max_tokens": 90}
    limit = limited(100, "tokens")
    let_in(alice, model, tokens=10)
    assert Hold.objects.get().parts == 100
    with pytest.raises(LimitReached):
        let_in(alice, model)
    assert counter_of(limit, alice.pk).used == 0


def test_a_budget_is_passed_only_by_what_was_let_in_before(alice, model):
    limited(100, "tokens")
    messages = [let_in(alice, model, tokens=40) for _ in range(3)]
    with pytest.raises(LimitReached):
        let_in(alice, model)
    for message in messages:
        rests(message)
        used(alice, model, 300, message=message)
    with pytest.raises(LimitReached):
        let_in(alice, model)


def test_money_is_held_at_the_price_of_the_day_and_only_in_its_currency(alice, model):
    name = prices.Named("local", model.group.name, model.name)
    model.parameters = {"max_tokens": 1_000_000}
    limited(1, "money", currency="USD")
    limit = limited(5 * 10**10, "money", currency="CNY")
    let_in(alice, model)
    assert {hold.parts for hold in Hold.objects.all()} == {0}  # it has no price
    prices.set_price(None, name, currency="CNY", tiers=[Tier(Decimal(1), Decimal(4))])
    let_in(alice, model, tokens=500_000)
    assert Hold.objects.filter(counter__limit=limit).latest("pk").parts == 45 * 10**9
    let_in(alice, model, tokens=500_000)
    with pytest.raises(LimitReached):
        let_in(alice, model)


def test_a_soft_limit_refuses_nobody(alice, model):
    limited(1, is_hard=False)
    for _ in range(3):
        let_in(alice, model)


def test_a_limit_that_is_off_refuses_nobody(alice, model):
    limited(1, is_on=False)
    for _ in range(3):
        let_in(alice, model)
    assert not Hold.objects.exists()


def test_a_limit_of_the_team_of_everyone_is_for_everybody(alice, model):
    limited(1, team=Team.objects.everyone())
    let_in(alice, model)
    with pytest.raises(LimitReached):
        let_in(alice, model)


def test_of_several_limits_the_one_that_lasts_longest_is_told(alice, model):
    limited(1, period="hour")
    longest = limited(1, period="month")
    limited(1, "answers")
    let_in(alice, model)
    with pytest.raises(LimitReached) as refusal:
        let_in(alice, model)
    assert refusal.value.limit_pk == longest.pk
    assert not Hold.objects.exclude(message=Message.objects.filter(role="assistant")[0]).exists()


def test_a_deleted_limit_refuses_nobody_and_holds_up_no_answer(alice, model):
    limit = limited(1)
    let_in(alice, model)
    rules.current()
    Limit.objects.filter(pk=limit.pk).delete()
    used(alice, model)  # by a process that still knows it
    rules.forget()
    let_in(alice, model)


# ── What it costs ────────────────────────────────────────────────────────────


async def queries_of(message: Message, person, model) -> int:
    seen = CaptureQueriesContext(connection)
    await sync_to_async(seen.__enter__)()
    await admission.admitted(Asked(message.pk, person.pk, model, prompt_tokens=lambda: 5))
    number = await sync_to_async(lambda: len(seen))()
    await sync_to_async(seen.__exit__)(None, None, None)
    return number


async def test_without_limits_letting_in_costs_no_query(alice, model):
    message = await database_sync_to_async(asked)(alice, model)
    await database_sync_to_async(rules.current)()
    assert await queries_of(message, alice, model) == 0


async def test_with_limits_letting_in_is_one_short_transaction(alice, model):
    make = database_sync_to_async(asked)
    await database_sync_to_async(limited)(5)
    await database_sync_to_async(limited)(5, "answers")
    await database_sync_to_async(rules.current)()
    first, second = await make(alice, model), await make(alice, model)
    await queries_of(first, alice, model)
    assert await queries_of(second, alice, model) <= 12


# ── What a person sees ───────────────────────────────────────────────────────


@pytest.mark.usefixtures("serving")
async def test_a_refusal_names_the_limit_and_when_it_starts_anew(conversation, alice, service):
    await database_sync_to_async(limited)(1, is_each=True)
    async with opened(conversation, alice) as page:
        await page.ask("First")
        await page.until_status("done")
        await page.ask("Second")
        await page.until_status("failed")
        problem = page.answers()[-1].select_one(".problem")
        reloaded = await loaded(conversation, alice)
    said = problem.get_text(" ", strip=True)
    assert (problem["data-stage"], problem["data-code"]) == ("quota", "limit_used_up")
    assert "The limit is used up: 1 message a day for each person." in said
    assert "The model was not called." in said
    until = datetime.fromisoformat(str(problem.select_one("time")["datetime"]))
    assert timezone.now() < until <= timezone.now() + timedelta(days=1)
    assert "Second" in page.turns_text()
    assert page.turns() == reloaded.turns()
    assert len(service.requests) == 1
    assert await Usage.objects.acount() == 1


@pytest.mark.usefixtures("serving")
async def test_a_refusal_is_kept_so_that_it_can_be_told_in_any_language(conversation, alice, model):
    await database_sync_to_async(limited)(1)
    await database_sync_to_async(used)(alice, model)
    async with opened(conversation, alice) as page:
        await page.ask("Hi")
        await page.until_status("failed")
    stored = (await Message.objects.aget(status="failed")).error
    assert stored["limit"]["amount"] == "1"
    assert stored["next_action"]["until"]


@pytest.mark.usefixtures("serving")
async def test_asking_again_counts_too_and_works_when_there_is_room(conversation, alice, service):
    limit = await database_sync_to_async(limited)(1)
    async with opened(conversation, alice) as page:
        await page.ask("First")
        await page.until_status("done")
        await page.send(action="regenerate", message=str(page.last_pk()))
        await page.until(lambda: page.answers()[-1]["data-status"] == "failed")
        await Limit.objects.filter(pk=limit.pk).aupdate(parts=2)
        rules.forget()
        await page.send(action="regenerate", message=str(page.last_pk()))
        await page.until(lambda: page.statuses()[-1] == "done")
    assert len(service.requests) == 2


@pytest.mark.usefixtures("serving")
async def test_those_who_ask_at_once_do_not_pass_a_quota_together(alice, model, service):
    await database_sync_to_async(limited)(3)
    conversations = [
        await Conversation.objects.acreate(owner=alice, title=f"{number}", model=model)
        for number in range(12)
    ]
    service.pause()
    async with AsyncExitStack() as stack:
        pages = [await stack.enter_async_context(opened(one, alice)) for one in conversations]
        await asyncio.gather(*(page.ask("Hi") for page in pages))
        refused = Message.objects.filter(status="failed", error__code="limit_used_up")

        async def the_others_are_refused() -> bool:
            return len(service.requests) == 3 and await refused.acount() == 9

        await eventually(the_others_are_refused)
        service.resume()
        await settled()
    assert await Message.objects.filter(status="done", role="assistant").acount() == 3
    assert await Usage.objects.acount() == len(service.requests) == 3


@pytest.mark.usefixtures("serving")
async def test_an_administrator_is_led_to_the_limit(conversation, root):
    limit = await database_sync_to_async(limited)(1, is_each=False)
    await Conversation.objects.filter(pk=conversation.pk).aupdate(owner=root)
    async with opened(conversation, root) as page:
        for status in ("done", "failed"):
            await page.ask("Hi")
            await page.until_status(status)
        link = page.answers()[-1].select_one(".problem a.next")
    assert link["href"] == f"/limits/{limit.pk}/"

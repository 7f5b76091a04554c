"""What an answer cost is written beside what it used, at the price of its day."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from bs4 import BeautifulSoup
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from admin_models import prices
from admin_models.models import AIModel, Price, Tier
from admin_models.prices import Named
from chat.ledger import charging
from chat.models import Conversation, Message, Status, Usage
from chat.turns import settling
from chat.turns.settling import Outcome
from tests.pages.html import page, words

pytestmark = pytest.mark.usefixtures("transactional_db")

A_DAY = timedelta(days=1)


def price(model: AIModel, question: str, answer: str = "8", **members: Any) -> Price:
    """A price as it stands in the table, from any moment on."""
    group = model.group
    name = Named(group.environment.env_id, group.name, model.name)
    tiers = [Tier(Decimal(question), Decimal(answer), Decimal("0.5")).stored()]
    values = {"currency": "CNY", "tiers": tiers, "valid_from": timezone.now(), "set_by": "root"}
    return Price.objects.create(**name._asdict() | values | members)


def used(model: AIModel | None, prompt: int | None = 1_000, completion: int | None = 500, **rest):
    return Usage(
        model=model,
        confidence="reported",
        prompt_tokens=prompt,
        completion_tokens=completion,
        **rest,
    )


def charged(*rows: Usage) -> Usage:
    charging.charge(rows)
    return rows[0]


@pytest.fixture
def answer(conversation, model):
    question = conversation.messages.create(role="user", text="Hi")
    return conversation.messages.create(
        role="assistant", question=question, status="streaming", model=model
    )


def settled(answer: Message, **members: Any) -> Message:
    usage = Usage(confidence="reported", total_tokens=1_500, **members)
    return settling.settle(answer, Outcome(Status.DONE, "Hello", "", usage=usage))


def cost_on_page(usage: Usage) -> str:
    """What stands under an answer about its cost."""
    soup = BeautifulSoup(render_to_string("chat/_usage.html", {"usage": usage}), "html.parser")
    (line,) = [line for line in map(words, soup.select("dl div")) if line.startswith("Cost")]
    return line.removeprefix("Cost ")


def test_a_row_gets_the_price_and_the_cost(model):
    price(model, "2")
    row = charged(used(model, cached_tokens=400))
    assert row.currency == "CNY"
    assert [row.input_price, row.output_price, row.cached_price] == [2, 8, Decimal("0.5")]
    assert row.cost == Decimal("0.0054")


def test_only_the_price_of_the_day_counts(model):
    now = timezone.now()
    price(model, "1", valid_from=now - 2 * A_DAY)
    price(model, "2", valid_from=now - A_DAY)
    price(model, "3", valid_from=now + A_DAY)
    assert charged(used(model)).input_price == 2


def test_a_price_that_is_set_counts_at_once(model, root):
    assert charged(used(model)).currency == ""
    name = Named(model.group.environment.env_id, model.group.name, model.name)
    tiers = [Tier(Decimal(2), Decimal(8))]
    prices.set_price(root, name, currency="USD", tiers=tiers)
    assert charged(used(model)).currency == "USD"


def test_the_length_of_the_question_chooses_the_tier(model):
    tiers = [Tier(Decimal(1), Decimal(1)), Tier(Decimal(5), Decimal(6), above=1_000)]
    price(model, "1", tiers=[tier.stored() for tier in tiers])
    assert charged(used(model, 1_000)).input_price == 1
    row = charged(used(model, 1_001))
    assert [row.input_price, row.output_price, row.cached_price] == [5, 6, 5]


def test_many_rows_are_charged_with_one_query(model, django_assert_num_queries):
    other = AIModel.objects.create(group=model.group, name="other")
    price(model, "2")
    price(other, "4")
    rows = [used(model), used(other), used(None), used(model, None)]
    with django_assert_num_queries(1):
        charging.charge(rows)
    assert [row.currency for row in rows] == ["CNY", "CNY", "", "CNY"]
    assert [row.input_price for row in rows] == [2, 4, None, None]


def test_nothing_is_asked_for_nothing(django_assert_num_queries):
    with django_assert_num_queries(0):
        charging.charge([])
        charging.charge([used(None)])


def test_a_price_of_another_group_is_none_of_ours(model):
    price(model, "2", group="custom-other")
    price(model, "2", env_id="elsewhere")
    assert charged(used(model)).currency == ""


def test_what_the_ledger_cannot_hold_is_no_price(model, caplog):
    tiers = [Tier(Decimal(10) ** 12, Decimal(1)).stored()]
    price(model, "1", tiers=tiers)
    row = charged(used(model))
    assert row.cost is None
    assert "more than the ledger can hold" in caplog.text


def test_a_catalogue_price_without_figures_is_no_price(model):
    price(model, "1", tiers=[], words="ask your salesman")
    assert charged(used(model)).currency == ""


def test_an_answer_that_rests_has_its_cost_in_the_ledger(answer, model):
    price(model, "2.0001", "8.0003")
    row = settled(answer, prompt_tokens=1_001, completion_tokens=501)
    loaded = Usage.objects.get(message=row)
    assert loaded.cost == Decimal("0.0060102504")
    for field in Usage._meta.concrete_fields:
        assert getattr(row.usage, field.attname) == getattr(loaded, field.attname), field.name
    assert cost_on_page(row.usage) == cost_on_page(loaded) == "0.0060102504 CNY"


def test_a_later_price_leaves_what_was_paid_as_it_was(answer, model):
    price(model, "2")
    row = settled(answer, prompt_tokens=1_000_000, completion_tokens=0)
    price(model, "200")
    assert Usage.objects.get(message=row).cost == 2


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ({"cost": Decimal("0.0054000000"), "currency": "CNY"}, "0.0054 CNY"),
        ({"cost": Decimal("1234.5"), "currency": "USD"}, "1,234.5 USD"),
        ({"cost": Decimal("0E-10"), "currency": "CNY"}, "0 CNY"),
        ({"cost": Decimal(2), "currency": "CNY", "confidence": "estimated"}, "~2 CNY"),
        ({"currency": "CNY"}, "not known"),
        ({}, "no price: counted, never free"),
    ],
)
def test_the_page_says_what_it_cost_and_no_price_never_looks_free(members, says):
    assert cost_on_page(Usage(total_tokens=5, **members)) == says


def test_the_cost_stands_under_the_answer(client, alice, answer, model):
    price(model, "2")
    settled(answer, prompt_tokens=1_000, completion_tokens=500)
    client.force_login(alice)
    conversation = Conversation.objects.get()
    soup = page(client.get(reverse("conversation", args=[conversation.pk])))
    assert "Cost 0.006 CNY" in words(soup)

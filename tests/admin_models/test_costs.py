"""What a request costs, compared with fractions, which are exact by nature."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from admin_models import prices
from admin_models.costs import cost
from admin_models.models import Price, Tier

AMOUNTS = st.decimals(0, prices.DEAREST, places=prices.PLACES, allow_nan=False)
TOKENS = st.integers(0, 2**31 - 1)
BEGINNINGS = st.lists(
    st.integers(1, prices.LONGEST), max_size=prices.MOST_TIERS - 1, unique=True
).map(lambda found: [0, *sorted(found)])
TIERS = BEGINNINGS.flatmap(
    lambda beginnings: st.tuples(
        *(st.builds(Tier, AMOUNTS, AMOUNTS, st.none() | AMOUNTS, st.just(b)) for b in beginnings)
    )
)


def price_of(*tiers: Tier) -> Price:
    return Price(currency="CNY", tiers=[tier.stored() for tier in tiers])


def uniform(question: str, answer: str, cached: str | None = None) -> Price:
    return price_of(Tier(Decimal(question), Decimal(answer), Decimal(cached) if cached else None))


def test_prices_are_for_a_million_tokens():
    assert cost(uniform("2", "8"), 1_000_000, 1_000_000) == 10
    assert cost(uniform("2", "8"), 1_000, 500) == Decimal("0.006")


def test_what_the_service_had_in_its_cache_has_a_price_of_its_own():
    assert cost(uniform("2", "8", "0.5"), 1_000_000, 0, 400_000) == Decimal("1.4")
    assert cost(uniform("2", "8"), 1_000_000, 0, 400_000) == 2


def test_no_more_is_cached_than_was_asked():
    assert cost(uniform("2", "8", "0.5"), 100, 0, 1_000) == Decimal("0.00005")


@pytest.mark.parametrize(
    ("prompt", "comes_to"), [(0, "0"), (32_000, "0.064"), (32_001, "0.192006"), (64_000, "0.384")]
)
def test_the_whole_question_chooses_the_tier(prompt, comes_to):
    tiers = [Tier(Decimal(6), Decimal(9), above=32_000), Tier(Decimal(2), Decimal(3))]
    assert cost(price_of(*tiers), prompt, 0) == Decimal(comes_to)


@pytest.mark.parametrize("counted", [(-1, 0, 0), (0, -1, 0), (0, 0, -1)])
def test_nobody_is_paid_for_asking(counted):
    with pytest.raises(ValueError, match="fewer"):
        cost(uniform("2", "8"), *counted)


def test_a_price_without_figures_costs_nothing_that_could_be_said():
    with pytest.raises(ValueError, match="figures"):
        cost(Price(currency="CNY", tiers=[], words="2 per 1k tokens"), 1, 1)


@given(TIERS, TOKENS, TOKENS, TOKENS)
def test_a_cost_is_exact(tiers, prompt, completion, cached):
    price = price_of(*tiers)
    tier = price.tier_for(prompt)
    cached = min(cached, prompt)
    at_cached = tier.input if tier.cached is None else tier.cached
    exact = (
        Fraction(tier.input) * (prompt - cached)
        + Fraction(at_cached) * cached
        + Fraction(tier.output) * completion
    ) / 1_000_000
    assert Fraction(cost(price, prompt, completion, cached)) == exact


@given(TIERS, TOKENS, TOKENS, TOKENS)
def test_every_cost_fits_the_ledger_to_the_last_digit(tiers, prompt, completion, cached):
    amount = cost(price_of(*tiers), prompt, completion, cached)
    assert amount == amount.quantize(Decimal("1e-10"))
    assert amount < Decimal(10) ** 10


@given(TIERS, TOKENS, TOKENS, st.integers(0, 1_000_000))
def test_a_longer_answer_costs_no_less(tiers, prompt, completion, more):
    price = price_of(*tiers)
    assert cost(price, prompt, completion + more) >= cost(price, prompt, completion)


@given(TIERS)
def test_what_is_stored_of_a_tier_is_read_back_as_it_was(tiers):
    assert tuple(price_of(*tiers).all_tiers()) == tiers

"""What a model request costs: arithmetic on a price and on counted tokens, without rounding."""

from __future__ import annotations

from decimal import Context, Decimal, localcontext
from typing import Final

from admin_models.models import Price, Tier

MILLION: Final = 6
"""Prices are for ten to this power tokens."""
_EXACT: Final = Context(prec=100)
"""So many digits that no price and no number of tokens is ever rounded."""


def cost(price: Price, prompt: int, completion: int, cached: int = 0) -> Decimal:
    """What a question of `prompt` tokens and its answer of `completion` tokens cost, exactly.

    In units of `price.currency`, whose tiers are per million tokens. The whole question chooses the
    tier, and every token is paid at it. `cached` tokens of the question, which the service had in
    its cache, are paid at the tier's cached price; no more of them count than the question has.
    Raises ValueError for fewer than no tokens, and for a price without tiers.
    """
    if min(prompt, completion, cached) < 0:
        raise ValueError("nobody uses fewer than no tokens")
    if not price.tiers:
        raise ValueError("a price without figures")
    return of_tier(price.tier_for(prompt), prompt, completion, min(cached, prompt))


def of_tier(tier: Tier, prompt: int, completion: int, cached: int) -> Decimal:
    """The same at a tier that is known; `cached` is part of `prompt`."""
    with localcontext(_EXACT):
        for_all = (
            (prompt - cached) * tier.input + cached * cached_price(tier) + completion * tier.output
        )
        return for_all.scaleb(-MILLION)


def cached_price(tier: Tier) -> Decimal:
    """What a million cached tokens cost; as others of the question where nothing else is said."""
    return tier.input if tier.cached is None else tier.cached

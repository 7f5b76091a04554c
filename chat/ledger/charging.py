"""What answers cost: ledger rows get the prices of their day before they are written."""

from __future__ import annotations

import logging
from collections.abc import Collection
from decimal import Decimal
from typing import Final

from admin_models import costs, prices
from admin_models.models import Price
from chat.models import Usage
from chat.models.amounts import LARGEST, PLACES

logger = logging.getLogger(__name__)

_SMALLEST: Final = Decimal(1).scaleb(-PLACES)


def charge(rows: Collection[Usage]) -> None:
    """Write into `rows` what their models cost now, and what they come to. One query for all.

    Expects `model.group.environment` to be loaded, and the tokens to be filled in. Where a model
    has no row, its names count. One that has no price stays without, which is not the same as a
    price of nothing. Does not save.
    """
    named = {id(row): name for row in rows if (name := _named(row)) is not None}
    current = prices.current_of(set(named.values()))
    for row in rows:
        price = current.get(named[id(row)]) if id(row) in named else None
        if price is not None and price.tiers:
            _charge(row, price)


def _named(row: Usage) -> prices.Named | None:
    if row.model is not None:
        group = row.model.group
        return prices.Named(group.environment.env_id, group.name, row.model.name)
    names = prices.Named(row.env_id, row.group_name, row.requested_model)
    return names if all(names) else None


def _charge(row: Usage, price: Price) -> None:
    row.currency = price.currency
    if row.prompt_tokens is None or row.completion_tokens is None:
        return
    tier = price.tier_for(row.prompt_tokens)
    amounts = {
        "input_price": tier.input,
        "output_price": tier.output,
        "cached_price": costs.cached_price(tier),
        "cost": costs.cost(price, row.prompt_tokens, row.completion_tokens, row.cached_tokens or 0),
    }
    if max(amounts.values()) > LARGEST:
        logger.warning("price %s is more than the ledger can hold", price.pk)
        return
    for name, amount in amounts.items():
        setattr(row, name, amount.quantize(_SMALLEST))

"""Prices of the catalogue: as one text that is the same in every language, and as figures.

The vendor writes them as text and names no currency (CloudBase, DescribeManagedAIModelList).
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from admin_models.models import Tier
from chat.cloudbase.control_plane import ManagedModel, ModelPrice

_AMOUNT: Final = re.compile(r"\d{1,9}(?:\.\d{1,12})?")
_UNIT: Final = re.compile(
    r"(?:per|每|/)?\s*(?P<many>1k|1,?000|thousand|千|1m|1,?000,?000|million|百万)\s*个?\s*tokens?",
    re.IGNORECASE,
)
_MILLIONS: Final = frozenset({"1m", "1000000", "million", "百万"})
_FROM_THOUSAND: Final = 3
"""The power of ten between a price for a thousand tokens and one for a million."""
_TIER: Final = re.compile(
    r"[\[(]?\s*(?P<above>\d{1,9})\s*(?P<letter>[km]?)\s*(?:tokens?)?\s*(?:[-~–—,+至]|to|以上|$).*",
    re.IGNORECASE,
)
_LETTERS: Final = {"": 1, "k": 1_000, "m": 1_000_000}
"""A k is a thousand, as in the unit. Where the vendor counts 1024, the cost of a question between
both is told too high, never too low."""


def words(model: ManagedModel) -> str:
    """Every price of a model exactly as the vendor wrote it, one a line; empty if there is none.

    This is what somebody confirms, and what is compared to see whether it has changed.
    """
    return "\n".join(map(_line, model.prices))


def tiers(model: ManagedModel) -> tuple[Tier, ...]:
    """The prices of a model for a million tokens, the smallest questions first.

    Empty if there is none, or one that cannot be read for certain: nothing is guessed.
    """
    found = [_tier(price) for price in model.prices]
    read = sorted((tier for tier in found if tier is not None), key=lambda tier: tier.above)
    begins = [tier.above for tier in read]
    is_whole = len(read) == len(found) and begins[:1] == [0] and len({*begins}) == len(begins)
    return tuple(read) if is_whole else ()


def _line(price: ModelPrice) -> str:
    tier = f"{price.name}: " if price.name else ""
    cached = f", cached {price.cache_price}" if price.cache_price else ""
    unit = price.input_output_unit or "?"
    return f"{tier}input {price.input_price}, output {price.output_price}{cached} per {unit}"


def _tier(price: ModelPrice) -> Tier | None:
    power, above = _power(price.input_output_unit), _above(price)
    if power is None or above is None:
        return None
    question, answer = _amount(price.input_price, power), _amount(price.output_price, power)
    cached = _amount(price.cache_price, power)
    if question is None or answer is None or (price.cache_price.strip() and cached is None):
        return None
    return Tier(question, answer, cached, above)


def _amount(text: str, power: int) -> Decimal | None:
    """For a million tokens, written out without an exponent; None if it is no plain figure."""
    if not _AMOUNT.fullmatch(text.strip()):
        return None
    return Decimal(format(Decimal(text.strip()).scaleb(power), "f"))


def _power(unit: str) -> int | None:
    said = _UNIT.fullmatch(unit.strip())
    if said is None:
        return None
    return 0 if said["many"].lower().replace(",", "") in _MILLIONS else _FROM_THOUSAND


def _above(price: ModelPrice) -> int | None:
    """The tokens above which a tier begins; a price that is no tier begins at none."""
    kind, name = price.type.lower(), price.name.strip()
    if kind == "uniform" or not (kind or name):
        return 0
    said = _TIER.fullmatch(name)
    return int(said["above"]) * _LETTERS[said["letter"].lower()] if said else None

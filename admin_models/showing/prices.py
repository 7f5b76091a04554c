"""Prices of the catalogue, as the vendor wrote them: it names no currency, so neither do we."""

from __future__ import annotations

from django.utils.translation import gettext

from chat.cloudbase.control_plane import ManagedModel, ModelPrice


def lines(model: ManagedModel) -> list[str]:
    """Every price, one a line; a tiered one begins with its tier. Empty if there is none."""
    return [_line(price) for price in model.prices]


def _line(price: ModelPrice) -> str:
    words = {
        "input": price.input_price or "?",
        "output": price.output_price or "?",
        "cached": price.cache_price,
        "unit": _unit(price),
    }
    sentence = (
        gettext("question %(input)s, answer %(output)s, cached question %(cached)s per %(unit)s")
        if price.cache_price
        else gettext("question %(input)s, answer %(output)s per %(unit)s")
    )
    tier = f"{price.name}: " if price.name else ""
    return tier + sentence % words


def _unit(price: ModelPrice) -> str:
    return price.input_output_unit or gettext("unknown unit")

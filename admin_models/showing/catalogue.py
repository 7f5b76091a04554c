"""The managed catalogue, to read: what can be switched on, at which price, and who confirmed it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from django.urls import reverse

from admin_models import catalogue
from admin_models.models import Environment, Price
from admin_models.preflight.facts import Facts
from admin_models.prices import Named
from admin_models.showing import price_list, prices
from chat.cloudbase.control_plane import ManagedModel

PriceKey = tuple[str, str]
"""Group and model."""


@dataclass(frozen=True, slots=True)
class ShownModel:
    """A model of the catalogue."""

    group: str
    model: str
    context_length: str
    most_input: str
    most_output: str
    prices: tuple[str, ...]
    """As the catalogue says them."""
    own_price: price_list.Shown | None
    """What somebody here set, where the catalogue says nothing."""
    is_on: bool
    switch_on_url: str
    confirmed_by: str
    confirmed_at: datetime | None
    asks_again: bool
    """Whether it is on at a price that nobody confirmed, or that has changed since."""


def shown(
    environment: Environment,
    facts: Facts,
    confirmed: Mapping[PriceKey, Price],
    own: Mapping[Named, Price],
    query: str = "",
) -> list[ShownModel]:
    """The models whose names hold every word of `query`, those that are on first. No query."""
    words = query.casefold().split()
    page = reverse("environment_enable", args=[environment.pk])
    listed = [
        _shown(environment, facts, listed.group_name, model, confirmed, own, page)
        for listed in facts.catalogue.answer or ()
        for model in listed.models
        if all(word in model.model.casefold() for word in words)
    ]
    return sorted(listed, key=lambda model: not model.is_on)


def total(facts: Facts) -> int:
    """How many models the catalogue has."""
    return sum(len(listed.models) for listed in facts.catalogue.answer or ())


def _shown(
    environment: Environment,
    facts: Facts,
    group: str,
    model: ManagedModel,
    confirmed: Mapping[PriceKey, Price],
    own: Mapping[Named, Price],
    page: str,
) -> ShownModel:
    there = facts.group(group)
    is_on = there is not None and there.is_on and there.offers(model.model)
    price = confirmed.get((group, model.model))
    own_price = own.get(Named(environment.env_id, group, model.model))
    return ShownModel(
        group=group,
        model=model.model,
        context_length=model.spec.context_length,
        most_input=model.spec.max_input_token,
        most_output=model.spec.max_output_token,
        prices=tuple(prices.lines(model)),
        own_price=price_list.shown(own_price) if own_price and not model.prices else None,
        is_on=is_on,
        switch_on_url=f"{page}?{urlencode({'group': group, 'model': model.model})}",
        confirmed_by=price.set_by if price else "",
        confirmed_at=price.valid_from if price else None,
        asks_again=is_on and catalogue.asks_again(model, price),
    )

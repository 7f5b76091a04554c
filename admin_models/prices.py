"""Prices of models: which one counts when, and how a new one is set."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from functools import reduce
from operator import or_
from typing import Any, Final, NamedTuple

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q, Window
from django.db.models.functions import RowNumber
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from admin_models import audit, currencies
from admin_models.models import Price, Tier

MOST_TIERS: Final = 4
DEAREST: Final = Decimal(1_000_000)
"""The most that a million tokens may cost; with it the cost of any request fits the ledger."""
PLACES: Final = 4
"""Decimals of a price for a million tokens; with them a cost is exact at the ledger's ten."""
LONGEST: Final = 100_000_000
"""Tokens above which no tier begins."""


class Named(NamedTuple):
    """Whose price it is. Names and not references, as a price outlives what it names."""

    env_id: str
    group: str
    model: str


# Which one counts


def current(env_id: str, group: str, model: str, at: datetime | None = None) -> Price | None:
    """The price of a model at a moment (now, unless said); None if it has none. One query."""
    return Price.objects.of(env_id, group, model).at(at or timezone.now()).first()


def current_of(names: Collection[Named], at: datetime | None = None) -> dict[Named, Price]:
    """The same for a few models, in one query; those without a price are missing."""
    if not names:
        return {}
    wanted = reduce(or_, (Q(**name._asdict()) for name in names))
    # The prices that a few models ever had are read in less time than it takes to rank them.
    rows = Price.objects.filter(wanted).at(at or timezone.now()).order_by("valid_from", "pk")
    return {named(price): price for price in rows}


def current_in(env_id: str, models: Collection[str]) -> dict[Named, Price]:
    """The prices that count now of models so named, in any group of an environment. One query."""
    rank = Window(RowNumber(), partition_by=["group", "model"], order_by=["-valid_from", "-pk"])
    rows = Price.objects.filter(env_id=env_id, model__in=models).at(timezone.now()).order_by()
    return {named(price): price for price in rows.annotate(rank=rank).filter(rank=1)}


def planned_in(env_id: str, models: Collection[str]) -> dict[Named, Price]:
    """The next price of each of these that will have another one, in one query."""
    rows = Price.objects.filter(env_id=env_id, model__in=models, valid_from__gt=timezone.now())
    return {named(price): price for price in rows.order_by("-valid_from", "pk")}


def named(price: Price) -> Named:
    """Whose price it is."""
    return Named(price.env_id, price.group, price.model)


# A new one


@transaction.atomic
def set_price(
    actor: audit.Actor,
    name: Named,
    *,
    currency: str,
    tiers: Sequence[Tier],
    valid_from: datetime | None = None,
) -> Price:
    """Give a model a price from `valid_from` on, or at once if that is over or not said.

    It is recorded; what was paid before stays as it was paid. Raises
    django.core.exceptions.ValidationError for what `check` refuses.
    """
    now = timezone.now()
    check(currency, tiers)
    before = current(*name, at=now)
    price = Price.objects.create(
        **name._asdict(),
        currency=currency,
        tiers=[tier.stored() for tier in tiers],
        valid_from=max(valid_from or now, now),
        set_by=audit.name_of(actor),
    )
    audit.record(
        actor,
        "price.set",
        subject_of(price),
        before=state_of(before) if before else {},
        after=state_of(price),
    )
    return price


def subject_of(price: Price) -> tuple[str, str, str]:
    """What a record of the audit log is about: the model that has the price."""
    return "model", "/".join(named(price)), price.model


def state_of(price: Price) -> dict[str, Any]:
    """What a price says, to be recorded."""
    return audit.state_of(price, ("currency", "tiers", "words", "valid_from"))


def check(currency: str, tiers: Iterable[Tier]) -> None:
    """Refuse what is no price, with a ValidationError that says what is wrong."""
    if currency not in currencies.CODES:
        raise ValidationError(
            _("%(code)s is no currency; write its three letters, for example CNY."),
            code="currency",
            params={"code": currency},
        )
    above = -1
    for number, tier in enumerate(found := list(tiers)):
        _check_figures(tier)
        if tier.above <= above or tier.above > LONGEST or (number == 0 and tier.above):
            raise ValidationError(
                _("The first tier begins at 0 tokens, and each of the others after the last."),
                code="order",
            )
        above = tier.above
    if not 1 <= len(found) <= MOST_TIERS:
        raise ValidationError(
            _("A price has one tier to %(most)s."), code="tiers", params={"most": MOST_TIERS}
        )


def _check_figures(tier: Tier) -> None:
    for amount in (tier.input, tier.output, tier.cached):
        if amount is None:
            continue
        exponent = amount.as_tuple().exponent
        if not (isinstance(exponent, int) and exponent >= -PLACES and 0 <= amount <= DEAREST):
            raise ValidationError(
                _("A million tokens cost 0 to %(dearest)s, with up to %(places)s decimals."),
                code="figures",
                params={"dearest": f"{DEAREST:,}", "places": PLACES},
            )

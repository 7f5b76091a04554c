"""Prices as the pages list them: what counts now, what is planned, what counted before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext, pgettext_lazy

from admin_models.models import AIModel, Environment, Price, Tier
from admin_models.prices import Named
from admin_models.showing.figures import grouped

STATES: Final[Mapping[str, Promise]] = {
    "waiting": pgettext_lazy("state of a price", "planned"),
    "ok": pgettext_lazy("state of a price", "counts now"),
    "skipped": pgettext_lazy("state of a price", "over"),
}


@dataclass(frozen=True, slots=True)
class Shown:
    """A price in words, a line a tier; no line if the catalogue gave no figures."""

    price: Price
    lines: tuple[str, ...]
    state: str = "ok"

    @property
    def is_current(self) -> bool:
        """Whether it counts now."""
        return self.state == "ok"

    @property
    def state_label(self) -> str:
        """What the state is called."""
        return str(STATES[self.state])


@dataclass(frozen=True, slots=True)
class Offer:
    """A model and what it costs."""

    group: str
    model: str
    is_enabled: bool
    current: Shown | None
    planned: Shown | None


def offers(
    environment: Environment,
    models: Iterable[AIModel],
    current: Mapping[Named, Price],
    planned: Mapping[Named, Price],
) -> list[Offer]:
    """The models, with `group` loaded, in their order; makes no query."""
    listed = []
    for model in models:
        name = Named(environment.env_id, model.group.name, model.name)
        now, next_one = current.get(name), planned.get(name)
        listed.append(
            Offer(
                group=name.group,
                model=name.model,
                is_enabled=model.is_enabled,
                current=shown(now) if now else None,
                planned=shown(next_one, "waiting") if next_one else None,
            )
        )
    return listed


def history(rows: Iterable[Price]) -> list[Shown]:
    """All prices of one model, given in the order in which they replace each other."""
    now = timezone.now()
    listed: list[Shown] = []
    for price in rows:
        is_replaced = bool(listed) and listed[-1].price.valid_from == price.valid_from
        if price.valid_from > now:
            state = "skipped" if is_replaced else "waiting"
        else:
            state = "skipped" if any(shown.is_current for shown in listed) else "ok"
        listed.append(shown(price, state))
    return listed


def shown(price: Price, state: str = "ok") -> Shown:
    """A price in words."""
    return Shown(price, tuple(_lines(price.all_tiers())), state)


def _lines(tiers: Sequence[Tier]) -> Iterable[str]:
    for number, tier in enumerate(tiers):
        words = _figures(tier)
        if number:
            above = gettext("over %(tokens)s tokens: ") % {"tokens": grouped(tier.above)}
            yield above + words
        elif len(tiers) > 1:
            most = grouped(tiers[1].above)
            yield gettext("up to %(tokens)s tokens: ") % {"tokens": most} + words
        else:
            yield words


def _figures(tier: Tier) -> str:
    figures = {"question": grouped(tier.input), "answer": grouped(tier.output)}
    if tier.cached is None:
        return gettext("question %(question)s, answer %(answer)s") % figures
    figures["cached"] = grouped(tier.cached)
    sentence = gettext("question %(question)s, cached %(cached)s, answer %(answer)s")
    return sentence % figures

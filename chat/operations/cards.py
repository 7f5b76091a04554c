"""The figures of the dashboard: each with what it is made of, and how it changed.

Every sum says how sure it is: what services reported, what was estimated, and what nobody knows
are told apart, and currencies are never added up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from admin_models.showing.figures import grouped
from chat.figures import sums
from chat.figures.spans import Dimension, Narrowing, Span
from chat.figures.sums import Confidence, Measure, Percentiles, Speeds, Sums
from chat.operations import numbers, plots
from chat.operations.links import Links, Only
from chat.operations.numbers import Change
from chat.operations.timelines import KNOWN, OUTCOMES


@dataclass(frozen=True, slots=True)
class Part:
    """What a figure is made of. `key` is the colour of its bar."""

    key: str
    label: str
    written: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """A figure, what it is made of, and how it changed."""

    title: str
    value: str
    exact: str
    url: str
    parts: Sequence[Part]
    change: Change | None
    share: Any = ""
    """A lying bar of the parts."""


@dataclass(frozen=True, slots=True)
class TokenLine:
    """One kind of tokens, by confidence."""

    label: str
    reported: int
    estimated: int


def of(before: Span, narrowing: Narrowing, found: Sums, quick: Speeds, links: Links) -> list[Card]:
    """The figures of a time, whose sums are `found` and whose speeds are `quick`, against those
    `before`. A constant number of queries."""
    earlier = sums.over(before, narrowing)
    slow = sums.speeds(before, narrowing)
    return [
        _requests(found, earlier, links),
        _tokens(found, earlier, links),
        *_costs(found, earlier, links),
        _people(found, earlier, links),
        _speed(_("First token"), quick[Measure.FIRST_TOKEN], slow[Measure.FIRST_TOKEN], links),
        _speed(_("Tokens a second"), quick[Measure.RATE], slow[Measure.RATE], links, is_rate=True),
    ]


def _part(key: str, label: Promise | str, amount: Any, written: str, url: str) -> Part:
    """A part that leads to its rows, if there are any."""
    return Part(key, str(label), written, url if amount else "")


def _requests(found: Sums, earlier: Sums, links: Links) -> Card:
    counts = [(status, getattr(found, status.value)) for status in OUTCOMES]
    return Card(
        title=gettext("Requests"),
        value=numbers.counted(found.requests),
        exact=f"{found.requests:,}",
        url=links.rows(),
        parts=[
            _part(key.value, key.label, count, f"{count:,}", links.rows(status=key.value))
            for key, count in counts
        ],
        change=numbers.change(found.requests, earlier.requests, numbers.counted),
        share=_share(counts),
    )


def _tokens(found: Sums, earlier: Sums, links: Links) -> Card:
    """Of requests whose tokens are unknown there is nothing to add up: they are counted."""
    amounts = [(key, found.tokens[key].total if key in found.tokens else 0) for key in KNOWN]
    written = [(key, amount, numbers.counted(amount)) for key, amount in amounts]
    written.append((Confidence.UNKNOWN, found.unknown, numbers.requests(found.unknown)))
    return Card(
        title=gettext("Tokens"),
        value=numbers.counted(found.total_tokens),
        exact=f"{found.total_tokens:,}",
        url=links.rows(),
        parts=[
            _part(key.value, key.label, amount, text, links.rows(confidence=key.value))
            for key, amount, text in written
        ],
        change=numbers.change(found.total_tokens, earlier.total_tokens, numbers.counted),
        share=_share(amounts),
    )


def _costs(found: Sums, earlier: Sums, links: Links) -> list[Card]:
    """A card for each currency; the first also tells what is in no sum."""
    currencies = sorted({*found.cost, *earlier.cost})
    cards = [_cost(currency, found, earlier, links) for currency in currencies]
    first, *others = cards or [Card(gettext("Cost"), numbers.NONE, "", "", [], None)]
    return [replace(first, parts=[*first.parts, *_missing(found, links)]), *others]


def _missing(found: Sums, links: Links) -> list[Part]:
    """What is in no cost."""
    counts = (
        (Only.UNPRICED, _("without a price"), found.unpriced),
        (Only.UNCOSTED, _("cost not known"), found.uncosted),
    )
    return [
        Part("", str(label), numbers.requests(count), links.rows(only=only.value))
        for only, label, count in counts
        if count
    ]


def _cost(currency: str, found: Sums, earlier: Sums, links: Links) -> Card:
    costs = found.cost.get(currency, {})
    if costs and not is_known(costs):
        return Card(_cost_title(currency), numbers.NONE, "", links.rows(), [], None)
    amounts = [(key, costs.get(key, Decimal(0))) for key in Confidence]
    shown = [(key, amount) for key, amount in amounts if amount or key in KNOWN]
    total, before = found.cost_in(currency), earlier.cost_in(currency)
    return Card(
        title=_cost_title(currency),
        value=numbers.money(total),
        exact=f"{grouped(total)} {currency}",
        url=links.rows(),
        parts=[
            _part(
                key.value,
                key.label,
                amount,
                numbers.money(amount),
                links.rows(confidence=key.value),
            )
            for key, amount in shown
        ],
        change=numbers.change(float(total), float(before), numbers.money),
        share=_share(shown),
    )


def is_known(costs: Mapping[Confidence, Decimal]) -> bool:
    """Whether anything is known of a currency in which something was asked: what nobody knows is
    not nothing."""
    return any(amount or confidence in KNOWN for confidence, amount in costs.items())


def _cost_title(currency: str) -> str:
    return gettext("Cost in %(currency)s") % {"currency": currency}


def _people(found: Sums, earlier: Sums, links: Links) -> Card:
    return Card(
        title=gettext("People"),
        value=numbers.counted(found.people),
        exact=f"{found.people:,}",
        url=links.usage(by=Dimension.PERSON.value) + "#split",
        parts=[],
        change=numbers.change(found.people, earlier.people, numbers.counted),
    )


def _speed(
    title: Promise | str,
    now: Percentiles,
    before: Percentiles,
    links: Links,
    *,
    is_rate: bool = False,
) -> Card:
    written = numbers.rate if is_rate else numbers.seconds

    def told(value: float | None) -> str:
        return numbers.NONE if value is None else written(value)

    return Card(
        title=f"{title} (p50)",
        value=told(now.p50),
        exact="",
        url="",
        parts=[
            Part("p95", "p95", told(now.p95)),
            Part("p99", "p99", told(now.p99)),
            Part("", gettext("measured"), numbers.requests(now.requests), links.rows()),
        ],
        change=numbers.change(now.p50, before.p50, written),
    )


def _share(amounts: Sequence[tuple[str, Any]]) -> Any:
    whole = sum(max(float(amount), 0.0) for _key, amount in amounts)
    if not whole:
        return ""
    return plots.bars((max(float(amount), 0.0) / whole, str(key)) for key, amount in amounts)


def token_lines(found: Sums) -> list[TokenLine]:
    """Tokens by kind."""
    kinds = {
        "prompt": _("question"),
        "cached": _("of which cached"),
        "completion": _("answer"),
        "reasoning": _("of which reasoning"),
        "total": _("all"),
    }
    return [
        TokenLine(
            str(label),
            *(getattr(found.tokens[key], name) if key in found.tokens else 0 for key in KNOWN),
        )
        for name, label in kinds.items()
    ]

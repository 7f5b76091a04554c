"""The sums of a period by one dimension, each part a way to narrow what is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.contrib.auth.models import User
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from admin_models.models import Environment, Team
from chat.figures import sums
from chat.figures.spans import Dimension, Narrowing, Span
from chat.figures.sums import Confidence, Sums
from chat.models import Usage
from chat.operations import numbers, plots
from chat.operations.cards import is_known
from chat.operations.links import FIELDS, Links

LENGTH: Final = 50
"""Parts that a split names."""

TITLES: Final[Mapping[Dimension, Promise]] = {
    Dimension.MODEL: _("Model"),
    Dimension.GROUP: _("Group"),
    Dimension.ENVIRONMENT: _("Environment"),
    Dimension.AGENT: _("Agent"),
    Dimension.KIND: _("Kind"),
    Dimension.PERSON: _("Person"),
    Dimension.TEAM: _("Team"),
    Dimension.CONFIDENCE: _("Confidence"),
}
"""What sums can be split by, in the order of the page."""
_NAMELESS: Final[Mapping[Dimension, Promise]] = {
    Dimension.MODEL: _("no model"),
    Dimension.GROUP: _("no group"),
    Dimension.ENVIRONMENT: _("no environment"),
    Dimension.AGENT: _("no agent"),
    Dimension.KIND: _("no kind"),
    Dimension.PERSON: pgettext_lazy("a person", "nobody who is known"),
    Dimension.TEAM: _("no team"),
    Dimension.CONFIDENCE: _("unknown"),
}


@dataclass(frozen=True, slots=True)
class SplitLine:
    """A part of a split."""

    name: str
    url: str
    rows_url: str
    sums: Sums
    tokens: str
    costs: Sequence[str]
    failed: str
    bar: Any


@dataclass(frozen=True, slots=True)
class Split:
    """The sums of a period by one dimension."""

    by: Dimension
    title: str
    lines: Sequence[SplitLine]
    tabs: Sequence[tuple[str, str, bool]]
    """Title, address, and whether it is the one that is shown, of every dimension."""
    is_cut: bool


def of(span: Span, narrowing: Narrowing, by: Dimension, links: Links) -> Split:
    """The sums of a time by one dimension, the largest first."""
    found = sums.split(span, narrowing, by, limit=LENGTH + 1)
    shown = found[:LENGTH]
    names = _names(by, [key for key, _sums in shown])
    most = max((part.total_tokens for _key, part in shown), default=0) or 1
    return Split(
        by=by,
        title=str(TITLES[by]),
        lines=[_line(by, key, part, names, most, links) for key, part in shown],
        tabs=[
            (str(title), links.usage(by=each.value) + "#split", each is by)
            for each, title in TITLES.items()
        ],
        is_cut=len(found) > LENGTH,
    )


def _line(
    by: Dimension, key: str | int, part: Sums, names: Mapping[Any, str], most: int, links: Links
) -> SplitLine:
    name = names.get(key) or (f"#{key}" if key and isinstance(key, int) else str(key or ""))
    chosen = {FIELDS[by]: _in_address(by, key, name)} if key else {}
    is_narrowing = chosen and by is not Dimension.CONFIDENCE
    return SplitLine(
        name=name or str(_NAMELESS[by]),
        url=links.usage(**chosen, by="") if is_narrowing else "",
        rows_url=links.rows(**chosen) if chosen else "",
        sums=part,
        tokens=numbers.counted(part.total_tokens),
        costs=[
            f"{numbers.money(part.cost_in(currency))} {currency}"
            for currency, costs in sorted(part.cost.items())
            if is_known(costs)
        ],
        failed=numbers.percent(part.failed, part.requests),
        bar=plots.bars(
            (max(part.tokens[each].total, 0) / most, each.value)
            for each in Confidence
            if each in part.tokens
        ),
    )


def _in_address(by: Dimension, key: str | int, name: str) -> str:
    return name if by is Dimension.PERSON else str(key)


def _names(by: Dimension, keys: Sequence[Any]) -> Mapping[Any, str]:
    """What is not called by its key; one query at most."""
    match by:
        case Dimension.PERSON:
            return dict(User.objects.filter(pk__in=keys).values_list("pk", "username"))
        case Dimension.TEAM:
            return {team.pk: str(team) for team in Team.objects.filter(pk__in=keys)}
        case Dimension.ENVIRONMENT:
            rows = Environment.objects.filter(env_id__in=keys)
            return dict(rows.values_list("env_id", "name"))
        case Dimension.KIND:
            return {kind.value: str(kind.label) for kind in Usage.Kind}
        case Dimension.CONFIDENCE:
            return {each.value: str(each.label) for each in Confidence}
    return {}

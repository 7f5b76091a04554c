"""What to tell a person beside the composer: a limit is near, used up, or was passed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from django.db.models import Q, Sum
from django.utils import timezone
from django.utils.translation import gettext

from admin_models import local
from admin_models.models import AIModel, TokenPack
from admin_models.showing.figures import grouped
from chat.limits import holds, rules, words
from chat.limits.holds import Count
from chat.models import Counter

NEAR: Final = 80
"""Percent of a limit, or of the token packs, from which on people are told."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A sentence, and whether a call would be refused."""

    sentence: str
    is_refusal: bool = False


def shown(user_pk: int, model: AIModel | None) -> list[Notice]:
    """Everything that a person should know who asks `model`, its `group__environment` loaded."""
    return of_limits(user_pk, model) + of_packs(model)


def of_limits(user_pk: int, model: AIModel | None) -> list[Notice]:
    """About the limits that concern a person who asks `model` (its `group__environment` loaded),
    in the language that is active; two queries, and none while there are no limits."""
    known = rules.current()
    if not known or model is None:
        return []
    use, now = rules.use_of(user_pk, model), timezone.now()
    counts = [holds.count_of(rule, use, now) for rule in known if rule.concerns(use)]
    taken = _taken(counts)
    notices = (_notice(count, taken.get(count.key, 0)) for count in counts)
    return [notice for notice in notices if notice is not None]


def of_packs(model: AIModel | None) -> list[Notice]:
    """About the token packs that `model` draws on, if they are nearly empty; one query."""
    if model is None or not local.draws_on_packs(model):
        return []
    packs = TokenPack.objects.paying().order_by()
    sums = packs.aggregate(size=Sum("size_tokens"), used=Sum("used_tokens"))
    size, used = sums["size"] or 0, sums["used"] or 0
    if not size or used * 100 < size * NEAR:
        return []
    left = {"left": grouped(size - used)}
    return [
        Notice(
            gettext("The token packs of this model are nearly empty: %(left)s tokens left.") % left
        )
    ]


def _taken(counts: Iterable[Count]) -> Mapping[holds.Key, int]:
    """What is used and held of each, as far as it is counted."""
    wanted = Q()
    for count in counts:
        key = count.key
        wanted |= Q(limit=key.limit_pk, person_pk=key.person_pk, begins_at=key.begins_at)
    counters = list(Counter.objects.filter(wanted)) if wanted else []
    held = holds.held(counters) if counters else {}
    return {
        holds.Key(row.limit_id, row.person_pk, row.begins_at): row.used + held.get(row.pk, 0)
        for row in counters
    }


def _notice(count: Count, taken: int) -> Notice | None:
    limit, percent = count.rule.limit, taken * 100 // count.rule.limit.parts
    places = {"limit": words.phrase(words.facts_of(limit)), "percent": percent}
    if percent < (NEAR if limit.is_hard else 100):
        return None
    if not limit.is_hard:
        return Notice(gettext("More is used than is meant to be: %(limit)s.") % places)
    if count.period.end is None:
        if percent < 100:
            return None
        return Notice(gettext("The limit is used up: %(limit)s.") % places, is_refusal=True)
    places["until"] = words.moment(count.period.end)
    if percent < 100:
        said = gettext("%(percent)d %% used of the limit: %(limit)s. It starts anew at %(until)s.")
        return Notice(said % places)
    said = gettext("The limit is used up: %(limit)s. It starts anew at %(until)s.")
    return Notice(said % places, is_refusal=True)

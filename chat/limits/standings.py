"""How much of each limit is used now, for those who look after the site."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.utils import timezone

from chat.limits import counting, holds, periods, rules, words
from chat.limits.periods import Period
from chat.limits.rules import Rule
from chat.models import Counter, Limit

SHOWN: Final = 20
"""People that are listed of a limit for each person: those who used most."""


@dataclass(frozen=True, slots=True)
class Share:
    """What a person, or all together, have used of a limit."""

    name: str
    """Empty: all together."""
    used: int | Decimal
    held: int | Decimal
    """By answers that are being written; an estimate, for tokens and money."""
    percent: int

    @property
    def taken(self) -> int | Decimal:
        """Used or held."""
        return self.used + self.held


@dataclass(frozen=True, slots=True)
class Standing:
    """A limit, in words, and what is used of it in the period that is now."""

    limit: Limit
    phrase: str
    period: Period
    shares: Sequence[Share]
    """The largest first."""
    people: int
    """Who used anything; of a limit for all together 0."""

    @property
    def largest(self) -> Share | None:
        """Who is nearest to it; None if nobody used anything."""
        return self.shares[0] if self.shares else None


def of(limits: QuerySet[Limit]) -> list[Standing]:
    """The standings of `limits`; three queries, and a few for each limit."""
    return [_standing(rule) for rule in rules.loaded(limits)]


def _standing(rule: Rule) -> Standing:
    limit, period = rule.limit, periods.around(rule.limit, timezone.now())
    taken = _each(rule, period) if limit.is_each else {0: _together(rule, period)}
    ranked = sorted(taken.items(), key=lambda item: sum(item[1]), reverse=True)
    names = _names([pk for pk, _taken in ranked[:SHOWN]])
    return Standing(
        limit=limit,
        phrase=words.phrase(words.facts_of(limit)),
        period=period,
        shares=[_share(limit, names.get(pk, ""), *amounts) for pk, amounts in ranked[:SHOWN]],
        people=len(taken) if limit.is_each else 0,
    )


def _together(rule: Rule, period: Period) -> tuple[int, int]:
    counter = Counter.objects.filter(limit=rule.limit, begins_at=period.begin, person_pk=0).first()
    if counter is None:
        return counting.used(rule, period), 0
    is_counted = counter.version == rule.version
    used = counter.used if is_counted else counting.used(rule, period)
    return used, holds.held([counter]).get(counter.pk, 0)


def _each(rule: Rule, period: Period) -> dict[int, tuple[int, int]]:
    """Of everybody who has a counter, which is whoever asked since the limit is on."""
    of_it = Counter.objects.filter(limit=rule.limit, begins_at=period.begin, person_pk__gt=0)
    counters = {counter.person_pk: counter for counter in of_it}
    uncounted = [pk for pk, one in counters.items() if one.version != rule.version]
    counted = counting.used_by(rule, period, uncounted) if uncounted else {}
    held = holds.held(counters.values())
    return {
        pk: (counted.get(pk, counter.used), held.get(counter.pk, 0))
        for pk, counter in counters.items()
        if rule.people is None or pk in rule.people
    }


def _share(limit: Limit, name: str, used: int, held: int) -> Share:
    percent = (used + held) * 100 // limit.parts
    return Share(name, limit.in_units(used), limit.in_units(held), max(0, percent))


def _names(pks: Iterable[int]) -> dict[int, str]:
    return dict(User.objects.filter(pk__in=pks).values_list("pk", "username"))

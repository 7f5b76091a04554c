"""What a ledger row is of a limit, and what all of them come to."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from chat.figures import sources
from chat.figures.sources import SUM, Source
from chat.figures.spans import Narrowing, Span
from chat.limits.periods import Period
from chat.limits.rules import Rule
from chat.models import Limit, Usage
from chat.models.amounts import PLACES


def parts_of(amount: Decimal) -> int:
    """An amount of money in its smallest parts."""
    return int(amount.scaleb(PLACES).to_integral_value())


def weight(limit: Limit, row: Usage) -> int:
    """How much of `limit` a ledger row uses up, in its parts; less than nothing for a correction
    that takes something back. Tokens and money that nobody knows weigh nothing."""
    match limit.measure:
        case Limit.Measure.TOKENS:
            return row.total_tokens or 0
        case Limit.Measure.MONEY:
            is_counted = row.cost is not None and row.currency == limit.currency
            return parts_of(row.cost) if is_counted and row.cost is not None else 0
        case Limit.Measure.MESSAGES:
            return int(_is_a_message(row))
    return 0


def _is_a_message(row: Usage) -> bool:
    """Whether the row is a question's first request: further steps belong to the same question."""
    return row.kind == Usage.Kind.CHAT and row.step == 0 and row.corrects_id is None


def used(rule: Rule, period: Period, person_pk: int = 0) -> int:
    """What the whole ledger says of a period, of one person or (0) of all; at most seven queries,
    however much there is: whole hours and days come from the totals."""
    if period.end is None:  # of what is under way the ledger knows nothing
        return 0
    narrowing = replace(_narrowing(rule), user_pk=person_pk)
    known = sources.of_people if narrowing.is_personal else sources.of_days
    found = known(Span(period.begin, period.end), narrowing)
    return sum(parts for source in found for _key, parts in _counted(rule.limit, source))


def used_by(rule: Rule, period: Period, people: Collection[int]) -> Mapping[int, int]:
    """The same of each of these people, who are all among those whom the rule concerns; at most
    three queries for all."""
    totals = dict.fromkeys(people, 0)
    if period.end is not None:
        narrowing = replace(_narrowing(rule), people=frozenset(people))
        for source in sources.of_people(Span(period.begin, period.end), narrowing):
            for (pk,), parts in _counted(rule.limit, source, "user_pk"):
                totals[pk] += parts
    return totals


def _narrowing(rule: Rule) -> Narrowing:
    env_id, group, model = rule.model or (rule.env_id, "", "")
    return Narrowing(env_id=env_id, group_name=group, model_name=model, people=rule.people)


_SUMMED: Final = {
    Limit.Measure.TOKENS: "total_tokens",
    Limit.Measure.MONEY: "cost",
    Limit.Measure.MESSAGES: "questions",
}


def _counted(limit: Limit, source: Source, *keys: str) -> Iterator[tuple[tuple[Any, ...], int]]:
    """What a source says of a limit, by `keys` and currency."""
    measure = Limit.Measure(limit.measure)
    name, is_money = _SUMMED[measure], measure is Limit.Measure.MONEY
    for row in source.grouped(*keys, "currency", summed=(name,)):
        total = row[SUM + name]
        if not is_money:
            yield tuple(row[key] for key in keys), total
        elif row["currency"] == limit.currency:
            yield tuple(row[key] for key in keys), parts_of(total)

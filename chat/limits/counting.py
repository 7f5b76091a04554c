"""What a ledger row is of a limit, and what all of them come to."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal

from django.db.models import Count, QuerySet, Sum

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
    """What the whole ledger says of a period, of one person or (0) of all; one query."""
    rows = _rows(rule, period)
    if person_pk:
        rows = rows.filter(user=person_pk)
    total = rows.aggregate(total=_sum(rule.limit))["total"]
    return _in_parts(rule.limit, total)


def used_by(rule: Rule, period: Period, people: Collection[int]) -> Mapping[int, int]:
    """The same of each of these people, in one query."""
    rows = _rows(rule, period).filter(user__in=people).order_by().values_list("user_id")
    totals = dict(rows.annotate(total=_sum(rule.limit)))
    return {pk: _in_parts(rule.limit, totals.get(pk)) for pk in people}


def _rows(rule: Rule, period: Period) -> QuerySet[Usage]:
    """The ledger rows that count."""
    if period.end is None:  # of what is under way the ledger knows nothing
        return Usage.objects.none()
    rows = Usage.objects.filter(created_at__gte=period.begin, created_at__lt=period.end)
    if rule.people is not None:
        rows = rows.filter(user__in=rule.people)
    if rule.env_id:
        rows = rows.filter(env_id=rule.env_id)
    if rule.model is not None:
        env_id, group, model = rule.model
        rows = rows.filter(env_id=env_id, group_name=group, requested_model=model)
    match rule.limit.measure:
        case Limit.Measure.MONEY:
            return rows.filter(currency=rule.limit.currency)
        case Limit.Measure.MESSAGES:
            return rows.filter(kind=Usage.Kind.CHAT, step=0, corrects=None)
    return rows


def _sum(limit: Limit) -> Sum | Count:
    match limit.measure:
        case Limit.Measure.TOKENS:
            return Sum("total_tokens")
        case Limit.Measure.MONEY:
            return Sum("cost")
    return Count("pk")


def _in_parts(limit: Limit, total: int | Decimal | None) -> int:
    if isinstance(total, Decimal) and limit.measure == Limit.Measure.MONEY:
        return parts_of(total)
    return int(total or 0)

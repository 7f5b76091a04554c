"""May this answer begin? Asked before each call; what is let in is counted at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from channels.db import database_sync_to_async
from django.db import transaction
from django.utils import timezone

from admin_models import costs, prices
from admin_models.models import AIModel
from chat.limits import counting, holds, rules
from chat.limits.errors import LimitReached
from chat.limits.holds import Count, Key
from chat.models import Counter, Limit


@dataclass(frozen=True, slots=True)
class Asked:
    """An answer that wants to begin, and what it is about to ask of which model (whose
    `group__environment` is loaded)."""

    message_pk: int
    user_pk: int
    model: AIModel
    prompt_tokens: Callable[[], int]
    """Estimates the question with its context; called only if something depends on it."""


async def admitted(asked: Asked) -> None:
    """Let an answer begin, and hold what it may come to use; raises LimitReached.

    No query while there are no limits, as far as this process knows; else one transaction.
    """
    if not rules.are_known_to_be_none():
        await database_sync_to_async(admit)(asked)


def admit(asked: Asked) -> None:
    """The same, for who is in a thread that may ask the database."""
    use, now = rules.use_of(asked.user_pk, asked.model), timezone.now()
    found = [rule for rule in rules.current() if rule.concerns(use)]
    counts = {count.key: count for count in (holds.count_of(rule, use, now) for rule in found)}
    if counts and (reached := _reached_or_held(asked, counts)):
        longest = max(reached, key=lambda count: count.period.end or count.period.begin)
        raise LimitReached(longest.rule.limit, longest.period)


@transaction.atomic
def _reached_or_held(asked: Asked, counts: Mapping[Key, Count]) -> Sequence[Count]:
    """The limits that refuse the answer; if none does, it is held on all of them."""
    counters = holds.visited(counts.values())
    reached = [counts[key] for key in _used_up(counters, counts)]
    if not reached:
        holds.hold(counters, asked.message_pk, _estimates(asked, counts))
    return reached


def _used_up(counters: Mapping[Key, Counter], counts: Mapping[Key, Count]) -> Sequence[Key]:
    """The hard limits that have nothing left: as long as there is anything, one more is let in."""
    held = holds.held(counters.values())
    limits = {key: counts[key].rule.limit for key in counters}
    return [
        key
        for key, counter in counters.items()
        if limits[key].is_hard and counter.used + held.get(counter.pk, 0) >= limits[key].parts
    ]


def _estimates(asked: Asked, counts: Mapping[Key, Count]) -> Mapping[Key, int]:
    """What the answer may come to use of each: as much as its question, and as the longest answer
    that the model is asked for, if any."""
    limits = {key: count.rule.limit for key, count in counts.items()}
    of_each = {limit.pk: _estimate(asked, limit) for limit in limits.values()}
    return {key: of_each[limit.pk] for key, limit in limits.items()}


def _estimate(asked: Asked, limit: Limit) -> int:
    answer = asked.model.max_output_tokens or 0
    match limit.measure:
        case Limit.Measure.TOKENS:
            return asked.prompt_tokens() + answer
        case Limit.Measure.MONEY:
            group = asked.model.group
            price = prices.current(group.environment.env_id, group.name, asked.model.name)
            if price is None or not price.tiers or price.currency != limit.currency:
                return 0
            return counting.parts_of(costs.cost(price, asked.prompt_tokens(), answer))
    return 1

"""Counters of limits, and what answers under way hold of them.

Who writes to counters first makes sure that all that it needs are there, in their order, and then
locks them, in their order: so nobody waits for somebody who waits for them.
"""

from __future__ import annotations

from collections import Counter as Bag
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Q, Sum
from django.utils import timezone

from chat.limits import counting, periods, rules
from chat.limits.periods import Period
from chat.limits.rules import Rule, Use
from chat.models import LIVE, Counter, Hold, Limit, Usage

HEARD: Final = timedelta(seconds=10)
"""After so long every process has heard of a rule, and what one did that had not is committed."""
FORGOTTEN: Final = timedelta(days=40)
"""Counters of periods that began longer ago are of no use: no period is as long."""


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """What counters are found by, and the order in which they are locked."""

    limit_pk: int
    person_pk: int
    begins_at: datetime


@dataclass(frozen=True, slots=True)
class Count:
    """A rule, the period that it is in, and whose counter it is about."""

    rule: Rule
    period: Period
    person_pk: int

    @property
    def key(self) -> Key:
        """Of its counter."""
        return Key(self.rule.limit.pk, self.person_pk, self.period.begin)


def count_of(rule: Rule, use: Use, moment: datetime) -> Count:
    """What `use` at `moment` counts on."""
    return Count(rule, periods.around(rule.limit, moment), rule.person_pk(use))


def settle(rows: Iterable[Usage]) -> None:
    """Count what ledger rows used, in the transaction that writes them. What their answers held
    is free as soon as they rest. No query while there are no limits."""
    known = rules.current()
    added: Bag[Key] = Bag()
    for row in rows if known else ():
        use = rules.use_of_row(row)
        for rule in known:
            if rule.concerns(use) and (weight := counting.weight(rule.limit, row)):
                added[count_of(rule, use, row.created_at).key] += weight
    counters = _locked(added)
    for key, counter in counters.items():
        counter.used += added[key]
    Counter.objects.bulk_update(counters.values(), ["used"])


def visited(counts: Iterable[Count]) -> dict[Key, Counter]:
    """The counters of `counts`, locked until the transaction ends, with `used` as it is.

    One that is new, or was counted by another rule, is counted from the ledger; and again at each
    visit until every process has heard of the rule, and adds to it what it writes.
    """
    wanted = {count.key: count for count in counts}
    counters = _locked(wanted)
    for key, counter in counters.items():
        _recount_unless_sure(counter, wanted[key])
    return counters


def held(counters: Collection[Counter]) -> Mapping[int, int]:
    """What answers that are being written hold of each counter, by its number; one query."""
    rows = Hold.objects.filter(counter__in=counters, message__status__in=LIVE)
    return dict(rows.order_by().values_list("counter_id").annotate(total=Sum("parts")))


def hold(counters: Mapping[Key, Counter], message_pk: int, parts: Mapping[Key, int]) -> None:
    """Hold `parts` of locked counters for an answer until it rests; what rests lets go."""
    of_them = Hold.objects.filter(counter__in=counters.values())
    of_them.exclude(message__status__in=LIVE).delete()
    Hold.objects.bulk_create(
        [
            Hold(counter=counter, message_id=message_pk, parts=parts[key])
            for key, counter in counters.items()
        ],
        ignore_conflicts=True,
    )


def forget_old() -> None:
    """Delete the counters of periods that are long over, and those of limits that are gone."""
    long_ago = timezone.now() - FORGOTTEN
    is_over = Q(begins_at__lt=long_ago) & ~Q(begins_at=periods.ALWAYS)
    Counter.objects.filter(is_over | ~Q(limit__in=Limit.objects.values("pk"))).delete()


def _locked(keys: Iterable[Key]) -> dict[Key, Counter]:
    """The counters so named, made where they are missing, but for those whose limit is being
    deleted; two queries, and none for none."""
    wanted = sorted(keys)
    if not wanted:
        return {}
    Counter.objects.bulk_create(
        [
            Counter(limit_id=k.limit_pk, person_pk=k.person_pk, begins_at=k.begins_at)
            for k in wanted
        ],
        ignore_conflicts=True,
    )
    rows = Counter.objects.select_for_update().filter(
        limit__in={key.limit_pk for key in wanted},
        person_pk__in={key.person_pk for key in wanted},
        begins_at__in={key.begins_at for key in wanted},
    )
    ordered = rows.order_by("limit_id", "person_pk", "begins_at")
    found = {Key(row.limit_id, row.person_pk, row.begins_at): row for row in ordered}
    return {key: found[key] for key in wanted if key in found}


def _recount_unless_sure(counter: Counter, count: Count) -> None:
    is_same = counter.version == count.rule.version
    if is_same and counter.is_sure:
        return
    now = timezone.now()
    since = counter.since if is_same and counter.since else now
    counter.used = counting.used(count.rule, count.period, count.person_pk)
    counter.version, counter.since = count.rule.version, since
    counter.is_sure = now - since >= HEARD
    counter.save(update_fields=["used", "version", "since", "is_sure"])

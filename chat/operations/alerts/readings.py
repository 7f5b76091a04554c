"""What a rule sees when it looks: one reading for each thing that it watches.

Nothing here names a person, and labels are in the language that is active.
"""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db.models import Count, Q, Sum
from django.utils.translation import gettext

from admin_models import switcher
from admin_models.preflight.checks import State
from admin_models.switcher import Choice
from chat.figures import sums
from chat.figures.spans import HOUR, hour_of
from chat.figures.sums import Narrowing, Span
from chat.limits import standings
from chat.limits.standings import Standing
from chat.models import AlertRule, JobState, Limit
from chat.operations.alerts.kinds import Measure

_MOST_NAMES: Final = 20
"""Names that a reading tells."""
_COMPARED: Final = timedelta(days=7)
"""So much of the ledger is counted to see whether its totals are right."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A value, and whether it is one to be told of. `value` is None if there was too little to
    measure it."""

    value: float | None
    is_over: bool
    requests: int | None = None
    """What it was measured of."""
    subject: str = ""
    """Which of several things, for us."""
    label: str = ""
    """The same for people."""
    names: tuple[str, ...] = ()
    is_stuck: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """All that a rule saw, and what it has to remember until its next look."""

    readings: Sequence[Reading]
    memory: Mapping[str, Any] = field(default_factory=dict)


def look(rule: AlertRule, now: datetime) -> Look:
    """Measure what `rule` watches, at `now`."""
    return _LOOKS[Measure(rule.measure)](rule, now)


def narrowing(rule: AlertRule) -> Narrowing:
    """Of what a rule measures."""
    return Narrowing(env_id=rule.env_id, model_name=rule.model_name)


def _span(rule: AlertRule, now: datetime) -> Span:
    return Span(now - timedelta(minutes=rule.window_minutes), now)


def _compared(rule: AlertRule, value: float | None, requests: int) -> Look:
    """A value of so many requests; of too few it says nothing."""
    if requests < rule.min_requests or value is None:
        return Look([Reading(None, is_over=False, requests=requests)])
    return Look([Reading(round(value, 2), value >= rule.threshold, requests)])


def _errors(rule: AlertRule, now: datetime) -> Look:
    found = sums.over(_span(rule, now), narrowing(rule))
    rate = found.failed / found.requests * 100 if found.requests else None
    return _compared(rule, rate, found.requests)


def _first_token(rule: AlertRule, now: datetime) -> Look:
    speeds = sums.speeds(_span(rule, now), narrowing(rule))[sums.Measure.FIRST_TOKEN]
    return _compared(rule, speeds.p95, speeds.requests)


def _cost(rule: AlertRule, now: datetime) -> Look:
    found = sums.over(_span(rule, now), narrowing(rule))
    cost = float(found.cost_in(rule.currency))
    return Look([Reading(round(cost, 4), cost >= rule.threshold, found.requests)])


def _limits(rule: AlertRule, _now: datetime) -> Look:
    counted = Limit.objects.filter(is_on=True).exclude(measure=Limit.Measure.ANSWERS)
    return Look([_limit(rule, standing) for standing in standings.of(counted)])


def _limit(rule: AlertRule, standing: Standing) -> Reading:
    """How much of it is used up by whoever is nearest to it."""
    limit, largest = standing.limit, standing.largest
    percent = largest.percent if largest else 0
    label = standing.phrase
    if limit.person_id is not None:
        label = gettext("limit %(number)d, for one person") % {"number": limit.pk}
    return Reading(percent, percent >= rule.threshold, subject=f"limit {limit.pk}", label=label)


def _readiness(rule: AlertRule, _now: datetime) -> Look:
    """By group, since that is what most often changes for all of its models at once."""
    known = frozenset(rule.seen.get("memory", {}).get("ready", ()))
    groups: defaultdict[tuple[str, str, str], list[Choice]] = defaultdict(list)
    ready = set()
    for choice in _watched(rule):
        model = choice.model
        environment = model.group.environment
        if choice.is_ready:
            ready.add(model.pk)
        elif model.pk in known:
            ready.add(model.pk)
            if choice.check is not None and choice.check.state is not State.WAITING:
                key = (environment.env_id, model.group.name, f"{environment} · {model.group}")
                groups[key].append(choice)
    return Look([_lost(key, lost) for key, lost in groups.items()], {"ready": sorted(ready)})


def _watched(rule: AlertRule) -> list[Choice]:
    """The models that should be ready: whoever switched one off knows that it is not."""
    return [
        choice
        for choice in switcher.everything().choices
        if choice.model.is_enabled
        and choice.model.group.environment.is_enabled
        and rule.env_id in ("", choice.model.group.environment.env_id)
        and rule.model_name in ("", choice.model.name)
    ]


def _lost(key: tuple[str, str, str], lost: list[Choice]) -> Reading:
    env_id, group, label = key
    names = tuple(f"{choice.model.name} ({choice.reason})" for choice in lost[:_MOST_NAMES])
    subject = f"{env_id}/{group}"
    return Reading(len(lost), is_over=True, subject=subject, label=label, names=names)


def _disk(rule: AlertRule, _now: datetime) -> Look:
    usage = shutil.disk_usage(settings.DATA_DIR)
    percent = round((usage.total - usage.free) / usage.total * 100, 1)
    free = f"{usage.free / 1e9:.1f} GB"
    return Look([Reading(percent, percent >= rule.threshold, label=free)])


def _jobs(rule: AlertRule, now: datetime) -> Look:
    return Look([_job(rule, state, now) for state in JobState.objects.all()])


def _job(rule: AlertRule, state: JobState, now: datetime) -> Reading:
    is_stuck = state.condition(now) == JobState.Condition.STUCK
    is_over = is_stuck or state.failures >= rule.threshold
    names = (state.last_error,) if state.last_error else ()
    return Reading(
        state.failures,
        is_over,
        subject=state.name,
        label=state.name,
        names=names,
        is_stuck=is_stuck,
    )


def _totals(_rule: AlertRule, now: datetime) -> Look:
    """Of the last days, without the hour in which rows may still be written. All of the ledger
    is compared by the command that counts anew, since nobody may write meanwhile."""
    end = hour_of(now) - HOUR
    span = Span(end - _COMPARED, end)
    kept, counted = sums.over(span, Narrowing()), _counted(span)
    differing = [
        kept.requests != sum(each["requests"] for each in counted),
        kept.total_tokens != sum(each["tokens"] or 0 for each in counted),
        *(
            kept.cost_in(each["currency"]) != (each["costs"] or 0)
            for each in counted
            if each["currency"]
        ),
    ]
    return Look([Reading(sum(differing), any(differing))])


def _counted(span: Span) -> list[dict[str, Any]]:
    """What the rows of a time come to, by currency."""
    rows = sums.rows(span, Narrowing()).order_by().values("currency")
    requests = Count("pk", filter=Q(corrects=None))
    found = rows.annotate(requests=requests, tokens=Sum("total_tokens"), costs=Sum("cost"))
    return [dict(each) for each in found]


_LOOKS: Final[Mapping[Measure, Callable[[AlertRule, datetime], Look]]] = {
    Measure.ERRORS: _errors,
    Measure.FIRST_TOKEN: _first_token,
    Measure.LIMIT: _limits,
    Measure.COST: _cost,
    Measure.READINESS: _readiness,
    Measure.DISK: _disk,
    Measure.JOB: _jobs,
    Measure.TOTALS: _totals,
}

"""Sums of the ledger, as pages, exports and alerts ask for them.

Every function makes a number of queries that does not depend on how much there is. Whole hours and
days come from the totals, what is left over from the rows themselves: any span is summed exactly.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any, Final, Literal

from django.db.models import Count, F, QuerySet, Sum

from admin_models.models import Team
from chat.figures import sources, spans
from chat.figures import speeds as buckets
from chat.figures.sources import SUM, JoinedText, Source, Step, UtcMinute, moment_of
from chat.figures.spans import Dimension, Narrowing, Span
from chat.figures.speeds import Measure, Percentiles
from chat.models import DaySpeeds, Failure, SiteDaySpeeds, Usage
from chat.models.totals import TIMED

__all__ = [
    "Confidence",
    "Dimension",
    "FailureCount",
    "Measure",
    "Narrowing",
    "Percentiles",
    "Span",
    "SpeedSeries",
    "Speeds",
    "Sums",
    "Tokens",
    "failures",
    "over",
    "rows",
    "series",
    "speed_series",
    "speeds",
    "split",
    "teams_of_people",
]

Confidence = Usage.Confidence
StepName = Literal["hour", "day"]
Key = str | int

COLUMNS: Final[Mapping[Dimension, str]] = {
    Dimension.ENVIRONMENT: "env_id",
    Dimension.GROUP: "group_name",
    Dimension.MODEL: "model_name",
    Dimension.AGENT: "agent",
    Dimension.KIND: "kind",
    Dimension.PERSON: "user_pk",
    Dimension.CONFIDENCE: "confidence",
    Dimension.TEAM: "user_pk",
}


@dataclass(frozen=True, slots=True)
class Tokens:
    """How many tokens; `cached` ones are part of `prompt`, `reasoning` ones of `completion`."""

    prompt: int = 0
    completion: int = 0
    cached: int = 0
    reasoning: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class Sums:
    """What requests come to. Corrections are in tokens, units and cost; they are no requests."""

    requests: int = 0
    corrections: int = 0
    done: int = 0
    stopped: int = 0
    failed: int = 0
    interrupted: int = 0
    tokens: Mapping[Confidence, Tokens] = field(default_factory=dict)
    cost: Mapping[str, Mapping[Confidence, Decimal]] = field(default_factory=dict)
    """By currency; only of requests that have a price."""
    unpriced: int = 0
    """Requests of models without a price: their cost is in no sum, and they are not free."""
    uncosted: int = 0
    """Requests with a price whose tokens nobody knew: their cost is in no sum either."""
    unknown: int = 0
    """Requests whose tokens nobody knows: they are in no sum of tokens."""
    units: int = 0
    people: int = 0
    """Who are known."""

    @property
    def total_tokens(self) -> int:
        """Of every confidence."""
        return sum(tokens.total for tokens in self.tokens.values())

    def cost_in(self, currency: str) -> Decimal:
        """Of every confidence."""
        return sum(self.cost.get(currency, {}).values(), Decimal(0))


@dataclass(frozen=True, slots=True)
class FailureCount:
    """How many answers failed in one way; where nothing `was_called`, the ledger has no rows."""

    stage: str
    code: str
    was_called: bool
    answers: int


NOTHING: Final = Sums()


# Sums


def over(span: Span, narrowing: Narrowing) -> Sums:
    """The sums of a time. At most eleven queries."""
    asked = narrowing.resolved()
    adding = _Adding()
    for source in _sources(span, asked, Dimension.PERSON if asked.is_personal else None):
        adding.add_all(source.grouped("confidence", "currency"))
    for source in sources.of_people(span, asked):
        adding.meet_all(source.people())
    return adding.sums()


def series(
    span: Span, narrowing: Narrowing, step: StepName
) -> Sequence[tuple[datetime | date, Sums]]:
    """The sums of each hour (of UTC; its beginning) or day (of the installation's time zone) that
    `span` touches, also where there are none; only what is in `span` counts. At most eleven
    queries.

    Who counts people by hour reads rows: hours are for a time of some days.
    """
    asked = narrowing.resolved()
    addings: defaultdict[Step, _Adding] = defaultdict(_Adding)
    by_people = sources.of_people if step == "day" else sources.of_hours_of_people
    by_all = sources.of_days if step == "day" else sources.of_hours
    for source in (by_people if asked.is_personal else by_all)(span, asked):
        for row in source.grouped("step", "confidence", "currency"):
            addings[row["step"]].add(row)
    people: Counter[Step] = Counter()
    for source in by_people(span, asked):
        people.update(dict(source.people_by_step()))
    return [(at, replace(addings[at].sums(), people=people[at])) for at in _steps(span, step)]


def split(
    span: Span, narrowing: Narrowing, by: Dimension, limit: int = 50
) -> Sequence[tuple[Key, Sums]]:
    """The sums of a time by what `by` says, the most tokens first, at most `limit` of them.

    Keys are names; of people and teams, numbers: 0 is nobody who is known, or no team. Who belongs
    to several teams counts in each. At most twelve queries.
    """
    asked, column = narrowing.resolved(), COLUMNS[by]
    addings: defaultdict[Key, _Adding] = defaultdict(_Adding)
    teams = teams_of_people() if by == Dimension.TEAM else None

    def keys(row: dict[str, Any]) -> Iterable[Key]:
        return (row[column],) if teams is None else teams.get(row[column], (0,))

    for source in _sources(span, asked, by):
        for row in source.grouped(column, *{"confidence", "currency"} - {column}):
            for key in keys(row):
                addings[key].add(row)
    for source in sources.of_people(span, asked):
        for row in source.people(*{column} - {"user_pk"}):
            for key in keys(row):
                addings[key].meet(row)
    found = [(key, adding.sums()) for key, adding in addings.items()]
    return sorted(found, key=_largest_first)[:limit]


def _sources(span: Span, narrowing: Narrowing, by: Dimension | None) -> list[Source]:
    is_of_people = narrowing.is_personal or by in (Dimension.PERSON, Dimension.TEAM)
    return (sources.of_people if is_of_people else sources.of_days)(span, narrowing)


def _largest_first(found: tuple[Key, Sums]) -> tuple[int, int, str]:
    key, sums = found
    return (-sums.total_tokens, -sums.requests, str(key))


def teams_of_people() -> Mapping[int, list[int]]:
    """The teams of each person who belongs to any."""
    teams: defaultdict[int, list[int]] = defaultdict(list)
    for person, team in Team.members.through.objects.values_list("user_id", "team_id"):
        teams[person].append(team)
    return teams


def _steps(span: Span, step: StepName) -> Iterable[Step]:
    return spans.hours(span) if step == "hour" else spans.days(span)


class _Adding:
    """Sums while they are added up."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._tokens: defaultdict[Confidence, Counter[str]] = defaultdict(Counter)
        self._cost: defaultdict[str, dict[Confidence, Decimal]] = defaultdict(dict)
        self._people: set[int] = set()

    def add_all(self, found: Iterable[dict[str, Any]]) -> None:
        for row in found:
            self.add(row)

    def meet_all(self, found: Iterable[dict[str, Any]]) -> None:
        for row in found:
            self.meet(row)

    def add(self, row: dict[str, Any]) -> None:
        """Add what a source says of one confidence and currency."""
        confidence, currency = Confidence(row["confidence"]), row["currency"]
        for name in _COUNTS:
            self._counts[name] += row[SUM + name]
        for name in _TOKENS:
            self._tokens[confidence][name] += row[f"{SUM}{name}_tokens"]
        if confidence is Confidence.UNKNOWN:
            self._counts["unknown"] += row[f"{SUM}requests"]
        if currency:
            costs = self._cost[currency]
            costs[confidence] = costs.get(confidence, Decimal(0)) + row[f"{SUM}cost"]
        else:
            self._counts["unpriced"] += row[f"{SUM}requests"]

    def meet(self, row: dict[str, Any]) -> None:
        """Note a person."""
        if row["user_pk"]:
            self._people.add(row["user_pk"])

    def sums(self) -> Sums:
        return Sums(
            **self._counts,
            tokens={confidence: Tokens(**counts) for confidence, counts in self._tokens.items()},
            cost=dict(self._cost),
            people=len(self._people),
        )


_COUNTS: Final = (
    "requests",
    "corrections",
    "done",
    "stopped",
    "failed",
    "interrupted",
    "uncosted",
    "units",
)
_TOKENS: Final = ("prompt", "completion", "cached", "reasoning", "total")


# Speeds


Speeds = Mapping[Measure, Percentiles]


@dataclass(frozen=True, slots=True)
class SpeedSeries:
    """How fast answers were in a time as a whole, and in each step of it."""

    whole: Speeds
    steps: Sequence[tuple[datetime | date, Speeds]]


def speeds(span: Span, narrowing: Narrowing) -> Speeds:
    """How fast answers were, of every measure. At most four queries."""
    return _summary(_buckets(span, narrowing, None).get(None, {}))


def speed_series(span: Span, narrowing: Narrowing, step: StepName) -> SpeedSeries:
    """The same, also for each hour or day that `span` touches, as in `series`."""
    found = _buckets(span, narrowing, step)
    whole: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for counts in found.values():
        for measure, counted in counts.items():
            whole[measure].update(counted)
    steps = [(at, _summary(found.get(at, {}))) for at in _steps(span, step)]
    return SpeedSeries(_summary(whole), steps)


def _summary(counts: Mapping[str, Mapping[int, int]]) -> Speeds:
    return {measure: buckets.summary(counts.get(measure, {})) for measure in Measure}


_Buckets = Mapping[Any, Mapping[str, Counter[int]]]


def _buckets(span: Span, narrowing: Narrowing, step: StepName | None) -> _Buckets:
    """Requests by step, measure and bucket. Whole days come from what is kept of them; at most four
    queries."""
    asked = narrowing.resolved()
    found: defaultdict[Any, defaultdict[str, Counter[int]]]
    found = defaultdict(lambda: defaultdict(Counter))
    core = Span(span.begin, span.begin) if step == "hour" else spans.whole_days(span)
    for day, measure, text in _kept_speeds(core, asked):
        found[day if step else None][measure].update(buckets.counts_of(text))
    for edge in sources.edges(span, core):
        for at, measure, value in _measured_speeds(edge, asked, step):
            found[at][measure][buckets.bucket_of(value)] += 1
    return found


def _kept_speeds(core: Span, narrowing: Narrowing) -> Iterable[tuple[date, str, str]]:
    """Day, measure and text of counts."""
    table = DaySpeeds if narrowing.is_personal else SiteDaySpeeds
    first, last = spans.day_of(core.begin), spans.day_of(core.end)
    kept = table._default_manager.filter(narrowing.condition(), day__gte=first, day__lt=last)
    joined = {f"all_{name}": JoinedText(name) for name in TIMED}
    for day, *texts in kept.order_by().values_list("day").annotate(**joined):
        for measure, text in zip(TIMED, texts, strict=True):
            yield day, measure, text


def _measured_speeds(
    edge: Span, narrowing: Narrowing, step: StepName | None
) -> Iterable[tuple[Step | None, str, float]]:
    timed = sources.ledger_rows(edge, narrowing).filter(first_token_seconds__isnull=False)
    facts = ("first_token_seconds", "duration_seconds", "completion_tokens")
    if step is None:
        for row in timed.order_by().values_list(*facts).iterator():
            for measure, value in buckets.measured(*row):
                yield None, measure, value
        return
    step_of = spans.hour_of if step == "hour" else spans.day_of
    at_of = cache(lambda text: step_of(moment_of(text)))
    minute = UtcMinute(F("created_at"))
    for text, *row in timed.order_by().values_list(minute, *facts).iterator():
        at = at_of(text)
        for measure, value in buckets.measured(*row):
            yield at, measure, value


# Failures, and the rows themselves


def failures(span: Span, narrowing: Narrowing) -> Sequence[FailureCount]:
    """Which errors answers ended in, the most frequent first; the hours of which `span` has a part
    count as a whole. Answers for which nothing was called are known of no person: of people, only
    the others are told. At most two queries."""
    asked = narrowing.resolved()
    if asked.is_personal:
        failed = rows(span, asked, final_status="failed", corrects=None).order_by()
        counted = failed.values_list("error_stage", "error_code").annotate(Count("pk"))
        found = [FailureCount(stage, code, True, answers) for stage, code, answers in counted]
    else:
        kept = Failure.objects.filter(
            asked.condition(), at__gte=spans.hour_of(span.begin), at__lt=span.end
        )
        counts = kept.order_by().values_list("stage", "code", "was_called")
        found = [FailureCount(*each) for each in counts.annotate(Sum("answers"))]
    return sorted(found, key=lambda count: (-count.answers, count.stage, count.code))


def rows(span: Span, narrowing: Narrowing, **more: Any) -> QuerySet[Usage]:
    """The rows that sums are of, narrowed further by `more`, the newest first."""
    found = sources.ledger_rows(span, narrowing.resolved())
    return found.filter(**more).order_by("-created_at", "-pk")

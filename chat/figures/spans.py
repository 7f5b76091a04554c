"""What is asked of the ledger: when, and of what; and where its days begin."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Self

from django.db.models import Q
from django.utils import timezone

from admin_models.models import Team

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Span:
    """A time, of moments in UTC; `end` is the first that is not part of it."""

    begin: datetime
    end: datetime

    @property
    def before(self) -> Self:
        """The time just before that is as long."""
        return replace(self, begin=self.begin - (self.end - self.begin), end=self.begin)

    @property
    def is_empty(self) -> bool:
        """Whether no moment is part of it."""
        return self.end <= self.begin


class Dimension(StrEnum):
    """What sums are split by."""

    ENVIRONMENT = "environment"
    GROUP = "group"
    MODEL = "model"
    AGENT = "agent"
    KIND = "kind"
    PERSON = "person"
    CONFIDENCE = "confidence"
    TEAM = "team"


@dataclass(frozen=True, slots=True)
class Narrowing:
    """Of what; what is empty, 0 or None narrows nothing. A team is those who belong to it now; the
    team of everyone narrows nothing."""

    env_id: str = ""
    group_name: str = ""
    model_name: str = ""
    agent: str = ""
    kind: str = ""
    user_pk: int = 0
    team_pk: int = 0
    people: frozenset[int] | None = None
    """Of whoever is among these."""

    @property
    def is_personal(self) -> bool:
        """Whether it is about certain people."""
        return bool(self.user_pk or self.team_pk or self.people is not None)

    def resolved(self) -> Self:
        """The same, without the team of everyone. One query, and none where no team is named."""
        if self.team_pk and Team.objects.filter(pk=self.team_pk, is_everyone=True).exists():
            return replace(self, team_pk=0)
        return self

    def condition(self, *, model: str = "model_name", person: str = "user_pk") -> Q:
        """For a table whose columns of the model and of the person are called so."""
        chosen = {
            "env_id": self.env_id,
            "group_name": self.group_name,
            model: self.model_name,
            "agent": self.agent,
            "kind": self.kind,
            person: self.user_pk,
        }
        wanted: dict[str, Any] = {name: value for name, value in chosen.items() if value}
        narrowed = Q(**wanted)
        if self.team_pk:
            members = Team.members.through.objects.filter(team_id=self.team_pk)
            narrowed &= Q(**{f"{person}__in": members.values("user_id")})
        if self.people is not None:
            narrowed &= Q(**{f"{person}__in": self.people})
        return narrowed


# Hours are those of UTC; days are those of the installation's time zone.


def hour_of(moment: datetime) -> datetime:
    """When the hour of `moment` began."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def day_of(moment: datetime) -> date:
    """The day of `moment`."""
    return moment.astimezone(timezone.get_default_timezone()).date()


def begin_of(day: date) -> datetime:
    """When a day began."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=timezone.get_default_timezone())
    return midnight.astimezone(UTC)


def whole_hours(span: Span) -> Span:
    """The hours that are part of `span` as a whole."""
    return _inner(span, hour_of(span.begin), hour_of(span.end), HOUR)


def whole_days(span: Span) -> Span:
    """The days that are part of `span` as a whole."""
    first = day_of(span.begin)
    begin = begin_of(first)
    if begin < span.begin:
        begin = begin_of(first + DAY)
    return Span(begin, max(begin, begin_of(day_of(span.end))))


def _inner(span: Span, first: datetime, last: datetime, length: timedelta) -> Span:
    begin = first if first == span.begin else first + length
    return Span(begin, max(begin, last))


def hours(span: Span) -> Iterator[datetime]:
    """The hours that `span` touches."""
    hour = hour_of(span.begin)
    while hour < span.end:
        yield hour
        hour += HOUR


def days(span: Span) -> Iterator[date]:
    """The days that `span` touches."""
    day = day_of(span.begin)
    while begin_of(day) < span.end:
        yield day
        day += DAY

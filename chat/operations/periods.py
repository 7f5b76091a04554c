"""The time that a page of operations looks at: whole days of `settings.TIME_ZONE`, or an hour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Final, Literal

from django.db.models import TextChoices
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chat.figures.spans import DAY, HOUR, Span, begin_of, hour_of
from chat.operations.plots import Step

StepLength = Literal["hour", "day"]

MOST_DAYS: Final = 366
"""Of a period."""
MOST_DAYS_IN_HOURS: Final = 14
"""Of a period that is shown hour by hour."""
_FEW_DAYS: Final = 2
"""So many are shown hour by hour unless somebody chooses."""


class Choice(TextChoices):
    """What a period is called; each ends with today, except the last."""

    TODAY = "today", _("today")
    WEEK = "week", _("7 days")
    THIRTY_DAYS = "30days", _("30 days")
    MONTH = "month", _("this month")
    CUSTOM = "custom", _("from … to …")


@dataclass(frozen=True, slots=True)
class Period:
    """From the beginning of `first` to the end of `last`."""

    choice: Choice
    first: date
    last: date
    step: StepLength

    @property
    def days(self) -> int:
        """How many."""
        return (self.last - self.first).days + 1

    @property
    def span(self) -> Span:
        """The moments that it has."""
        return _span(self.first, self.last)

    def before(self, now: datetime) -> Span:
        """What it is compared with: as many days just before; of a month, the month before. Today
        is compared with yesterday as far as today has come, in whole hours."""
        if self.choice is Choice.MONTH:
            last = self.first - DAY
            return _span(last.replace(day=1), last)
        earlier = _span(self.first - self.days * DAY, self.first - DAY)
        if self.choice is not Choice.TODAY:
            return earlier
        begun = (now - self.span.begin) // HOUR + 1
        return Span(earlier.begin, min(earlier.begin + begun * HOUR, earlier.end))


def of(choice: Choice, first: date | None, last: date | None, step: StepLength | None) -> Period:
    """The period that somebody chose; `first` and `last` count for a custom one. Without `step`,
    few days are shown hour by hour."""
    today = timezone.localdate()
    begins = {
        Choice.TODAY: today,
        Choice.WEEK: today - 6 * DAY,
        Choice.THIRTY_DAYS: today - 29 * DAY,
        Choice.MONTH: today.replace(day=1),
        Choice.CUSTOM: first or last or today,
    }
    begin, end = begins[choice], (last or today) if choice is Choice.CUSTOM else today
    fitting: StepLength = "hour" if (end - begin).days < _FEW_DAYS else "day"
    return Period(choice, begin, end, step or fitting)


def hour(at: datetime) -> Span:
    """The hour in which a moment lies."""
    return Span(hour_of(at), hour_of(at) + HOUR)


def step_of(at: date | datetime, period: Period) -> Step:
    """How a step of a period is called on an axis and in a table."""
    if not isinstance(at, datetime):
        return Step(f"{at:%m-%d}", f"{at:%Y-%m-%d}")
    local = timezone.localtime(at)
    is_dated = period.days > 1 and not local.hour
    rank = 2 if not local.hour else int(not local.hour % 6)
    label = f"{local:%m-%d}" if is_dated else f"{local:%H:%M}"
    return Step(label, f"{local:%Y-%m-%d %H:%M}", rank)


def words(span: Span) -> Sequence[str]:
    """When a span begins and when it ends, as it is read."""
    begin, end = (timezone.localtime(moment) for moment in (span.begin, span.end))
    if begin.time() == end.time() == time.min:
        return f"{begin:%Y-%m-%d}", f"{end - HOUR:%Y-%m-%d}"
    return f"{begin:%Y-%m-%d %H:%M}", f"{end:%Y-%m-%d %H:%M}"


def _span(first: date, last: date) -> Span:
    return Span(begin_of(first), begin_of(last + DAY))

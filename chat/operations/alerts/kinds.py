"""What can be watched, and what a rule about it needs to say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from chat.models import AlertRule

Measure = AlertRule.Measure

EVERY: Final = timedelta(seconds=30)
"""How often rules are looked at."""
HOUR: Final = 60
DAY: Final = 24 * HOUR
_SHORT: Final = (5, 15, 30, HOUR, 3 * HOUR, 6 * HOUR, DAY)
_LONG: Final = (HOUR, DAY, 7 * DAY, 30 * DAY)
"""Windows, in minutes."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One thing that can be watched."""

    about: Promise
    """When a rule of this kind fires."""
    threshold: float = 1
    """What is proposed."""
    unit: str = ""
    """Of value and threshold: "%", "s", or nothing; money is in the currency of its rule."""
    hold: int = 2
    windows: tuple[int, ...] = ()
    fields: frozenset[str] = frozenset()
    """Of a rule, besides those that every rule has."""
    every: timedelta = EVERY


_WINDOWED: Final = frozenset({"threshold", "window_minutes", "env_id", "model_name"})

KINDS: Final[Mapping[Measure, Kind]] = {
    Measure.ERRORS: Kind(
        about=_("Too many requests end in an error."),
        threshold=10,
        unit="%",
        windows=_SHORT,
        fields=_WINDOWED | {"min_requests"},
    ),
    Measure.FIRST_TOKEN: Kind(
        about=_(
            "The first token is slow: of twenty requests, one takes longer than the threshold."
        ),
        threshold=10,
        unit="s",
        windows=_SHORT,
        fields=_WINDOWED | {"min_requests"},
    ),
    Measure.LIMIT: Kind(
        about=_("A budget or quota is nearly used up, whichever of the limits it is."),
        threshold=80,
        unit="%",
        hold=1,
        fields=frozenset({"threshold"}),
    ),
    Measure.COST: Kind(
        about=_("What was used costs too much."),
        threshold=100,
        hold=1,
        windows=_LONG,
        fields=_WINDOWED | {"currency"},
    ),
    Measure.READINESS: Kind(
        about=_("A model that could be called cannot be called any more."),
        hold=4,
        fields=frozenset({"env_id", "model_name"}),
    ),
    Measure.DISK: Kind(
        about=_("The disk of the data folder is nearly full."),
        threshold=90,
        unit="%",
        fields=frozenset({"threshold"}),
    ),
    Measure.JOB: Kind(
        about=_("A background job is stuck, or fails so often in a row."),
        threshold=3,
        hold=1,
        fields=frozenset({"threshold"}),
    ),
    Measure.TOTALS: Kind(
        about=_("The totals differ from the rows of the ledger. Looked at once an hour."),
        hold=1,
        every=timedelta(hours=1),
    ),
}


def of(rule: AlertRule) -> Kind:
    """What `rule` watches."""
    return KINDS[Measure(rule.measure)]


def window(minutes: int) -> str:
    """A window in words, in the language that is active."""
    if minutes % DAY == 0 and minutes > DAY:
        return ngettext_lazy("%(n)d day", "%(n)d days", "n") % {"n": minutes // DAY}
    if minutes % HOUR == 0:
        return ngettext_lazy("%(n)d hour", "%(n)d hours", "n") % {"n": minutes // HOUR}
    return ngettext_lazy("%(n)d minute", "%(n)d minutes", "n") % {"n": minutes}

"""The dashboard of usage: figures, plots, failures, and one split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from admin_models.showing import words
from chat.figures import sums
from chat.figures.spans import Dimension, Narrowing
from chat.figures.sums import FailureCount, Sums
from chat.models import Status
from chat.operations import cards, plots, splits, timelines
from chat.operations.cards import Card, TokenLine
from chat.operations.links import Links
from chat.operations.periods import Period
from chat.operations.plots import Plot
from chat.operations.splits import Split
from chat.rendering.fragments import STAGES

MOST_IN_HOURS: Final = 30_000
"""Requests of several days that are shown hour by hour: people and speeds of an hour are read from
the rows."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A way in which answers failed."""

    stage: str
    stage_label: str
    code: str
    sentence: str
    was_called: bool
    answers: int
    url: str
    bar: Any


@dataclass(frozen=True, slots=True)
class Dashboard:
    """All of the page."""

    sums: Sums
    cards: Sequence[Card]
    tokens: Sequence[TokenLine]
    plots: Sequence[Plot]
    failures: Sequence[Failed]
    split: Split
    corrections_url: str
    is_coarser: bool
    """Whether it shows days where hours were asked for."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing was asked and nothing failed."""
        return not (self.sums.requests or self.sums.corrections or self.failures)


def of(
    period: Period, narrowing: Narrowing, by: Dimension, links: Links, now: datetime
) -> Dashboard:
    """Everything that the page shows; a constant number of queries."""
    span, before = period.span, period.before(now)
    found = sums.over(span, narrowing)
    is_coarser = period.step == "hour" and period.days > 1 and found.requests > MOST_IN_HOURS
    shown = replace(period, step="day") if is_coarser else period
    quick = sums.speed_series(span, narrowing, shown.step)
    return Dashboard(
        sums=found,
        cards=cards.of(before, narrowing, found, quick.whole, links),
        tokens=cards.token_lines(found),
        plots=timelines.of(shown, narrowing, quick.steps, links),
        failures=_failures(sums.failures(span, narrowing), links),
        split=splits.of(span, narrowing, by, links),
        corrections_url=links.rows(only="corrections"),
        is_coarser=is_coarser,
    )


def _failures(counts: Sequence[FailureCount], links: Links) -> list[Failed]:
    most = max((count.answers for count in counts), default=1)
    return [
        Failed(
            stage=count.stage,
            stage_label=str(STAGES.get(count.stage, count.stage)),
            code=count.code,
            sentence=words.said_of(count.code),
            was_called=count.was_called,
            answers=count.answers,
            url=links.rows(status=Status.FAILED.value, error=count.code)
            if count.was_called
            else "",
            bar=plots.bar(count.answers / most, "failed"),
        )
        for count in counts
    ]

"""What was used over time, as plots."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from chat.figures import sums
from chat.figures.spans import Narrowing
from chat.figures.sums import Confidence, Measure, Speeds, Sums
from chat.models import Status
from chat.operations import numbers, periods
from chat.operations.links import Links
from chat.operations.periods import Period
from chat.operations.plots import Band, Plot, Step

KNOWN: Final = (Confidence.REPORTED, Confidence.ESTIMATED)
"""Of which tokens can be added up."""
OUTCOMES: Final = (Status.DONE, Status.STOPPED, Status.INTERRUPTED, Status.FAILED)
"""How requests end, as they stand one on the other."""
_PERCENTILES: Final = ("p50", "p95", "p99")

Series = Sequence[tuple[datetime | date, Sums]]
SpeedSteps = Sequence[tuple[datetime | date, Speeds]]


def of(period: Period, narrowing: Narrowing, quick: SpeedSteps, links: Links) -> list[Plot]:
    """All of a period, in its steps, in which answers were as fast as `quick` says. A constant
    number of queries."""
    series = sums.series(period.span, narrowing, period.step)
    steps = [_step(at, period, links) for at, _sums in series]
    return [
        _requests(steps, series),
        _tokens(steps, series),
        *_costs(steps, series),
        _people(steps, series),
        _speed(steps, quick, Measure.FIRST_TOKEN),
        _speed(steps, quick, Measure.RATE),
    ]


def _step(at: date | datetime, period: Period, links: Links) -> Step:
    """A step that leads to its hours, or to its rows."""
    step = periods.step_of(at, period)
    if isinstance(at, datetime):
        return replace(step, url=links.rows(hour=f"{at:%Y-%m-%dT%H:%MZ}"))
    day = at.isoformat()
    return replace(step, url=links.usage(period="", since=day, until=day, step=""))


def _requests(steps: Sequence[Step], series: Series) -> Plot:
    def ended(status: Status) -> Callable[[Sums], float]:
        return lambda found: float(getattr(found, status.value))

    bands = [_band(status.value, status.label, series, ended(status)) for status in OUTCOMES]
    return Plot(
        name="requests",
        title=gettext("Requests"),
        description=gettext("How many requests came to which end, one on the other."),
        kind="bars",
        steps=steps,
        bands=bands,
        written=numbers.whole,
        is_whole=True,
    )


def _tokens(steps: Sequence[Step], series: Series) -> Plot:
    def counted(confidence: Confidence) -> Callable[[Sums], float]:
        return lambda found: found.tokens[confidence].total if confidence in found.tokens else 0

    return Plot(
        name="tokens",
        title=gettext("Tokens"),
        description=gettext(
            "Tokens that services reported, and on them those that were estimated."
        ),
        kind="bars",
        steps=steps,
        bands=[_band(each.value, each.label, series, counted(each)) for each in KNOWN],
        written=numbers.whole,
        is_whole=True,
    )


def _costs(steps: Sequence[Step], series: Series) -> Iterator[Plot]:
    def paid(currency: str, confidence: Confidence) -> Callable[[Sums], float]:
        return lambda found: float(found.cost.get(currency, {}).get(confidence, 0))

    for currency in sorted({name for _at, found in series for name in found.cost}):
        yield Plot(
            name=f"cost-{currency}",
            title=gettext("Cost in %(currency)s") % {"currency": currency},
            description=gettext(
                "Cost of reported tokens, and on it that of estimated ones. Requests without a "
                "price are not in it."
            ),
            kind="bars",
            steps=steps,
            bands=[_band(each.value, each.label, series, paid(currency, each)) for each in KNOWN],
            written=numbers.money,
        )


def _people(steps: Sequence[Step], series: Series) -> Plot:
    return Plot(
        name="people",
        title=gettext("People"),
        description=gettext("How many people asked anything in each step."),
        kind="bars",
        steps=steps,
        bands=[_band("people", _("people"), series, lambda found: found.people)],
        written=numbers.whole,
        is_whole=True,
    )


def _speed(steps: Sequence[Step], quick: SpeedSteps, measure: Measure) -> Plot:
    is_rate = measure is Measure.RATE
    bands = [
        Band(name, name, [getattr(found[measure], name) for _at, found in quick])
        for name in _PERCENTILES
    ]
    return Plot(
        name=measure.value.replace("_", "-"),
        title=gettext("Tokens a second") if is_rate else gettext("First-token time"),
        description=gettext(
            "Tokens a second from the first token to the end: half of the requests were slower "
            "than p50; p95 and p99 are those of the fastest."
        )
        if is_rate
        else gettext(
            "Time from the request to the first token: half of the requests waited no longer than "
            "p50, all but five in a hundred no longer than p95, all but one in a hundred no "
            "longer than p99."
        ),
        kind="lines",
        steps=steps,
        bands=bands,
        written=numbers.rate if is_rate else numbers.seconds,
        on_axis=numbers.short if is_rate else numbers.seconds,
    )


def _band(key: str, label: Promise | str, series: Series, value: Callable[[Sums], float]) -> Band:
    return Band(key, str(label), [value(found) for _at, found in series])

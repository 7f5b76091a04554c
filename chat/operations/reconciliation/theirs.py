"""What a CloudBase environment says was used on a day."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any, Final, TypeVar

from django.conf import settings

from chat.cloudbase.control_plane import (
    ControlPlane,
    CreditsUsage,
    Described,
    MetricUsage,
    ModuleUsage,
)
from chat.cloudbase.errors import ActionUnknown, ProviderTimedOut

T = TypeVar("T")

MODULES: Final = ("AI", "Token")
"""The modules that models are counted under (Tencent Cloud API, tcb,
DescribeCreditsUsageDetail: `AI` large models, `Token` tokens)."""
PLACES: Final = 4
"""Of resource points; the service gives two."""
SCALES: Final[Mapping[str, int]] = {
    "": 1,
    "k": 1000,
    "千": 1000,
    "thousand": 1000,
    "万": 10_000,
    "m": 1_000_000,
    "百万": 1_000_000,
    "million": 1_000_000,
}
"""How many tokens a unit is, by what stands before the word; the vendor lists no units."""


@dataclass(frozen=True, slots=True)
class Theirs:
    """What the service told of a day.

    `tokens` is None if it told none, or only in units that are no tokens (`other_units`). `scale`
    is the largest unit in which it told them: they are exact to that many.
    """

    tokens: int | None = None
    points: float | None = None
    """Of models."""
    environment_points: float | None = None
    """Of everything in the environment."""
    scale: int = 1
    other_units: tuple[str, ...] = ()
    tells_modules: bool = True
    request_id: str = ""
    answer: Mapping[str, Any] = field(default_factory=dict)
    """As it came, by action, without secrets."""


async def told(plane: ControlPlane, day: date) -> Theirs:
    """Ask for one day; raises CloudBaseError.

    The resource points of everything in the environment, databases and functions included, are
    what every environment of the plan tells; what its models used, perhaps not every one.
    """
    on = {"start_date": day.isoformat(), "end_date": day.isoformat()}
    everything = await _soon(plane.describe_credits_usage(**on))
    answer: dict[str, Any] = {everything.action: _raw(everything.value)}
    try:
        modules = await _soon(
            plane.describe_credits_usage_detail(modules=MODULES, need_usage_details=True, **on)
        )
    except ActionUnknown:
        theirs = Theirs(tells_modules=False, request_id=everything.request_id or "")
    else:
        theirs = read(modules.value, modules.request_id)
        answer[modules.action] = [_raw(module) for module in modules.value]
    return replace(theirs, environment_points=_points(everything.value), answer=answer)


def read(modules: Sequence[ModuleUsage], request_id: str | None = None) -> Theirs:
    """Sum up what was told of models; makes no call."""
    metrics = [metric for module in modules for metric in module.metrics]
    counted = [(metric, scale) for metric in metrics if (scale := _scale(metric)) is not None]
    others = {metric.unit or "–" for metric in metrics if _scale(metric) is None}
    points = [module.credits_value for module in modules if module.credits_value is not None]
    return Theirs(
        tokens=sum(_tokens(metric, scale) for metric, scale in counted) if counted else None,
        points=round(sum(points), PLACES) if points else None,
        scale=max((scale for _metric, scale in counted), default=1),
        other_units=tuple(sorted(others)),
        request_id=request_id or "",
    )


def _points(used: CreditsUsage) -> float | None:
    """Of the plan, of packs and beyond them; those of earlier periods are not this day's."""
    parts = (used.deduct_value, used.package_deduct_value, used.report_value)
    known = [part for part in parts if part is not None]
    return round(sum(known), PLACES) if known else None


def _tokens(metric: MetricUsage, scale: int) -> int:
    return int(Decimal(str(metric.value)) * scale)


def _scale(metric: MetricUsage) -> int | None:
    """How many tokens one of its unit is; None if it is no unit of tokens."""
    unit = metric.unit.strip().lower().replace(" ", "")
    word = next((word for word in ("tokens", "token") if unit.endswith(word)), None)
    if word is None or metric.value is None:
        return None
    return SCALES.get(unit.removesuffix(word).rstrip("-_个"))


def _raw(value: Described) -> dict[str, Any]:
    return dict(value.raw)


async def _soon(asking: Awaitable[T]) -> T:
    try:
        async with asyncio.timeout(settings.PREFLIGHT_TIMEOUT_SECONDS):
            return await asking
    except TimeoutError:
        raise ProviderTimedOut from None

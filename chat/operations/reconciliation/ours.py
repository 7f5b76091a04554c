"""What the ledger has of an environment and a day: from its hours, in three queries."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from django.db.models import Sum

from admin_models.models import Observation
from admin_models.preflight.seeing import CALL
from chat.cloudbase import group_names
from chat.models import Failure, HourTotal, Usage

from . import days

HOUR: Final = timedelta(hours=1)
_SUMMED: Final = (
    "requests",
    "corrections",
    "stopped",
    "failed",
    "interrupted",
    "cached_tokens",
    "total_tokens",
)


@dataclass(frozen=True, slots=True)
class Ours:
    """The ledger's figures. Custom groups are apart: their models are not the service's to bill.

    All tokens are of questions and answers together; `requests` are those of `tokens`.
    """

    requests: int = 0
    tokens: int = 0
    estimated: int = 0
    """Tokens of `tokens` that were estimated here."""
    unknown_requests: int = 0
    """Of which nobody knows the tokens."""
    broken_off: int = 0
    """Requests that were stopped, interrupted or failed."""
    cached: int = 0
    """Tokens of questions that the service had in its cache."""
    growth_plan: int = 0
    """Tokens of the group that the growth plan pays for."""
    corrections: int = 0
    custom: int = 0
    """Tokens of custom groups, which are not in `tokens`."""
    refused: int = 0
    """Answers for which no call was made."""
    test_calls: int = 0
    """Calls of preflight, which have no row in the ledger; of each model the last one is known."""
    hour_before: int = 0
    last_hour: int = 0
    """Tokens within an hour of the day's begin, and of its end."""
    tokens_in_utc: int = 0
    """What `tokens` would be if the service's days were those of UTC."""

    def as_dict(self) -> dict[str, int]:
        """For the row."""
        return asdict(self)


def of(env_id: str, day: date) -> Ours:
    """What the ledger has; rounds nothing, as days of the service begin with an hour."""
    begin, end = days.moments(day)
    utc = days.moments_in_utc(day)
    hours = _hours(env_id, begin - HOUR, max(end, utc[1]))
    custom, managed = _parted(hours)
    within = [row for row in managed if begin <= row["at"] < end]
    return Ours(
        requests=_sum(within, "requests"),
        tokens=_sum(within, "total_tokens"),
        estimated=_sum(_of(within, Usage.Confidence.ESTIMATED), "total_tokens"),
        unknown_requests=_sum(_of(within, Usage.Confidence.UNKNOWN), "requests"),
        broken_off=sum(_sum(within, name) for name in ("stopped", "failed", "interrupted")),
        cached=_sum(within, "cached_tokens"),
        growth_plan=_sum(
            [row for row in within if row["group_name"] == group_names.GROWTH_PLAN], "total_tokens"
        ),
        corrections=_sum(within, "corrections"),
        custom=_sum([row for row in custom if begin <= row["at"] < end], "total_tokens"),
        refused=_refused(env_id, begin, end),
        test_calls=_test_calls(env_id, begin, end),
        hour_before=_sum([row for row in managed if row["at"] < begin], "total_tokens"),
        last_hour=_sum([row for row in within if row["at"] >= end - HOUR], "total_tokens"),
        tokens_in_utc=_sum(
            [row for row in managed if utc[0] <= row["at"] < utc[1]], "total_tokens"
        ),
    )


Row = dict[str, Any]


def _hours(env_id: str, begin: datetime, end: datetime) -> list[Row]:
    hours = HourTotal.objects.filter(env_id=env_id, at__gte=begin, at__lt=end)
    sums = {name: Sum(name) for name in _SUMMED}
    grouped = hours.values("at", "group_name", "confidence").annotate(**sums).order_by()
    return [dict(row) for row in grouped]


def _parted(rows: list[Row]) -> tuple[list[Row], list[Row]]:
    """Those of custom groups, and the others."""
    custom = [row for row in rows if group_names.is_custom(row["group_name"])]
    return custom, [row for row in rows if not group_names.is_custom(row["group_name"])]


def _of(rows: list[Row], confidence: Usage.Confidence) -> list[Row]:
    return [row for row in rows if row["confidence"] == confidence]


def _sum(rows: list[Row], name: str) -> int:
    return sum(row[name] or 0 for row in rows)


def _refused(env_id: str, begin: datetime, end: datetime) -> int:
    failures = Failure.objects.filter(env_id=env_id, at__gte=begin, at__lt=end, was_called=False)
    return failures.aggregate(answers=Sum("answers"))["answers"] or 0


def _test_calls(env_id: str, begin: datetime, end: datetime) -> int:
    return Observation.objects.filter(
        environment__env_id=env_id,
        action=CALL,
        answered_at__gte=begin,
        answered_at__lt=end,
    ).count()

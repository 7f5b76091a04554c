"""What a ledger row adds to which totals, counted in Python; `sources` has the same for databases,
and tests hold the two against each other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

from django.db.models import Model

from chat.figures import spans, speeds
from chat.models import (
    DaySpeeds,
    DayTotal,
    Failure,
    HourTotal,
    SiteDaySpeeds,
    SiteDayTotal,
    Status,
    Usage,
)
from chat.models.totals import PLACE, SUMMED, TIMED

Key = tuple[Any, ...]
Counts = Mapping[str, Any]
"""Numbers, amounts of money or texts, by column; all of them are added up by `+`."""

KEYS: Final[Mapping[type[Model], tuple[str, ...]]] = {
    HourTotal: ("at", *PLACE, "confidence", "currency"),
    SiteDayTotal: ("day", *PLACE, "confidence", "currency"),
    DayTotal: ("day", "user_pk", *PLACE, "confidence", "currency"),
    SiteDaySpeeds: ("day", *PLACE),
    DaySpeeds: ("day", "user_pk", *PLACE),
    Failure: ("at", *PLACE, "stage", "code", "was_called"),
}
"""What there is one total for, in each table."""
COUNTED: Final[Mapping[type[Model], tuple[str, ...]]] = {
    HourTotal: SUMMED,
    SiteDayTotal: SUMMED,
    DayTotal: SUMMED,
    SiteDaySpeeds: TIMED,
    DaySpeeds: TIMED,
    Failure: ("answers",),
}
"""What a total counts."""


class Additions:
    """What is to be added to the totals: counts by table and key."""

    def __init__(self) -> None:
        self.of: Mapping[type[Model], defaultdict[Key, dict[str, Any]]] = {
            table: defaultdict(dict) for table in KEYS
        }

    def take_in(self, row: Usage) -> None:
        """Count a row of the ledger."""
        place = (row.env_id, row.group_name, row.requested_model, row.agent, str(row.kind))
        hour = spans.hour_of(row.created_at)
        day = spans.day_of(row.created_at)
        sums, sort = _sums_of(row), (*place, str(row.confidence), row.currency)
        self._add(HourTotal, (hour, *sort), sums)
        self._add(SiteDayTotal, (day, *sort), sums)
        self._add(DayTotal, (day, row.user_id or 0, *sort), sums)
        if row.corrects_id is not None:
            return
        if texts := _speeds_of(row):
            self._add(SiteDaySpeeds, (day, *place), texts)
            self._add(DaySpeeds, (day, row.user_id or 0, *place), texts)
        if row.final_status == Status.FAILED:
            way = (row.error_stage, row.error_code, True)
            self._add(Failure, (hour, *place, *way), {"answers": 1})

    def fail(self, failure: Failure) -> None:
        """Count answers that failed without a row in the ledger."""
        place = tuple(str(getattr(failure, name)) for name in PLACE)
        key = (failure.at, *place, failure.stage, failure.code, failure.was_called)
        self._add(Failure, key, {"answers": failure.answers})

    def _add(self, table: type[Model], key: Key, counts: Counts) -> None:
        total = self.of[table][key]
        for name, count in counts.items():
            total[name] = total[name] + count if name in total else count


def _sums_of(row: Usage) -> Counts:
    is_request = row.corrects_id is None
    sums: dict[str, Any] = {
        "requests" if is_request else "corrections": 1,
        "prompt_tokens": row.prompt_tokens or 0,
        "completion_tokens": row.completion_tokens or 0,
        "cached_tokens": row.cached_tokens or 0,
        "reasoning_tokens": row.reasoning_tokens or 0,
        "total_tokens": row.total_tokens or 0,
        "units": row.units or 0,
        "cost": row.cost or Decimal(0),
    }
    if is_request:
        sums[str(row.final_status)] = 1
        sums["uncosted"] = int(bool(row.currency) and row.cost is None)
        sums["questions"] = int(row.kind == Usage.Kind.CHAT and row.step == 0)
    return sums


def _speeds_of(row: Usage) -> Counts:
    facts = (row.first_token_seconds, row.duration_seconds, row.completion_tokens)
    return {
        measure.value: speeds.text_of({speeds.bucket_of(value): 1})
        for measure, value in speeds.measured(*facts)
    }


def additions(rows: Iterable[Usage], failures: Iterable[Failure]) -> Additions:
    """What `rows`, and `failures` without rows, add to the totals."""
    adding = Additions()
    for row in rows:
        adding.take_in(row)
    for failure in failures:
        adding.fail(failure)
    return adding

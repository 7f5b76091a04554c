"""The rows of the ledger as a table, the oldest first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.db.models import Q

from chat.figures import sums
from chat.figures.spans import Narrowing, Span
from chat.operations.exports.columns import Column, Kind, Row, moment
from chat.operations.exports.tables import Mark

AT_A_TIME: Final = 2000
"""Rows that are in memory at once."""

_LOOKUPS: Final[Mapping[str, tuple[str, Kind]]] = {
    "id": ("pk", Kind.INTEGER),
    "created_at": ("created_at", Kind.MOMENT),
    "kind": ("kind", Kind.TEXT),
    "environment_id": ("env_id", Kind.TEXT),
    "environment": ("environment_name", Kind.TEXT),
    "group": ("group_name", Kind.TEXT),
    "requested_model": ("requested_model", Kind.TEXT),
    "answered_model": ("answered_model", Kind.TEXT),
    "agent": ("agent", Kind.TEXT),
    "user_id": ("user_id", Kind.INTEGER),
    "user": ("user__username", Kind.TEXT),
    "conversation_id": ("conversation_id", Kind.INTEGER),
    "message_id": ("message_id", Kind.INTEGER),
    "step": ("step", Kind.INTEGER),
    "final_status": ("final_status", Kind.TEXT),
    "error_stage": ("error_stage", Kind.TEXT),
    "error_code": ("error_code", Kind.TEXT),
    "request_id": ("request_id", Kind.TEXT),
    "confidence": ("confidence", Kind.TEXT),
    "prompt_tokens": ("prompt_tokens", Kind.INTEGER),
    "completion_tokens": ("completion_tokens", Kind.INTEGER),
    "total_tokens": ("total_tokens", Kind.INTEGER),
    "cached_tokens": ("cached_tokens", Kind.INTEGER),
    "reasoning_tokens": ("reasoning_tokens", Kind.INTEGER),
    "units": ("units", Kind.INTEGER),
    "currency": ("currency", Kind.TEXT),
    "input_price": ("input_price", Kind.AMOUNT),
    "output_price": ("output_price", Kind.AMOUNT),
    "cached_price": ("cached_price", Kind.AMOUNT),
    "cost": ("cost", Kind.AMOUNT),
    "first_token_seconds": ("first_token_seconds", Kind.NUMBER),
    "duration_seconds": ("duration_seconds", Kind.NUMBER),
    "corrects_id": ("corrects_id", Kind.INTEGER),
    "corrected_by_id": ("corrected_by_id", Kind.INTEGER),
    "reason": ("reason", Kind.TEXT),
}
"""Of each column: where it comes from, and what it is."""
COLUMNS: Final = tuple(Column(name, kind) for name, (_path, kind) in _LOOKUPS.items())
_PATHS: Final = tuple(path for path, _kind in _LOOKUPS.values())
_USER_NAME: Final = list(_LOOKUPS).index("user")


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a time; see docs/usage-export.md for what is in them."""

    span: Span
    narrowing: Narrowing
    more: Mapping[str, Any] = field(default_factory=dict)
    at_a_time: int = AT_A_TIME

    @property
    def columns(self) -> Sequence[Column]:
        return COLUMNS

    def batches(self, after: Mark | None = None) -> Iterator[Sequence[Row]]:
        """One query a batch, by the index of the time: nothing is open between two of them."""
        found = sums.rows(self.span, self.narrowing, **self.more).order_by("created_at", "pk")
        rows = found.values_list(*_PATHS)
        condition = Q() if after is None else _behind(*_read(after))
        while batch := [_told(row) for row in rows.filter(condition)[: self.at_a_time]]:
            yield batch
            pk, at = batch[-1][:2]
            condition = _behind(at, pk)

    def mark(self, row: Row) -> Mark:
        pk, at = row[:2]
        assert isinstance(at, datetime)  # noqa: S101  # for the type checker
        return moment(at), pk


def _behind(at: Any, pk: Any) -> Q:
    """What comes behind a row; its first part is what the index can use."""
    return Q(created_at__gte=at) & (Q(created_at__gt=at) | Q(pk__gt=pk))


def _read(mark: Mark) -> tuple[datetime, int]:
    match mark:
        case (str(at), int(pk)) if 0 <= pk < 2**63:
            found = datetime.fromisoformat(at)
            if found.tzinfo is not None:
                return found, pk
    raise ValueError("no mark of a row")


def _told(row: tuple[Any, ...]) -> Row:
    """Whoever is gone has no name."""
    if row[_USER_NAME] is not None:
        return row
    return (*row[:_USER_NAME], "", *row[_USER_NAME + 1 :])

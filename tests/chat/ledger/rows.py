"""Ledger rows for tests, and what they come to, counted in the plainest way."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.test import override_settings
from django.utils import timezone
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from chat.figures import sums
from chat.figures.sums import Confidence, Sums, Tokens
from chat.ledger import entries, totals
from chat.models import Failure, Usage

AMOUNT = Decimal("0.0000000001")


@contextmanager
def taken_back(zone: str = "UTC"):
    """What is written inside is gone afterwards; days are those of `zone`."""
    with override_settings(TIME_ZONE=zone), transaction.atomic():
        yield
        transaction.set_rollback(True)


def row(**members: Any) -> Usage:
    """A request that was answered."""
    values = {
        "env_id": "local",
        "group_name": "custom-a",
        "requested_model": "m",
        "confidence": "reported",
        "final_status": "done",
        "prompt_tokens": 100,
        "completion_tokens": 50,
        "total_tokens": 150,
    }
    return Usage(**values | members)


def written(*rows: Usage) -> Usage:
    """The first of `rows`, which are in the ledger."""
    entries.write(rows)
    return rows[0]


anything = settings(
    max_examples=25,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # writes to a database shrink too slowly
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
"""How often a law is tried."""


def ago(**units: float) -> datetime:
    """A moment of the past."""
    return timezone.now() - timedelta(**units)


# Any

tokens = st.none() | st.integers(0, 100_000)
seconds = st.none() | st.floats(0, 100, allow_nan=False)
amounts = st.none() | st.integers(0, 10**15).map(lambda number: number * AMOUNT)
NOW = timezone.now()
moments = st.integers(0, 4 * 24 * 3600).map(lambda number: NOW - timedelta(seconds=number))
rows = st.builds(
    Usage,
    env_id=st.sampled_from(["local", "env-1"]),
    group_name=st.sampled_from(["custom-a", "cloudbase"]),
    requested_model=st.sampled_from(["m", "n", "模型"]),
    agent=st.sampled_from(["", "clerk"]),
    kind=st.sampled_from(Usage.Kind.values),
    user_id=st.sampled_from([None, 1, 2, 3]),
    confidence=st.sampled_from(Usage.Confidence.values),
    currency=st.sampled_from(["", "CNY", "USD"]),
    cost=amounts,
    final_status=st.sampled_from(["done", "stopped", "failed", "interrupted"]),
    error_stage=st.sampled_from(["", "call"]),
    error_code=st.sampled_from(["", "rate_limited"]),
    prompt_tokens=tokens,
    completion_tokens=tokens,
    cached_tokens=tokens,
    reasoning_tokens=tokens,
    total_tokens=tokens,
    units=st.none() | st.integers(0, 10),
    first_token_seconds=seconds,
    duration_seconds=seconds,
    created_at=moments,
).map(lambda row: _with_cost_only_if_priced(row))
failures = st.builds(
    totals.failure,
    moments,
    env_id=st.sampled_from(["local", "env-1"]),
    model_name=st.sampled_from(["m", "n"]),
    kind=st.just("chat"),
    stage=st.sampled_from(["preflight", "quota"]),
    code=st.sampled_from(["not_enabled", "limit_used_up"]),
)
deltas = st.dictionaries(
    st.sampled_from(["prompt_tokens", "completion_tokens", "cached_tokens", "units"]),
    st.integers(-1000, 1000),
)
batches = st.lists(
    st.tuples(
        st.lists(rows, max_size=5),
        st.lists(failures, max_size=2),
        st.none() | st.tuples(st.integers(0, 99), deltas),
    ),
    max_size=4,
)
"""Rows, failures without rows, and which row is corrected then, and by how much."""
zones = st.sampled_from(["UTC", "Asia/Shanghai", "Asia/Kolkata", "America/New_York"])
spans = st.tuples(moments, moments).map(lambda pair: sums.Span(min(pair), max(pair)))


def _with_cost_only_if_priced(row: Usage) -> Usage:
    row.cost = row.cost if row.currency else None
    return row


def write(batches: Iterable[tuple[list[Usage], list[Failure], Any]]) -> None:
    """Write all of it; a correction that cannot be is none."""
    for rows, failures, correction in batches:
        entries.write(rows, failures)
        requests = list(Usage.objects.filter(corrects=None).order_by("pk"))
        if correction is not None and requests:
            picked, deltas = correction
            with suppress(ValidationError):
                entries.correct(None, requests[picked % len(requests)], reason="test", **deltas)


# The plainest count


def in_span(span: sums.Span) -> list[Usage]:
    """The rows of a time."""
    return [row for row in Usage.objects.all() if span.begin <= row.created_at < span.end]


def sums_of(rows: Iterable[Usage]) -> Sums:
    """What `rows` come to."""
    rows = list(rows)
    requests = [row for row in rows if row.corrects_id is None]
    costs: defaultdict[str, dict[Confidence, Decimal]] = defaultdict(dict)
    for row in rows:
        if row.currency:
            before = costs[row.currency].get(Confidence(row.confidence), Decimal(0))
            costs[row.currency][Confidence(row.confidence)] = before + (row.cost or 0)
    return Sums(
        requests=len(requests),
        corrections=len(rows) - len(requests),
        **{state: _number(requests, state) for state in _STATES},
        tokens={each: _tokens(rows, each) for each in {Confidence(row.confidence) for row in rows}},
        cost=dict(costs),
        unpriced=sum(not row.currency for row in requests),
        uncosted=sum(bool(row.currency) and row.cost is None for row in requests),
        unknown=sum(row.confidence == Confidence.UNKNOWN for row in requests),
        units=sum(row.units or 0 for row in rows),
        people=len({row.user_id for row in rows} - {None}),
    )


_STATES = ("done", "stopped", "failed", "interrupted")


def _number(rows: list[Usage], state: str) -> int:
    return sum(row.final_status == state for row in rows)


def _tokens(rows: list[Usage], confidence: Confidence) -> Tokens:
    def total(name: str) -> int:
        return sum(
            getattr(row, f"{name}_tokens") or 0 for row in rows if row.confidence == confidence
        )

    return Tokens(*map(total, ("prompt", "completion", "cached", "reasoning", "total")))


def by(key: Callable[[Usage], Any], rows: Iterable[Usage]) -> dict[Any, Sums]:
    """The sums of `rows` by what `key` says of each."""
    found: defaultdict[Any, list[Usage]] = defaultdict(list)
    for each in rows:
        found[key(each)].append(each)
    return {name: sums_of(of_it) for name, of_it in found.items()}

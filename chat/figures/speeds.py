"""How fast answers are: counted in buckets that grow by 5 %, so that percentiles of any number of
requests come from a few rows, and are off by 2.5 % at the most.

The counts of a day are kept as a text: each bucket with a space after it, once for each request or
with how many there are (`34 35*12 `). So two counts are added up by putting one after the other,
which a database can do while others do the same.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Measure(StrEnum):
    """What is measured of a request; named like the columns that keep it."""

    FIRST_TOKEN = "first_token"  # noqa: S105  # seconds
    RATE = "rate"  # tokens a second


GROWTH: Final = 1.05
"""How much larger the values of a bucket are than those of the one before."""
SMALLEST: Final = 0.001
LARGEST: Final = 1_000_000.0
"""What is smaller or larger counts as these."""
_STEP: Final = math.log(GROWTH)
_MIDDLE: Final = 0.5


LONG: Final = 8_000
"""Characters of a total from which on its texts are written anew: more than any has then."""


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Of `requests` measured ones; in seconds or tokens a second, None where there are none."""

    p50: float | None
    p95: float | None
    p99: float | None
    requests: int


def bucket_of(value: float) -> int:
    """The bucket that counts `value`, whatever is measured."""
    if not SMALLEST <= value <= LARGEST:
        value = min(max(value, SMALLEST), LARGEST)
    return math.floor(math.log(value) / _STEP)


def value_of(bucket: int) -> float:
    """What stands for the values of a bucket: no farther than 2.5 % from any of them."""
    return math.exp((bucket + _MIDDLE) * _STEP)


def text_of(counts: Mapping[int, int]) -> str:
    """How counts by bucket are kept; equal counts have equal texts."""
    counted = sorted(counts.items())
    return "".join(f"{bucket}*{times} " if times > 1 else f"{bucket} " for bucket, times in counted)


def counts_of(text: str) -> Counter[int]:
    """The counts that a text keeps, or several texts one after the other."""
    counts = Counter[int]()
    for word, times in Counter(text.split()).items():
        bucket, _star, many = word.partition("*")
        counts[int(bucket)] += times * int(many or 1)
    return counts


def percentiles(counts: Mapping[int, int], wanted: Sequence[float]) -> list[float | None]:
    """Of the requests that `counts` has by bucket: for each of `wanted` (percent, ascending) the
    value that so many of them do not exceed; None if there are no requests."""
    buckets = sorted(bucket for bucket, requests in counts.items() if requests > 0)
    total = sum(counts[bucket] for bucket in buckets)
    found: list[float | None] = []
    seen, position = 0, -1
    for percent in wanted:
        rank = max(1, math.ceil(total * percent / 100))
        while seen < rank and position + 1 < len(buckets):
            position += 1
            seen += counts[buckets[position]]
        found.append(value_of(buckets[position]) if buckets else None)
    return found


def summary(counts: Mapping[int, int]) -> Percentiles:
    """The percentiles that pages show."""
    p50, p95, p99 = percentiles(counts, (50, 95, 99))
    return Percentiles(p50, p95, p99, sum(counts.values()))


def measured(
    first_token_seconds: float | None, duration_seconds: float | None, tokens: int | None
) -> Iterable[tuple[Measure, float]]:
    """What a request with an answer of so many `tokens` tells of its speed.

    The rate is that of writing: from the first token to the end. An answer of one token has none.
    """
    if first_token_seconds is None:
        return
    yield Measure.FIRST_TOKEN, first_token_seconds
    if duration_seconds is None or tokens is None or tokens <= 1:
        return
    writing = duration_seconds - first_token_seconds
    if writing > 0:
        yield Measure.RATE, tokens / writing

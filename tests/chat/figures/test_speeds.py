"""Percentiles from buckets are those of the values, but for 2.5 %."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.figures import speeds
from chat.figures.speeds import Measure

values = st.floats(speeds.SMALLEST, speeds.LARGEST)


@given(values)
def test_what_stands_for_a_value_is_near_it(value):
    assert speeds.value_of(speeds.bucket_of(value)) == pytest.approx(value, rel=0.0251)


@given(st.lists(values, min_size=1, max_size=200), st.sampled_from([50, 95, 99, 100]))
def test_percentiles_are_near_those_of_the_values(measured, percent):
    counts: dict[int, int] = {}
    for value in measured:
        counts[speeds.bucket_of(value)] = counts.get(speeds.bucket_of(value), 0) + 1
    (found,) = speeds.percentiles(counts, [percent])
    exact = sorted(measured)[math.ceil(len(measured) * percent / 100) - 1]
    assert found == pytest.approx(exact, rel=0.0251)


@given(st.dictionaries(st.integers(-141, 284), st.integers(1, 10**6)))
def test_counts_survive_being_kept(counts):
    text = speeds.text_of(counts)
    assert speeds.counts_of(text) == counts
    assert speeds.text_of(speeds.counts_of(text)) == text


@given(st.lists(st.dictionaries(st.integers(-141, 284), st.integers(1, 9)), max_size=5))
def test_texts_one_after_the_other_are_the_sum(several):
    together: Counter[int] = Counter()
    for counts in several:
        together.update(counts)
    assert speeds.counts_of("".join(map(speeds.text_of, several))) == together


def test_of_nothing_there_are_none():
    assert speeds.summary({}) == speeds.Percentiles(None, None, None, 0)


@pytest.mark.parametrize("value", [0, -1, math.inf])
def test_any_value_has_a_bucket(value):
    assert isinstance(speeds.bucket_of(value), int)


@pytest.mark.parametrize(
    ("facts", "measures"),
    [
        ((None, 3.0, 100), {}),
        ((1.0, None, 100), {Measure.FIRST_TOKEN: 1.0}),
        ((1.0, 3.0, None), {Measure.FIRST_TOKEN: 1.0}),
        ((1.0, 3.0, 1), {Measure.FIRST_TOKEN: 1.0}),
        ((1.0, 1.0, 100), {Measure.FIRST_TOKEN: 1.0}),
        ((1.0, 3.0, 100), {Measure.FIRST_TOKEN: 1.0, Measure.RATE: 50.0}),
    ],
)
def test_the_rate_is_that_of_writing(facts, measures):
    assert dict(speeds.measured(*facts)) == measures

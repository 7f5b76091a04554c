"""Plots are drawn to scale, with round numbers, and say in words what they show."""

from __future__ import annotations

import math
import re
from itertools import pairwise
from typing import Any

import pytest
from bs4 import BeautifulSoup, Tag
from hypothesis import example, given
from hypothesis import strategies as st

from chat.operations import numbers, plots
from chat.operations.plots import HEIGHT, Band, Plot, Step
from tests.pages.html import the, words

amounts = st.floats(-1e12, 1e12, allow_nan=False).filter(lambda number: not 0 < abs(number) < 1e-9)
values = st.lists(st.none() | amounts, min_size=1, max_size=40)


def plot(*bands: list[float | None], kind="bars", **members) -> Plot:
    """One whose steps are called 0, 1, …, and whose bands a, b, …"""
    steps = [Step(f"{at}", f"step {at}") for at in range(len(bands[0]) if bands else 0)]
    drawn = [Band(f"b{at}", f"band {at}", band) for at, band in enumerate(bands)]
    described: dict[str, Any] = {
        "title": "Tokens",
        "description": "What was used.",
        "written": numbers.short,
    }
    return Plot("tokens", kind=kind, steps=steps, bands=drawn, **described | members)


def drawn(found: Plot) -> Tag:
    return the(BeautifulSoup(found.svg, "html.parser"), "svg.drawing")


def rectangles(svg: Tag, key: str) -> list[tuple[float, float]]:
    """Top and height of each piece of a band, from left to right."""
    path = svg.select_one(f'path[data-band="{key}"]')
    pieces = re.findall(r"M[-\d.]+ ([-\d.]+)h[\d.]+v([\d.]+)h", str(path["d"])) if path else []
    return [(float(top), float(height)) for top, height in pieces]


# Round numbers


@given(amounts, amounts, st.booleans())
@example(0.0, 1e-9, True)
def test_an_axis_has_a_few_round_numbers_around_everything(one, other, is_whole):
    low, high = min(one, other), max(one, other)
    found = plots.ticks(low, high, is_whole=is_whole)
    step = found[1] - found[0]
    assert 2 <= len(found) <= 8
    assert found[0] <= min(low, 0) + step * 1e-6
    assert found[-1] >= max(high, 0) - step * 1e-6
    assert all(math.isclose(b - a, step, rel_tol=1e-6) for a, b in pairwise(found))
    assert any(abs(tick) < step * 1e-6 for tick in found)
    assert f"{step:.6e}"[:3] in {"1.0", "2.0", "2.5", "5.0"} or is_whole
    if is_whole:
        assert all(tick == int(tick) for tick in found)


@pytest.mark.parametrize(
    ("low", "high", "found"),
    [
        (0, 0, [0, 0.25, 0.5, 0.75, 1]),
        (0, 7, [0, 2, 4, 6, 8]),
        (0, 100, [0, 25, 50, 75, 100]),
        (0, 1_234_567, [0, 500_000, 1_000_000, 1_500_000]),
        (-30, 80, [-50, 0, 50, 100]),
    ],
)
def test_round_numbers_are_those_that_a_person_would_choose(low, high, found):
    assert plots.ticks(low, high) == found


def test_of_people_there_are_no_halves():
    assert plots.ticks(0, 1, is_whole=True) == [0, 1]
    assert plots.ticks(0, 3, is_whole=True) == [0, 1, 2, 3]


@given(st.lists(st.integers(0, 2), max_size=400))
def test_an_axis_has_room_for_the_names_it_shows(ranks):
    steps = [Step("", "", rank) for rank in ranks]
    shown = plots.named(steps)
    assert len(shown) <= 8
    assert bool(shown) == bool(steps)
    assert shown == sorted(set(shown))


def test_days_among_hours_are_named_first():
    steps = [Step(f"{at}", "", rank=0 if at % 24 else 2) for at in range(24 * 5)]
    assert plots.named(steps) == [0, 24, 48, 72, 96]


# Bars


def test_bars_stand_on_each_other_to_scale():
    svg = drawn(plot([60, 0], [40, 100]))
    assert rectangles(svg, "b0") == [(HEIGHT * 0.4, HEIGHT * 0.6)]
    assert rectangles(svg, "b1") == [(0, HEIGHT * 0.4), (0, HEIGHT)]


def test_what_was_taken_away_hangs_below_zero():
    svg = drawn(plot([50, -50], [50, 0]))
    assert rectangles(svg, "b0") == [(HEIGHT / 3, HEIGHT / 3), (HEIGHT / 3 * 2, HEIGHT / 3)]
    assert rectangles(svg, "b1") == [(0, HEIGHT / 3)]


@given(st.lists(st.tuples(amounts, amounts, amounts), min_size=1, max_size=30))
def test_no_bar_leaves_the_drawing_and_heights_are_in_proportion(rows):
    found = plot(*map(list, zip(*rows, strict=True)))
    svg = drawn(found)
    pieces = [piece for band in found.bands for piece in rectangles(svg, band.key)]
    assert all(top >= -0.02 and top + height <= HEIGHT + 0.02 for top, height in pieces)


# Lines


def test_a_line_goes_through_its_values_and_is_broken_where_there_are_none():
    svg = drawn(plot([0, 100, None, 50, 50], kind="lines"))
    line = the(svg, 'path[data-band="b0"]')
    assert line["d"] == "M100 180L300 0M700 90L900 90"
    assert not svg.select("circle")


def test_one_point_is_seen():
    svg = drawn(plot([None, 40, None], kind="lines"))
    point = the(svg, "circle")
    assert (point["cx"], point["cy"]) == ("50%", "0")


# Words


@given(values, st.sampled_from(["bars", "lines"]))
def test_any_values_can_be_drawn_and_are_told(given_values, kind):
    found = plot(given_values, kind=kind)
    svg = drawn(found)
    assert svg["role"] == "img"
    for part in str(svg["aria-labelledby"]).split():
        assert words(the(svg, f"#{part}"))
    rows = BeautifulSoup(found.rows, "html.parser").select("tr")
    assert len(rows) == sum(bool(value) for value in given_values)
    assert "nan" not in str(svg)


def test_nothing_is_drawn_of_nothing():
    for found in (plot(), plot([]), plot([None, None]), plot([0, 0])):
        assert found.is_empty
        assert not drawn(found).select("path, circle, .hint")


def test_a_table_says_what_is_drawn_and_leads_on():
    found = plot([1_500, 0], [None, 7])
    steps = [Step("a", "Monday", url="/x?a=1&b=2"), Step("b", "Tuesday")]
    table = BeautifulSoup(Plot(**{**_members(found), "steps": steps}).rows, "html.parser")
    assert [words(row) for row in table.select("tr")] == ["Monday 1.5k –", "Tuesday 0 7"]
    assert the(table, "a")["href"] == "/x?a=1&b=2"


def _members(found: Plot) -> dict[str, Any]:
    return {name: getattr(found, name) for name in Plot.__slots__}


def test_a_pointer_is_told_every_value_of_a_step():
    hints = drawn(plot([1, 0], [2, 0])).select(".hint title")
    assert [hint.text for hint in hints] == ["step 0\nband 0: 1\nband 1: 2"]


def test_markup_in_names_stays_text_and_nothing_is_styled_in_place():
    found = plot([1], title="<b>", description="</svg>")
    found = Plot(**{**_members(found), "steps": [Step("<i>", "<u>")]})
    svg = drawn(found)
    assert not svg.select("b, i, u")
    assert "style=" not in found.svg
    assert words(the(svg, "#tokens-title")) == "<b>"


@given(st.lists(st.floats(-1, 2, allow_nan=False), max_size=5))
def test_lying_bars_never_leave_their_place(parts):
    bar = BeautifulSoup(plots.bars((part, "done") for part in parts), "html.parser")
    boxes = [
        (float(str(box["x"])[:-1]), float(str(box["width"])[:-1])) for box in bar.select("rect")
    ]
    assert all(x >= 0 and width >= 0 and x + width <= 100.02 for x, width in boxes)


# Numbers in words


@pytest.mark.parametrize(
    ("written", "number", "text"),
    [
        (numbers.short, 0, "0"),
        (numbers.short, 999, "999"),
        (numbers.short, 1_250_000, "1.25M"),
        (numbers.short, -20_000, "−20k"),
        (numbers.short, 999_960, "1M"),
        (numbers.short, 0.00005, "0.00005"),
        (numbers.short, 3e16, "30,000T"),
        (numbers.exact, -1_234, "−1,234"),
        (numbers.counted, 9_999, "9,999"),
        (numbers.counted, 12_345, "12.35k"),
        (numbers.whole, 1_234_567.0, "1,234,567"),
        (numbers.money, 0, "0.00"),
        (numbers.money, 1234.567, "1,234.57"),
        (numbers.money, 0.00123456, "0.001235"),
        (numbers.money, -0.5, "−0.5"),
        (numbers.seconds, 0.0421, "42 ms"),
        (numbers.seconds, 1.234, "1.23 s"),
        (numbers.seconds, 90, "1.5 min"),
        (numbers.seconds, 0.9999, "1 s"),
        (numbers.seconds, 90_000, "1,500 min"),
        (numbers.rate, 999.7, "1,000/s"),
        (numbers.rate, 48.44, "48.4/s"),
    ],
)
def test_numbers_are_written_short(written, number, text):
    assert written(number) == text


def test_a_change_is_told_absolutely_and_in_percent():
    assert numbers.change(150, 100) == numbers.Change("+50", "+50 %", "up")
    assert numbers.change(50, 100) == numbers.Change("−50", "−50 %", "down")
    assert numbers.change(5, 0) == numbers.Change("+5", "", "up")
    assert numbers.change(5, 5) == numbers.Change("±0", "", "same")
    assert numbers.change(None, 5) is None


def test_percents_are_written_out_as_long_as_they_say_something():
    assert numbers.change(135, 10) == numbers.Change("+125", "+1,250 %", "up")
    assert numbers.change(9_000, 1) == numbers.Change("+8.999k", "", "up")

"""The bench of a week keeps books of its own, and notices a figure that is another one."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import UTC, date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from admin_models import costs
from admin_models.models import Price, Tier
from chat.models import DayTotal, SiteDayTotal
from chat.turns import tokens
from chatsite.bench import week_figures, week_http, week_plan, week_rows
from chatsite.bench.week_figures import ALL, ERRORS
from chatsite.bench.week_plan import MODELS, Ending, Entry, Turn
from tests import processes

TODAY = date(2026, 11, 21)


# ── The books ────────────────────────────────────────────────────────────────


@given(
    st.sampled_from([model for model in MODELS if model.tiers]),
    st.integers(0, 10**6),
    st.integers(0, 10**6),
    st.integers(0, 10**6),
)
def test_the_books_reckon_as_the_product_does(model, prompt, completion, cached):
    cached = min(cached, prompt)
    tiers = [
        Tier(_price(tier.input), _price(tier.output), _price(tier.cached), tier.above)
        for tier in model.tiers
    ]
    price = Price(currency=model.currency, tiers=[tier.stored() for tier in tiers])
    theirs = costs.cost(price, prompt, completion, cached)
    assert Decimal(week_plan.cost(model, prompt, completion, cached) or 0).scaleb(-10) == theirs


def _price(parts: int) -> Decimal:
    return Decimal(parts).scaleb(-4)


@given(st.text(st.characters(max_codepoint=127), max_size=200))
def test_a_text_is_estimated_as_the_product_documents(said):
    assert week_plan.estimate(said) == tokens.estimate(said)


def test_a_model_without_a_price_costs_nobody_knows_what():
    assert week_plan.cost(MODELS[-1], 10, 10) is None


def test_every_ending_is_asked_for_and_the_same_again():
    asked = week_plan.turns(20, 3, seed=5)
    assert {turn.ending for turn in asked} == set(Ending)
    assert asked == week_plan.turns(20, 3, seed=5)
    assert asked != week_plan.turns(20, 3, seed=6)
    assert [turn.number for turn in asked] == list(range(20 + week_plan.KILLED))


def test_the_days_before_are_six_and_in_order():
    past = week_plan.past(500, 3, TODAY, UTC, seed=1)
    assert {entry.day for entry in past} == {str(day) for day in week_plan.days(TODAY)[:-1]}
    assert [entry.at for entry in past] == sorted(entry.at for entry in past)
    assert {entry.kind for entry in past} == {"chat", "image"}


def test_what_was_cut_short_is_estimated_from_what_there_is():
    turn = Turn(1, 0, "uniform", Ending.STOPPED, words=40)
    entry = week_plan.entry_of(turn, "2026-11-21", "Word0 word1 ")
    assert (entry.status, entry.confidence, entry.completion) == ("stopped", "estimated", 3)
    assert week_plan.entry_of(turn, "2026-11-21", "").confidence == "unknown"


def test_an_answer_whose_server_died_is_estimated_like_any_that_was_cut_short():
    killed = Turn(1, 0, "uniform", Ending.KILLED, words=40)
    stopped = Turn(1, 0, "uniform", Ending.STOPPED, words=40)
    entries = [week_plan.entry_of(turn, "2026-11-21", "Word0 word1 ") for turn in (killed, stopped)]
    assert [entry.status for entry in entries] == ["interrupted", "stopped"]
    assert entries[0].prompt == entries[1].prompt > 0
    assert entries[0].cost == entries[1].cost is not None


# ── Its figures ──────────────────────────────────────────────────────────────


def test_figures_that_differ_are_named():
    expected = {ALL: {"requests": "2", "reported CNY": "0.0000000010"}, ERRORS: {"call/x": "1"}}
    found = {ALL: {"requests": "2", "reported CNY": "0.0000000011", "done": "1"}}
    assert week_figures.differences(expected, expected) == []
    assert week_figures.differences(expected, found) == [
        "all: done: nothing was to be, 1 is",
        "all: reported CNY: 0.0000000010 was to be, 0.0000000011 is",
        "errors: call/x: 1 was to be, nothing is",
    ]


def test_what_is_refused_before_a_call_is_an_error_and_no_request():
    entry = Entry("2026-11-21", "person-1", "shut", "failed", stage="preflight", code="off")
    entry.was_called = False
    figures = week_figures.of_entries([entry])
    assert figures[ERRORS] == {"preflight/off, not called": "1"}
    assert ALL not in figures or "requests" not in figures[ALL]


@pytest.fixture
def written(transactional_db):
    """A small past in the database, and what it has to come to."""
    week = week_rows.Week(turns=8, past=120, people=4, seed=3)
    made = week_rows.make("http://127.0.0.1:1/v1", week)
    return made, week_figures.of_entries(made.entries)


def test_the_product_says_what_the_books_say(written):
    made, expected = written
    found = week_rows.found(made.today)
    assert week_figures.differences(expected, found.figures) == []
    assert found.wrong_totals == 0


@pytest.mark.parametrize(
    ("table", "member"),
    [(SiteDayTotal, "requests"), (SiteDayTotal, "cost"), (DayTotal, "total_tokens")],
)
def test_a_total_that_is_wrong_is_noticed(written, table, member):
    made, expected = written
    row = table.objects.exclude(**{member: 0}).first()
    setattr(row, member, getattr(row, member) + 1)
    row.save()
    found = week_rows.found(made.today)
    assert week_figures.differences(expected, found.figures)
    assert found.wrong_totals == 1


PAGE = """
<p class="amount"><a href="/usage/rows/" title="1,234.5 CNY">1,235</a></p>
<table><tr><th>Tokens</th><th>reported</th><th>estimated</th></tr>
<tr><th>question</th><td>1,200</td><td>0</td></tr></table>
<table><tr><th>Error</th><th></th><th>Answers</th><th>Stage</th><th>The model was</th></tr>
<tr><th><code>off</code> <small>It is off.</small></th><td><svg></svg></td><td><a>3</a></td>
<td>preflight</td><td>not called</td></tr></table>
<table><tr><th>Model</th><th></th><th>Tokens</th><th>Requests</th></tr>
<tr><th><a>uniform</a></th><td></td><td>1.2 k</td><td><a>1,002</a></td></tr></table>
"""


def test_the_dashboard_is_read_off_its_page():
    assert week_http.read(PAGE) == {
        ALL: {"CNY": "1234.5", "reported prompt tokens": "1200"},
        ERRORS: {"off, not called": "3"},
        "model uniform": {"requests": "1002"},
    }


# ── All of it ────────────────────────────────────────────────────────────────


@pytest.mark.server
def test_a_small_week_comes_to_what_the_books_say(tmp_path):
    file = tmp_path / "week.json"
    words = ["--turns", "14", "--past", "60", "--people", "4", "--json", str(file)]
    done = subprocess.run(
        processes.manage("bench", "week", *words),
        cwd=processes.PROJECT,
        env=os.environ | {"CHATSITE_DATA_DIR": str(tmp_path / "data")},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    measured = json.loads(file.read_text())
    assert measured["troubles"] == []
    assert set(measured["endings"]) == set(Ending)
    assert measured["by_sums"] == measured["expected"]
    assert int(measured["expected"][ALL]["interrupted"]) >= week_plan.KILLED
    assert "bookkeeping" in done.stdout

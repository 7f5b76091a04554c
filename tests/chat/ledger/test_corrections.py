"""Corrections are rows of their own: what was written stays, and the sum is right."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError

from admin_models.models import AuditEntry
from chat.figures import sums
from chat.figures.sums import Narrowing, Span
from chat.ledger import corrections, entries, totals
from chat.models import Usage
from tests.chat.ledger.rows import ago, row, written

pytestmark = pytest.mark.usefixtures("transactional_db")

PRICED = {
    "currency": "CNY",
    "input_price": Decimal(2),
    "output_price": Decimal(8),
    "cached_price": Decimal(1),
    "cost": Decimal("0.0006"),
}


@pytest.fixture
def used(alice):
    """A request of 100 and 50 tokens."""
    return written(row(user=alice, **PRICED))


def refused(row: Usage, reason: str = "test", **members) -> dict[str, str]:
    """The codes of what is wrong, by member."""
    with pytest.raises(ValidationError) as caught:
        entries.correct(None, row, reason=reason, **members)
    assert Usage.objects.count() <= 2
    errors = caught.value
    named = errors.error_dict if hasattr(errors, "error_dict") else {"": errors.error_list}
    return {name: str(wrong[0].code) for name, wrong in named.items()}


def test_a_correction_adds_to_what_was_written_and_changes_nothing(used, root):
    before = Usage.objects.filter(pk=used.pk).values().get()
    correction = entries.correct(root, used, reason="invoice 7", prompt_tokens=-40, units=2)
    assert Usage.objects.filter(pk=used.pk).values().get() == before
    assert (correction.corrects_id, correction.corrected_by_id) == (used.pk, root.pk)
    assert (correction.total_tokens, correction.reason) == (-40, "invoice 7")
    stands = corrections.standing(used)
    assert (stands["prompt_tokens"], stands["total_tokens"], stands["units"]) == (60, 110, 2)
    assert totals.differences() == []


def test_it_counts_with_its_row_and_is_no_request(used, root, alice):
    entries.correct(root, used, reason="invoice", prompt_tokens=-40, completion_tokens=10)
    span = Span(ago(hours=1), ago(hours=-1))
    found = sums.over(span, Narrowing(user_pk=alice.pk))
    assert (found.requests, found.corrections, found.total_tokens) == (1, 1, 120)
    assert found.cost == {"CNY": {"reported": Decimal("0.0006")}}  # 40 less at 2, 10 more at 8


def test_it_counts_when_it_is_made(root):
    used = written(row(created_at=ago(days=3)))
    entries.correct(root, used, reason="invoice", prompt_tokens=5)
    assert sums.over(Span(ago(days=4), ago(days=2)), Narrowing()).total_tokens == 150
    assert sums.over(Span(ago(days=1), ago(hours=-1)), Narrowing()).total_tokens == 5


def test_the_tokens_cost_what_the_row_says_unless_another_cost_is_given(used):
    by_prices = entries.correct(None, used, reason="a", prompt_tokens=10, cached_tokens=10)
    given = entries.correct(None, used, reason="b", prompt_tokens=10, cost=Decimal("0.5"))
    only_cost = entries.correct(None, used, reason="c", cost=Decimal("-0.1"))
    assert by_prices.cost == Decimal("0.00001")
    assert (given.cost, only_cost.cost, only_cost.prompt_tokens) == (
        Decimal("0.5"),
        Decimal("-0.1"),
        0,
    )


def test_it_is_written_into_the_audit_log(used, root):
    entries.correct(root, used, reason="invoice 7", prompt_tokens=-40)
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.action, entry.subject_key) == (
        "root",
        "ledger.corrected",
        str(used.pk),
    )
    assert (entry.before["prompt_tokens"], entry.after["prompt_tokens"]) == (100, 60)
    assert entry.after["reason"] == "invoice 7"
    assert entry.before["cost"] == "0.0006000000"


@pytest.mark.parametrize(
    ("members", "wrong"),
    [
        ({}, {"": "nothing"}),
        ({"prompt_tokens": 0}, {"": "nothing"}),
        ({"prompt_tokens": -101}, {"prompt_tokens": "negative"}),
        ({"units": -1}, {"units": "negative"}),
        ({"cost": Decimal("-0.0006000001")}, {"cost": "negative"}),
        ({"completion_tokens": 2_000_000_001}, {"completion_tokens": "too_much"}),
        ({"cost": Decimal(10) ** 9}, {"cost": "too_much"}),
        ({"prompt_tokens": 1, "reason": "  "}, {"reason": "reason"}),
        ({"prompt_tokens": 1, "reason": "x" * 201}, {"reason": "reason"}),
    ],
)
def test_what_cannot_be_is_refused(used, members, wrong):
    found = refused(used, **members)
    assert found.items() >= wrong.items()
    assert not AuditEntry.objects.exists()


def test_corrections_together_take_no_more_than_there_is(used):
    entries.correct(None, used, reason="first", prompt_tokens=-60)
    assert "negative" in refused(used, prompt_tokens=-60).values()


def test_a_correction_is_not_corrected(used):
    correction = entries.correct(None, used, reason="first", prompt_tokens=-60)
    assert refused(correction, prompt_tokens=60) == {"": "correction"}


def test_a_row_that_is_not_there_is_not_corrected(used):
    with pytest.raises(Usage.DoesNotExist):
        entries.correct(None, Usage(pk=used.pk + 1), reason="test", prompt_tokens=1)


def test_without_a_price_there_is_no_cost_to_correct():
    used = written(row())
    assert refused(used, cost=Decimal(1)) == {"cost": "no_currency"}
    correction = entries.correct(None, used, reason="test", prompt_tokens=1)
    assert (correction.cost, correction.currency) == (None, "")


def test_a_row_of_unknown_tokens_can_be_told_them():
    used = written(
        row(prompt_tokens=None, completion_tokens=None, total_tokens=None, currency="CNY")
    )
    entries.correct(None, used, reason="log", prompt_tokens=7, cost=Decimal("0.01"))
    stands = corrections.standing(used)
    assert (stands["prompt_tokens"], stands["cost"]) == (7, Decimal("0.01"))

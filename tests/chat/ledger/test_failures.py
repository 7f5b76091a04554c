"""Answers that failed are counted, also those for which nothing was called; how the tokens of one
that did not end well are known is always said."""

from __future__ import annotations

import pytest
from django.db import transaction

from chat.cloudbase.errors import RateLimited
from chat.cloudbase.events import TextDelta, UsageReported
from chat.ledger import totals
from chat.models import Failure, Message, Status, Usage
from chat.turns import settling
from chat.turns.reply import Reply
from tests.chat.ledger.rows import taken_back

pytestmark = pytest.mark.usefixtures("transactional_db")


@pytest.fixture
def answer(conversation, model):
    question = conversation.messages.create(role="user", text="Hi")
    return conversation.messages.create(
        role="assistant", question=question, status="streaming", model=model, requested_model="m"
    )


def ended(answer: Message, status: Status, *events, was_asked=True, error=None) -> Message:
    """The answer written down as the engine does it."""
    reply = Reply(answer)
    reply.was_asked, reply.prompt_estimate = was_asked, 20 if was_asked else None
    reply.add(events)
    reply.end(status, error)
    return settling.settle(answer, settling.outcome_of(reply))


def counted() -> list[tuple[object, ...]]:
    values = Failure.objects.order_by("pk")
    return list(
        values.values_list("env_id", "model_name", "stage", "code", "was_called", "answers")
    )


def test_a_failure_after_a_call_has_a_row_and_is_counted(answer):
    ended(answer, Status.FAILED, error=RateLimited())
    assert counted() == [("local", "m", "call", "rate_limited", True, 1)]
    row = Usage.objects.get()
    assert (row.error_stage, row.error_code, row.confidence) == ("call", "rate_limited", "unknown")


def test_a_refusal_before_a_call_is_counted_and_has_no_row(answer):
    ended(answer, Status.FAILED, was_asked=False, error=RateLimited())
    assert counted() == [("local", "m", "call", "rate_limited", False, 1)]
    assert not Usage.objects.exists()
    assert totals.differences() == []


def test_a_refusal_without_a_model_is_counted_too(answer):
    answer.model, answer.requested_model = None, ""
    ended(answer, Status.FAILED, was_asked=False, error=RateLimited())
    assert counted() == [("", "", "call", "rate_limited", False, 1)]


def test_what_is_not_settled_is_not_counted(answer):
    with taken_back():
        ended(answer, Status.FAILED, was_asked=False, error=RateLimited())
    assert counted() == []


def test_settling_twice_counts_once(answer):
    for _ in range(2):
        ended(answer, Status.FAILED, was_asked=False, error=RateLimited())
    assert counted() == [("local", "m", "call", "rate_limited", False, 1)]


@pytest.mark.parametrize("status", [Status.STOPPED, Status.INTERRUPTED])
def test_who_stops_before_a_call_fails_nothing(answer, status):
    ended(answer, status, was_asked=False)
    assert counted() == []


REPORT = UsageReported(11, 7, 18, 3, 2)


@pytest.mark.parametrize("status", [Status.DONE, Status.STOPPED, Status.INTERRUPTED, Status.FAILED])
@pytest.mark.parametrize(
    ("events", "confidence", "tokens"),
    [
        ([TextDelta("eight..."), REPORT], "reported", (11, 7, 18)),
        ([TextDelta("eight...")], "estimated", (20, 2, 22)),
        ([], "unknown", (None, None, None)),
    ],
)
def test_what_the_service_reported_counts_else_an_estimate(
    answer, status, events, confidence, tokens
):
    with transaction.atomic():
        ended(answer, status, *events)
    row = Usage.objects.get()
    assert (row.confidence, row.final_status) == (confidence, status)
    assert (row.prompt_tokens, row.completion_tokens, row.total_tokens) == tokens

"""Answers without an owner are saved as interrupted; others are left alone."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from chat.models import Checkpoint, Message, Usage, Worker
from chat.turns import reaper

pytestmark = pytest.mark.django_db(transaction=True)


def worker(silent_for: float = 0) -> Worker:
    heartbeat = timezone.now() - timedelta(seconds=silent_for)
    return Worker.objects.create(channel=f"c{silent_for}-{timezone.now()}", heartbeat_at=heartbeat)


def live_answer(conversation, owner: Worker | None, pieces=("Hel", "lo"), age: float = 60):
    question = conversation.messages.create(role="user", text="Hi")
    answer = conversation.messages.create(
        role="assistant", question=question, status="streaming", worker=owner
    )
    Message.objects.filter(pk=answer.pk).update(created_at=timezone.now() - timedelta(seconds=age))
    for piece in pieces:
        Checkpoint.objects.create(message=answer, text=piece)
    return answer


def test_who_cannot_judge_leaves_the_answers_and_rows_of_others_alone(conversation):
    answer = live_answer(conversation, worker(silent_for=60))
    idle, me = worker(silent_for=61), worker()
    assert reaper.reap(me.pk, [], lambda: False) == []
    answer.refresh_from_db()
    assert answer.status == "streaming"
    assert Worker.objects.filter(pk=idle.pk).exists()
    Message.objects.filter(pk=answer.pk).update(worker=None)
    assert [row.pk for row in reaper.reap(me.pk, [], lambda: False)] == [answer.pk]


def test_the_answer_of_a_dead_worker_keeps_its_text_and_gets_its_ledger_row(conversation):
    answer = live_answer(conversation, worker(silent_for=60))
    me = worker()
    assert [row.pk for row in reaper.reap(me.pk, [])] == [answer.pk]
    answer.refresh_from_db()
    assert (answer.status, answer.text) == ("interrupted", "Hello")
    used = Usage.objects.get()
    assert (used.confidence, used.prompt_tokens, used.completion_tokens) == ("estimated", 9, 2)
    assert used.total_tokens == 11
    assert not Checkpoint.objects.exists()
    assert list(Worker.objects.all()) == [me]


def test_an_answer_without_any_text_is_of_unknown_usage(conversation):
    live_answer(conversation, worker(silent_for=60), pieces=())
    reaper.reap(worker().pk, [])
    assert Usage.objects.get().confidence == "unknown"


def test_the_answer_of_a_worker_that_is_alive_is_left_alone(conversation):
    live_answer(conversation, worker(silent_for=2))
    assert reaper.reap(worker().pk, []) == []


def test_own_answers_in_flight_are_left_alone_however_late_the_heartbeat(conversation):
    me = worker(silent_for=600)
    answer = live_answer(conversation, me)
    assert reaper.reap(me.pk, [answer.pk]) == []
    assert Worker.objects.filter(pk=me.pk).exists()


def test_an_own_answer_that_nothing_writes_any_more_is_an_orphan(conversation):
    me = worker()
    live_answer(conversation, me)
    assert len(reaper.reap(me.pk, [])) == 1


def test_an_own_answer_that_was_just_saved_has_time_to_begin(conversation):
    me = worker()
    live_answer(conversation, me, age=0)
    assert reaper.reap(me.pk, []) == []


def test_an_answer_whose_worker_row_is_gone_is_an_orphan(conversation):
    live_answer(conversation, None)
    assert len(reaper.reap(worker().pk, [])) == 1


def test_reaping_twice_writes_one_ledger_row(conversation):
    live_answer(conversation, worker(silent_for=60))
    me = worker()
    reaper.reap(me.pk, [])
    assert reaper.reap(me.pk, []) == []
    assert Usage.objects.count() == 1

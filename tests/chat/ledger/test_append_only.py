"""The ledger only grows, whatever becomes of what its rows are about."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.urls import reverse

from admin_models.models import ModelGroup
from chat.models import Conversation, Message, Status, Usage
from chat.turns import settling
from chat.turns.settling import Outcome
from tests.chat.ledger.rows import row, written

pytestmark = pytest.mark.usefixtures("transactional_db")


@pytest.fixture
def answer(conversation, model):
    """An answer with its ledger row."""
    question = conversation.messages.create(role="user", text="Hi")
    message = conversation.messages.create(
        role="assistant", question=question, status="streaming", model=model, requested_model="m"
    )
    used = Usage(confidence="reported", total_tokens=7)
    return settling.settle(message, Outcome(Status.DONE, "Hello", "", usage=used))


def test_a_row_can_neither_be_changed_nor_deleted():
    used = written(row())
    with pytest.raises(IntegrityError), transaction.atomic():
        Usage.objects.update(cost=0)
    with pytest.raises(IntegrityError), transaction.atomic():
        used.save()
    with pytest.raises(IntegrityError), transaction.atomic():
        used.delete()
    assert Usage.objects.count() == 1


@pytest.mark.parametrize(
    "gone",
    [
        lambda: Message.objects.filter(role="assistant").delete(),
        lambda: Message.objects.all().delete(),
        lambda: Conversation.objects.all().delete(),
        lambda: ModelGroup.objects.all().delete(),
        lambda: User.objects.filter(username="alice").delete(),
    ],
)
def test_rows_outlive_what_they_are_about(answer, gone, client, root):
    before = Usage.objects.values().get()
    gone()
    assert Usage.objects.values().get() == before
    client.force_login(root)
    pages = [
        reverse("admin:chat_usage_changelist"),
        reverse("admin:chat_usage_change", args=[before["id"]]),
    ]
    for page in pages:
        assert client.get(page).status_code == 200, page


def test_a_conversation_whose_model_is_gone_still_shows_what_was_used(answer, client, alice):
    ModelGroup.objects.all().delete()
    client.force_login(alice)
    shown = client.get(answer.conversation.get_absolute_url())
    assert "7 tokens" in shown.content.decode()

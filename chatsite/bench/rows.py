"""The rows that a bench needs, and a look at those that it left."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.db import transaction

from admin_models import local
from admin_models.models import AIModel, ModelGroup
from chat.models import Checkpoint, Conversation, Message, Status, Usage
from chatsite import preparation
from chatsite.bench import answer, upstream
from chatsite.bench.orders import Order

GROUP = "custom-bench"


class Chair(msgspec.Struct):
    """Where a person may sit: their conversation, the cookie of their session, their model."""

    conversation: int
    cookie: str
    model: int


def make(base_url: str, count: int) -> list[Chair]:
    """Make the service at `base_url` a model, and `count` people who are signed in.

    Prepares the data folder as the server itself would, so that its memory is that of any start
    but the very first.
    """
    preparation.migrate(_keep_quiet)
    preparation.collect_static_files(_keep_quiet)
    return _made(base_url, count)


def _keep_quiet(_words: str) -> None:
    """Nobody waits for the steps of the preparation."""


@transaction.atomic
def _made(base_url: str, count: int) -> list[Chair]:
    group = ModelGroup(environment=local.environment(), name=GROUP, base_url=base_url)
    group.keep_key("bench")
    group.save()
    model = AIModel.objects.create(group=group, name=upstream.MODEL)
    password = make_password(None)
    people = [User(username=f"reader-{number}", password=password) for number in range(count)]
    return [_chair(person, model) for person in User.objects.bulk_create(people)]


def _chair(person: User, model: AIModel) -> Chair:
    conversation = Conversation.objects.create(owner=person, title="Bench", model=model)
    return Chair(conversation.pk, cookie_of(person), model.pk)


def cookie_of(person: User) -> str:
    """The cookie of a new session of somebody who is signed in."""
    session = SessionStore()
    session[SESSION_KEY] = str(person.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = person.get_session_auth_hash()
    session.save()
    return f"{settings.SESSION_COOKIE_NAME}={session.session_key}"


def troubles() -> Iterator[str]:
    """A sentence for everything that was not kept as it should be."""
    answers = Message.objects.filter(role=Message.Role.ASSISTANT).select_related("question")
    for message in answers.iterator():
        order = Order.parse(message.question.text if message.question else "")
        if message.status != Status.DONE:
            yield f"{order.stream}: kept as {message.status}"
        elif message.text != answer.text(order.tokens):
            yield f"{order.stream}: another text was kept"
        if not _is_in_ledger(message, order):
            yield f"{order.stream}: the ledger has no such row"
    if left := Checkpoint.objects.count():
        yield f"{left} checkpoints were left"


def _is_in_ledger(message: Message, order: Order) -> bool:
    return Usage.objects.filter(
        message=message,
        completion_tokens=order.tokens,
        confidence=Usage.Confidence.REPORTED,
        final_status=Status.DONE,
    ).exists()

"""Runs a turn: saves the question, asks the model, keeps the answer, and ends it one way or other.

The answer runs as a task of its own, so that whoever asked is free at once, and so that it goes
on when nobody is watching.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass

from channels.db import database_sync_to_async
from django.conf import settings
from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from admin_models import connections
from admin_models.models import AIModel
from admin_models.preflight import asking, gate
from chat.cloudbase import ChatModel
from chat.cloudbase.errors import CloudBaseError, ContextTooLong
from chat.cloudbase.messages import ChatRequest
from chat.cloudbase.messages import Message as SentMessage
from chat.models import LIVE, Conversation, Message, Status
from chat.turns import history, metrics, owner, settling
from chat.turns.errors import (
    AlreadyAnswering,
    AnsweredNothing,
    AnswerTookTooLong,
    ConversationGone,
    NothingToAnswer,
    OurFault,
)
from chat.turns.reply import Reply

logger = logging.getLogger(__name__)

SETTLE_DELAYS = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds between attempts to save an answer while the database is out of reach."""
ATTEMPTS_TO_FIT = 4
"""How often the history is shortened before the person is told that it does not fit."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A question, what was said before it, and the model to ask."""

    question: Message
    is_new: bool
    message: Message
    model: AIModel | None
    said: Sequence[SentMessage]


async def regenerate(conversation_pk: int, message_pk: int) -> None:
    """Begin another answer to the question of answer `message_pk`; the old one is kept.

    If one to this question is being written, that is what was asked for. Raises
    `AlreadyAnswering`, and `NothingToAnswer` if there is no such answer.
    """
    turn = await _saved_retry(conversation_pk, message_pk)
    if turn is not None:
        await begin(turn)


async def begin(turn: Turn) -> None:
    """Begin to answer a question that is saved, and tell the pages that show its conversation."""
    reply = Reply(turn.message, turn.question if turn.is_new else None)
    owner.run(reply, _answer(turn, reply))
    await owner.tell_conversation(reply.conversation_pk, turn.question.pk, reply.pk)


# The story of an answer


async def _answer(turn: Turn, reply: Reply) -> None:
    try:
        async with owner.log().keeping(reply):
            await _ask(turn, reply)
        reply.end(Status.DONE)
    except asyncio.CancelledError:
        reply.end(owner.reason_to_cancel(reply))
    except CloudBaseError as error:
        logger.warning("reply %s failed at stage %s: %s", reply.pk, error.stage, error.code)
        reply.end(Status.FAILED, error)
    except Exception:  # the edge of a task: whatever it was, the turn ends and the person hears
        logger.exception("reply %s broke", reply.pk)
        reply.end(Status.FAILED, OurFault())
    metrics.count(reply)
    await _settle(reply)
    await _tell_preflight(turn, reply)


async def _ask(turn: Turn, reply: Reply) -> None:
    model = await gate.passed(turn.model)
    client = connections.chat_model(model)
    limit = history.budget(model)
    reply.was_asked = True
    for attempt in range(1, ATTEMPTS_TO_FIT + 1):
        fitted = history.fit(turn.said, limit)
        reply.left_out, reply.prompt_estimate = fitted.left_out, fitted.estimated_tokens
        try:
            await _stream(client, model, fitted.messages, reply)
        except TimeoutError as error:
            raise AnswerTookTooLong(minutes=settings.MAX_ANSWER_SECONDS // 60) from error
        except ContextTooLong as refusal:
            limit = history.shrunk(fitted, refusal)
            if limit is None or attempt == ATTEMPTS_TO_FIT or reply.first_token is not None:
                raise
        else:
            break
    if reply.first_token is None:
        raise AnsweredNothing


async def _tell_preflight(turn: Turn, reply: Reply) -> None:
    """A call that was made proves something about the next one."""
    has_ended = reply.status in (Status.DONE, Status.FAILED)
    if turn.model is not None and reply.was_asked and has_ended:
        await asking.call_ended(turn.model, reply.error)


async def _stream(
    client: ChatModel, model: AIModel, messages: Sequence[SentMessage], reply: Reply
) -> None:
    request = ChatRequest(model=model.name, messages=messages, parameters=model.parameters)
    async with (
        asyncio.timeout(settings.MAX_ANSWER_SECONDS),
        aclosing(client.stream(request)) as stream,
    ):
        async for events in stream:
            reply.add(events)


async def _settle(reply: Reply) -> None:
    outcome = settling.outcome_of(reply)
    for delay in SETTLE_DELAYS:
        try:
            reply.rest(await owner.settling().settle(reply.row, outcome))
        except Message.DoesNotExist:  # the conversation was deleted meanwhile: nobody is watching
            logger.info("reply %s is gone", reply.pk)
        except DatabaseError:
            logger.exception("reply %s could not be saved; trying again", reply.pk)
            await asyncio.sleep(delay)
            continue
        return
    logger.error("reply %s was not saved; the reaper will, from its checkpoints", reply.pk)


# The rows of a turn


def saved_question(
    conversation_pk: int, text: str, *, key: str = "", model: AIModel | None = None
) -> Turn | None:
    """Save the question `text` and the row of its answer, to be handed to `begin` at once.

    `model` becomes the conversation's model if given. None for a question whose `key` was saved
    before: it is not asked again. Raises `AlreadyAnswering` and `ConversationGone`.
    """
    try:
        with transaction.atomic():
            conversation = _conversation(conversation_pk, model)
            said = _said(conversation, before=None)
            question = conversation.messages.create(
                role=Message.Role.USER, text=text, key=key, status=Status.DONE
            )
            message = _new_answer(conversation, question)
    except IntegrityError as error:
        if key and Message.objects.filter(conversation=conversation_pk, key=key).exists():
            return None
        raise AlreadyAnswering from error
    said.append(SentMessage("user", text))
    return Turn(question, True, message, conversation.model, said)


@database_sync_to_async
def _saved_retry(conversation_pk: int, message_pk: int) -> Turn | None:
    try:
        with transaction.atomic():
            conversation = _conversation(conversation_pk, None)
            answer = (
                conversation.messages.select_related("question")
                .filter(pk=message_pk, question__isnull=False)
                .first()
            )
            if answer is None or answer.question is None:
                raise NothingToAnswer
            question = answer.question
            if question.answers.filter(status__in=LIVE).exists():
                return None
            said = _said(conversation, before=question)
            message = _new_answer(conversation, question)
    except IntegrityError as error:
        raise AlreadyAnswering from error
    said.append(SentMessage("user", question.text))
    return Turn(question, False, message, conversation.model, said)


def _conversation(pk: int, model: AIModel | None) -> Conversation:
    rows = Conversation.objects.filter(pk=pk)
    if model is None:
        rows = rows.select_related("model__group__environment")
    conversation = rows.first()
    if conversation is None:
        raise ConversationGone
    if model is not None:
        has_changed = model.pk != conversation.model_id
        conversation.model = model
        if has_changed:
            conversation.save(update_fields=["model"])
    return conversation


def _new_answer(conversation: Conversation, question: Message) -> Message:
    model = conversation.model
    message = conversation.messages.create(
        role=Message.Role.ASSISTANT,
        status=Status.QUEUED,
        question=question,
        model=model,
        requested_model=model.name if model else "",
        worker_id=owner.worker_pk(),
    )
    Conversation.objects.filter(pk=conversation.pk).update(
        revision=F("revision") + 1, active_at=timezone.now()
    )
    return message


def _said(conversation: Conversation, before: Message | None) -> list[SentMessage]:
    """Earlier questions with the newest answer of each; a question without any text in answer
    stays, as the person may refer to it."""
    messages = conversation.messages.order_by("pk").only("role", "text", "question")
    if before is not None:
        messages = messages.filter(pk__lt=before.pk)
    answers: dict[int, str] = {}
    questions: list[Message] = []
    for message in messages:
        if message.question_id is None:
            questions.append(message)
        elif message.text:
            answers[message.question_id] = message.text
    said: list[SentMessage] = []
    for question in questions:
        said.append(SentMessage("user", question.text))
        if question.pk in answers:
            said.append(SentMessage("assistant", answers[question.pk]))
    return said

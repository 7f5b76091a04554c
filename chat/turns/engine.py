"""Runs a turn: asks the model, keeps the answer, and ends it one way or other.

The answer runs as a task of its own, so that whoever asked is free at once, and so that it goes
on when nobody is watching.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import aclosing
from functools import partial

from channels.db import database_sync_to_async
from django.conf import settings
from django.db import DatabaseError

from admin_models import access, connections
from admin_models.models import AIModel
from admin_models.preflight import asking, gate
from chat import tracing
from chat.cloudbase import ChatModel
from chat.cloudbase.errors import CloudBaseError, ContextTooLong
from chat.cloudbase.messages import ChatRequest
from chat.cloudbase.messages import Message as SentMessage
from chat.limits import admission
from chat.models import Message, Status
from chat.turns import about, history, metrics, owner, questions, settling
from chat.turns.errors import AnsweredNothing, AnswerTookTooLong, OurFault
from chat.turns.questions import Check, Question, Turn
from chat.turns.reply import Reply

logger = logging.getLogger(__name__)

SETTLE_DELAYS = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds between attempts to save an answer while the database is out of reach."""
ATTEMPTS_TO_FIT = 4
"""How often the history is shortened before the person is told that it does not fit."""


async def ask(conversation_pk: int, check: Check) -> None:
    """Save the question that `check` makes of the conversation, and begin to answer it.

    Nothing happens if it makes none, or one that was asked before. Raises `AlreadyAnswering`,
    `ConversationGone`, and what `check` raises.
    """
    with tracing.step("save"):
        turn = await owner.saving().save(conversation_pk, check)
    if turn is not None:
        await begin(turn)


def saved(conversation_pk: int, question: Question) -> Turn | None:
    """Save `question`, to be handed to `begin`; for a view, whose thread is its own."""
    with tracing.step("save"):
        return questions.save(conversation_pk, lambda _conversation: question, owner.worker_pk())


async def regenerate(conversation_pk: int, message_pk: int) -> None:
    """Begin another answer to the question of answer `message_pk`; the old one is kept.

    If one to this question is being written, that is what was asked for. Raises
    `AlreadyAnswering`, and `NothingToAnswer` if there is no such answer.
    """
    save = database_sync_to_async(questions.save_retry)
    with tracing.step("save"):
        turn = await save(conversation_pk, message_pk, owner.worker_pk())
    if turn is not None:
        await begin(turn)


async def begin(turn: Turn) -> None:
    """Begin to answer a question that is saved, and tell the pages that show its conversation."""
    reply = Reply(turn.message, turn.question if turn.is_new else None)
    owner.run(reply, _traced(turn, reply, tracing.here()))
    await owner.tell_conversation(reply.conversation_pk, turn.question.pk, reply.pk)


# The story of an answer


async def _traced(turn: Turn, reply: Reply, cause: object | None) -> None:
    """Answer; log lines say about which turn, and a trace goes on from `cause`, who asked."""
    with (
        about.telling(turn),
        tracing.step("answer", under=cause, **about.current.get().facts()) as step,
    ):
        await _answer(turn, reply)
        step.note(status=str(reply.status))
        if reply.error is not None:
            step.note(stage=reply.error.stage, code=reply.error.code)


async def _answer(turn: Turn, reply: Reply) -> None:
    try:
        async with owner.log().keeping(reply):
            await _ask(turn, reply)
        reply.end(Status.DONE)
    except asyncio.CancelledError:
        reply.end(owner.reason_to_cancel(reply))
    except CloudBaseError as error:
        logger.warning(
            "reply %s failed at stage %s: %s",
            reply.pk,
            error.stage,
            error.code,
            extra={"stage": error.stage, "code": error.code},
        )
        reply.end(Status.FAILED, error)
    except Exception:  # the edge of a task: whatever it was, the turn ends and the person hears
        logger.exception("reply %s broke", reply.pk)
        reply.end(Status.FAILED, OurFault())
    with tracing.step("settle"):
        await _settle(reply)
    await _tell_preflight(turn, reply)


async def _ask(turn: Turn, reply: Reply) -> None:
    await access.check(turn.asker_pk, turn.model)
    with tracing.step("limits"):
        await _let_in(turn)
    with tracing.step("gate"):
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


async def _let_in(turn: Turn) -> None:
    """Raises LimitReached. A turn without a model is refused by the gate."""
    if (model := turn.model) is None:
        return
    estimate = partial(_prompt_tokens, turn.said, model)
    await admission.admitted(
        admission.Asked(turn.message.pk, turn.asker_pk, model, prompt_tokens=estimate)
    )


def _prompt_tokens(said: Sequence[SentMessage], model: AIModel) -> int:
    return history.fit(said, history.budget(model)).estimated_tokens


async def _tell_preflight(turn: Turn, reply: Reply) -> None:
    """A call that was made proves something about the next one."""
    has_ended = reply.status in (Status.DONE, Status.FAILED)
    if turn.model is not None and reply.was_asked and has_ended:
        await asking.call_ended(turn.model, reply.error)


async def _stream(
    client: ChatModel, model: AIModel, messages: Sequence[SentMessage], reply: Reply
) -> None:
    request = ChatRequest(model=model.name, messages=messages, parameters=model.parameters)
    with tracing.step("call"):
        async with (
            asyncio.timeout(settings.MAX_ANSWER_SECONDS),
            aclosing(client.stream(request)) as stream,
        ):
            with tracing.step("until the first byte"):
                reply.add(await anext(stream, []))
            with tracing.step("until the last byte"):
                async for events in stream:
                    reply.add(events)


async def _settle(reply: Reply) -> None:
    outcome = settling.outcome_of(reply)
    metrics.count(reply, outcome.usage)
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

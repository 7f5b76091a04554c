"""How questions are saved, each with the row of its answer; together where they come together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextvars import Context
from dataclasses import dataclass, field

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone, translation
from django.utils.translation import get_language

from admin_models.models import AIModel
from chat import request_ids
from chat.cloudbase.messages import Message as SentMessage
from chat.models import LIVE, Conversation, Message, Status
from chat.turns.errors import AlreadyAnswering, ConversationGone, NothingToAnswer
from chat.turns.together import Together


@dataclass(frozen=True, slots=True)
class Turn:
    """A question, who asks it, what was said before it, and the model to ask."""

    question: Message
    asker_pk: int
    is_new: bool
    message: Message
    model: AIModel | None
    said: Sequence[SentMessage]


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody asks. `key` is the sender's own name for it; one that was saved before is not
    asked again. `model` becomes the conversation's if given."""

    text: str
    key: str = ""
    model: AIModel | None = None


Check = Callable[[Conversation], Question | None]
"""Makes of a conversation (with its model, group and environment) the question to save in it, or
nothing. Runs in the database's thread, perhaps twice."""


@dataclass(slots=True)
class _Asked:
    """A question on its way into the database, and what became of it."""

    conversation_pk: int
    check: Check
    worker_pk: int
    language: str | None = field(default_factory=get_language)
    """Of whoever asks: sentences about what is wrong are in it."""
    question: Question | None = None
    turn: Turn | None = None
    error: Exception | None = None

    def result(self) -> Turn | None:
        if self.error is not None:
            raise self.error
        return self.turn


class Saving:
    """Saves questions that come to this process."""

    def __init__(self, worker_pk: int, context: Context) -> None:
        """`worker_pk` is the process that will answer them, and `context` its context."""
        self._worker_pk = worker_pk
        self._together: Together[_Asked] = Together(_write_down, context)

    async def save(self, conversation_pk: int, check: Check) -> Turn | None:
        """Save a question and the row of its answer, for the engine to begin at once.

        None if there is nothing to ask: `check` found none, or it was asked before. Raises
        `AlreadyAnswering`, `ConversationGone`, and what `check` raises.
        """
        asked = _Asked(conversation_pk, check, self._worker_pk)
        await self._together.write(asked)
        return asked.result()


def save(conversation_pk: int, check: Check, worker_pk: int) -> Turn | None:
    """As `Saving.save`, for who is in a thread that may ask the database."""
    asked = _Asked(conversation_pk, check, worker_pk)
    _write_down([asked])
    return asked.result()


def save_retry(conversation_pk: int, message_pk: int, worker_pk: int) -> Turn | None:
    """Save the row of another answer to the question of answer `message_pk`, to be written by
    the process `worker_pk`.

    None if one is being written already. Raises `AlreadyAnswering`, `ConversationGone` and
    `NothingToAnswer`.
    """
    try:
        with transaction.atomic():
            return _retry(conversation_pk, message_pk, worker_pk)
    except IntegrityError as error:
        raise AlreadyAnswering from error


# On the tables


def _write_down(together: Sequence[_Asked]) -> None:
    """Save all in one transaction; one that cannot be saved does not hold up the others."""
    try:
        with transaction.atomic():
            _write(together)
    except Exception as error:  # each hears of its own, and of no other's
        for asked in together:
            asked.turn = None
            if len(together) > 1:
                _write_down([asked])
            else:
                asked.error = _explained(asked, error)


def _explained(asked: _Asked, error: Exception) -> Exception | None:
    """What an error means to who asked; None if this very question is saved."""
    if not isinstance(error, IntegrityError):
        return error
    key = asked.question.key if asked.question else ""
    of_it = Message.objects.filter(conversation=asked.conversation_pk, key=key)
    return None if key and of_it.exists() else AlreadyAnswering()


def _write(together: Iterable[_Asked]) -> None:
    conversations = _conversations(asked.conversation_pk for asked in together)
    saving = [asked for asked in together if _is_to_save(asked, conversations)]
    if not saving:
        return
    said = _said(asked.conversation_pk for asked in saving)
    questions = Message.objects.bulk_create(_question_row(asked) for asked in saving)
    answers = _new_answers(
        _answer_row(question, conversations[question.conversation_id], asked.worker_pk)
        for asked, question in zip(saving, questions, strict=True)
    )
    for asked, question, answer in zip(saving, questions, answers, strict=True):
        before = said[asked.conversation_pk]
        asked.turn = Turn(
            question=question,
            asker_pk=conversations[asked.conversation_pk].owner_id,
            is_new=True,
            message=answer,
            model=conversations[asked.conversation_pk].model,
            said=[*before, SentMessage("user", question.text)],
        )


def _is_to_save(asked: _Asked, conversations: Mapping[int, Conversation]) -> bool:
    """Whether there is a question to save; the model that it names is the conversation's then."""
    conversation = conversations.get(asked.conversation_pk)
    if conversation is None:
        asked.error = ConversationGone()
        return False
    with translation.override(asked.language):
        asked.question = asked.check(conversation)
    if asked.question is None:
        return False
    model = asked.question.model
    if model is not None and model.pk != conversation.model_id:
        conversation.model = model
        conversation.save(update_fields=["model"])
    return True


def _conversations(pks: Iterable[int]) -> Mapping[int, Conversation]:
    """Those that are there, of people who may sign in: a socket can outlive that."""
    rows = Conversation.objects.filter(owner__is_active=True)
    return rows.select_related("model__group__environment").in_bulk(list(pks))


def _question_row(asked: _Asked) -> Message:
    question = asked.question or Question("")
    return Message(
        conversation_id=asked.conversation_pk,
        role=Message.Role.USER,
        text=question.text,
        key=question.key,
        status=Status.DONE,
    )


def _new_answers(answers: Iterable[Message]) -> list[Message]:
    """The rows saved; pages of their conversations are out of date now."""
    rows = list(answers)
    Conversation.objects.filter(pk__in={row.conversation_id for row in rows}).update(
        revision=F("revision") + 1, active_at=timezone.now()
    )
    return Message.objects.bulk_create(rows)


def _answer_row(question: Message, conversation: Conversation, worker_pk: int) -> Message:
    model = conversation.model
    return Message(
        conversation=conversation,
        role=Message.Role.ASSISTANT,
        status=Status.QUEUED,
        question=question,
        model=model,
        requested_model=model.name if model else "",
        request_id=request_ids.new(),
        worker_id=worker_pk,
    )


def _retry(conversation_pk: int, message_pk: int, worker_pk: int) -> Turn | None:
    conversations = _conversations([conversation_pk])
    if conversation_pk not in conversations:
        raise ConversationGone
    of_it = Message.objects.filter(conversation=conversation_pk, question__isnull=False)
    answer = of_it.select_related("question").filter(pk=message_pk).first()
    if answer is None or answer.question is None:
        raise NothingToAnswer
    question = answer.question
    if question.answers.filter(status__in=LIVE).exists():
        return None
    conversation = conversations[conversation_pk]
    [message] = _new_answers([_answer_row(question, conversation, worker_pk)])
    return Turn(
        question=question,
        asker_pk=conversation.owner_id,
        is_new=False,
        message=message,
        model=conversation.model,
        said=said_with(question),
    )


def said_with(question: Message) -> list[SentMessage]:
    """What a model is sent with `question`: what was said before it, and the question itself."""
    before = _said([question.conversation_id], before=question)[question.conversation_id]
    return [*before, SentMessage("user", question.text)]


def _said(
    conversations: Iterable[int], before: Message | None = None
) -> Mapping[int, list[SentMessage]]:
    """Of each conversation the earlier questions with the newest answer of each; a question
    without any text in answer stays, as the person may refer to it."""
    messages = Message.objects.filter(conversation__in=list(conversations)).order_by("pk")
    if before is not None:
        messages = messages.filter(pk__lt=before.pk)
    answers: dict[int, str] = {}
    questions: list[Message] = []
    for message in messages.only("conversation", "role", "text", "question"):
        if message.question_id is None:
            questions.append(message)
        elif message.text:
            answers[message.question_id] = message.text
    said: defaultdict[int, list[SentMessage]] = defaultdict(list)
    for question in questions:
        of_it = said[question.conversation_id]
        of_it.append(SentMessage("user", question.text))
        if question.pk in answers:
            of_it.append(SentMessage("assistant", answers[question.pk]))
    return said

"""How answers come to rest: the settled row and its ledger row, in one transaction; together
where they end together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextvars import Context
from copy import copy
from dataclasses import dataclass
from datetime import datetime

from django.db import DatabaseError, transaction
from django.db.models import F
from django.utils import timezone

from chat.ledger import entries, totals
from chat.models import LIVE, Checkpoint, Conversation, Failure, Message, Status, Usage
from chat.turns import tokens
from chat.turns.reply import Reply
from chat.turns.together import Together


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a turn ended, as it is written down."""

    status: Status
    text: str
    reasoning: str
    error: dict[str, object] | None = None
    answered_model: str = ""
    finish_reason: str = ""
    left_out: int = 0
    usage: Usage | None = None
    """The ledger row without its references; None if no request was made."""

    @property
    def failure(self) -> tuple[str, str]:
        """The stage and the code of the error; empty if there is none."""
        error = self.error or {}
        return str(error.get("stage", "")), str(error.get("code", ""))


def outcome_of(reply: Reply) -> Outcome:
    """What `reply` came to."""
    return Outcome(
        status=reply.status,
        text=reply.document.text,
        reasoning=reply.reasoning,
        error=reply.error.as_dict() if reply.error else None,
        answered_model=reply.answered_model,
        finish_reason=reply.finish_reason[:32],
        left_out=reply.left_out,
        usage=_usage_of(reply) if reply.was_asked else None,
    )


def _usage_of(reply: Reply) -> Usage:
    row = Usage(
        first_token_seconds=reply.first_token_seconds,
        duration_seconds=reply.duration_seconds,
    )
    reported = reply.usage
    if reported is None:
        return estimated(row, reply.prompt_estimate, reply.document.text + reply.reasoning)
    row.confidence = Usage.Confidence.REPORTED
    row.prompt_tokens = reported.prompt_tokens
    row.completion_tokens = reported.completion_tokens
    row.total_tokens = reported.total_tokens
    row.cached_tokens = reported.cached_tokens
    row.reasoning_tokens = reported.reasoning_tokens
    return row


def estimated(row: Usage, prompt_tokens: int | None, answer: str) -> Usage:
    """Fill `row` with what the texts suggest: the service reported nothing."""
    if not answer:
        row.confidence = Usage.Confidence.UNKNOWN
        return row
    row.confidence = Usage.Confidence.ESTIMATED
    row.prompt_tokens = prompt_tokens
    row.completion_tokens = tokens.estimate(answer)
    row.total_tokens = (prompt_tokens or 0) + row.completion_tokens
    return row


class Settling:
    """Writes down answers of this process for good, together where they end together."""

    def __init__(self, context: Context) -> None:
        """`context` is that of the process."""
        self._together: Together[_Ending] = Together(_write_down, context)

    async def settle(self, message: Message, outcome: Outcome) -> Message:
        """As the function `settle`; for any number of answers at once."""
        ending = _Ending(message, outcome)
        await self._together.write(ending)
        return ending.result()


def settle(message: Message, outcome: Outcome) -> Message:
    """Write an answer and its ledger row down for good; returns the row as `shown` loads it.

    Expects `conversation` and `model__group__environment` to be loaded. Does nothing to an answer
    that rests already (another process may have found it orphaned). Raises Message.DoesNotExist
    for one that is gone, and DatabaseError.
    """
    ending = _Ending(message, outcome)
    _write_down([ending])
    return ending.result()


class _Ending:
    """An answer that ends, and what became of writing it down."""

    def __init__(self, message: Message, outcome: Outcome) -> None:
        self.message = message
        self.outcome = outcome
        self.row: Message | None = None
        self.error: Exception | None = None

    def result(self) -> Message:
        """The row, or the error that writing it met."""
        if self.row is None:
            raise self.error or DatabaseError("the answer was not written")
        return self.row

    def write_message(self, now: datetime) -> bool:
        """Write the message; False if it rests already."""
        outcome, row = self.outcome, copy(self.message)
        row.status, row.error = outcome.status, outcome.error
        row.text, row.reasoning = outcome.text, outcome.reasoning
        row.answered_model, row.finish_reason = outcome.answered_model, outcome.finish_reason
        row.left_out, row.finished_at, row.worker = outcome.left_out, now, None
        changes = {name: getattr(row, name) for name in _SETTLED_FIELDS}
        self.row = row
        return bool(Message.objects.filter(pk=row.pk, status__in=LIVE).update(**changes))


_SETTLED_FIELDS = (
    "status",
    "error",
    "text",
    "reasoning",
    "answered_model",
    "finish_reason",
    "left_out",
    "finished_at",
    "worker",
)


def _write_down(endings: Sequence[_Ending]) -> None:
    """Write all in one transaction; one that cannot be written does not hold up the others."""
    try:
        _write(endings)
    except (DatabaseError, Message.DoesNotExist) as error:
        for ending in endings:
            if len(endings) > 1:
                _write_down([ending])
            else:
                ending.row, ending.error = None, error


@transaction.atomic
def _write(endings: Iterable[_Ending]) -> None:
    now = timezone.now()
    rows: list[Message] = []
    ledger: list[Usage] = []
    refused: list[Failure] = []
    for ending in endings:
        if ending.write_message(now) and ending.row is not None:
            rows.append(ending.row)
            ledger += _ledger_rows(ending.row, ending.outcome)
            refused += _refusals(ending.row, ending.outcome, now)
        else:
            ending.row = Message.objects.select_related("usage").get(pk=ending.message.pk)
    Checkpoint.objects.filter(message__in=rows).delete()
    entries.write(ledger, refused)
    Conversation.objects.filter(pk__in={row.conversation_id for row in rows}).update(
        revision=F("revision") + 1, active_at=now
    )


def _ledger_rows(message: Message, outcome: Outcome) -> list[Usage]:
    """The row for the ledger, if a request was made; `message` then has it loaded, or its lack.

    It is new at each attempt: one that was rolled back holds a number that may be another's now.
    """
    row = copy(outcome.usage)
    Message._meta.get_field("usage").set_cached_value(message, row)
    if row is None:
        return []
    row.message = message
    row.conversation_id = message.conversation_id
    row.user_id = message.conversation.owner_id
    row.model = message.model
    if message.model is not None:
        row.group_name = message.model.group.name
        row.env_id = message.model.group.environment.env_id
        row.environment_name = message.model.group.environment.name
    row.requested_model = message.requested_model
    row.answered_model = outcome.answered_model
    row.final_status = outcome.status
    row.error_stage, row.error_code = outcome.failure
    row.request_id = message.request_id
    return [row]


def _refusals(message: Message, outcome: Outcome, now: datetime) -> list[Failure]:
    """What there is to count where an answer failed and the ledger has no row of it: nothing was
    called."""
    if outcome.status != Status.FAILED or outcome.usage is not None:
        return []
    group = message.model.group if message.model else None
    stage, code = outcome.failure
    return [
        totals.failure(
            now,
            env_id=group.environment.env_id if group else "",
            group_name=group.name if group else "",
            model_name=message.requested_model,
            kind=Usage.Kind.CHAT,
            stage=stage,
            code=code,
        )
    ]

"""What of a conversation is sent along: all of it, or the newest part that fits the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from admin_models.models import AIModel
from chat.cloudbase.errors import ContextTooLong
from chat.cloudbase.messages import Message
from chat.turns import tokens

TOKENS_AROUND_A_MESSAGE = 8
"""Role and separators that a chat template puts around each message."""
DEFAULT_ANSWER_SHARE = 4
"""Of a limited context, one part in this many is kept free for the answer."""
SAFETY = 0.9
"""After a refusal: aim this far below what would just have fitted."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """The messages to send, how many older ones were left out, and their estimated tokens."""

    messages: Sequence[Message]
    left_out: int
    estimated_tokens: int


def budget(model: AIModel) -> int | None:
    """Estimated tokens that the messages may have together; None where nothing limits them."""
    if model.context_length is None:
        return None
    answer = model.max_output_tokens or model.context_length // DEFAULT_ANSWER_SHARE
    return max(model.context_length - answer, model.context_length // 2)


def fit(messages: Sequence[Message], limit: int | None) -> Fitted:
    """The newest of `messages` that fit `limit` estimated tokens; always the last one, and never
    beginning with an answer whose question was left out."""
    kept = len(messages) - 1
    total = _weight(messages[kept])
    while kept > 0 and (limit is None or total + _weight(messages[kept - 1]) <= limit):
        kept -= 1
        total += _weight(messages[kept])
    while kept < len(messages) - 1 and messages[kept].role != "user":
        total -= _weight(messages[kept])
        kept += 1
    return Fitted(messages[kept:], kept, total)


def shrunk(fitted: Fitted, refusal: ContextTooLong) -> int | None:
    """A smaller budget after the service found `fitted` too long; None if only the question is
    left, so that nothing can be left out any more."""
    if len(fitted.messages) == 1:
        return None
    counted, allowed = refusal.n_prompt_tokens, refusal.n_ctx
    ratio = allowed / counted if counted and allowed and allowed < counted else 0.5
    return int(fitted.estimated_tokens * ratio * SAFETY)


def _weight(message: Message) -> int:
    content = message.content if isinstance(message.content, str) else ""
    return tokens.estimate(content) + TOKENS_AROUND_A_MESSAGE

"""What operations watch of answers: figures of this process, in the words of Prometheus.

Everything is counted once an answer has ended, nothing while its tokens come. Labels have a bounded
number of values, and name nobody: of a group the kind, not the name.
"""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

from chat.cloudbase import group_names
from chat.models import Message, Usage
from chat.turns import owner
from chat.turns.reply import Reply

ANSWERS: Final = Counter(
    "chatsite_answers",
    "Answers that came to rest, by their state; for those that failed, by the stage at which they "
    "did (preflight: no call was made; call: it was refused) and the code of the error.",
    ["status", "stage", "code"],
)
IN_FLIGHT: Final = Gauge("chatsite_answers_in_flight", "Answers that are being written now.")
IN_FLIGHT.set_function(owner.answering)
TOKENS: Final = Counter(
    "chatsite_tokens",
    "Tokens of answers that came to rest, by how they are known; cached ones are part of prompt, "
    "reasoning ones part of completion.",
    ["group", "kind", "confidence"],
)
FIRST_TOKEN: Final = Histogram(
    "chatsite_first_token_seconds",
    "From the start of a turn to the first piece of its answer.",
    ["group"],
    buckets=(0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, 7.5, 10, 15, 30, 60, 120),
)
ANSWER: Final = Histogram(
    "chatsite_answer_seconds",
    "From the start of a turn to the end of its answer, where the model was called.",
    ["group"],
    buckets=(0.5, 1, 2, 3, 5, 7.5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600, 1800, 3600),
)

_KINDS: Final = ("prompt", "completion", "cached", "reasoning")


def count(reply: Reply, usage: Usage | None) -> None:
    """Count an answer that has ended, and what it used; None where the model was not called."""
    stage, code = (reply.error.stage, reply.error.code) if reply.error else ("", "")
    ANSWERS.labels(str(reply.status), stage, code).inc()
    if usage is None:
        return
    group = _kind_of_group(reply.row)
    if usage.first_token_seconds is not None:
        FIRST_TOKEN.labels(group).observe(usage.first_token_seconds)
    if usage.duration_seconds is not None:
        ANSWER.labels(group).observe(usage.duration_seconds)
    _count_tokens(group, usage)


def count_orphan(message: Message) -> None:
    """Count an answer whose process is gone, once it is settled. May ask the database."""
    ANSWERS.labels(str(message.status), "", "").inc()
    usage = getattr(message, "usage", None)
    if usage is not None:
        _count_tokens(_kind_of_group(message), usage)


def _count_tokens(group: str, usage: Usage) -> None:
    for kind in _KINDS:
        if tokens := getattr(usage, f"{kind}_tokens"):
            TOKENS.labels(group, kind, str(usage.confidence)).inc(tokens)


def _kind_of_group(message: Message) -> str:
    if message.model is None:
        return ""
    name = message.model.group.name
    return "custom" if group_names.is_custom(name) else name

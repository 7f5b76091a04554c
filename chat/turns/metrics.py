"""What operations watch: counters of this process, in the words of Prometheus."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter

from chat.turns.reply import Reply

ANSWERS: Final = Counter(
    "chatsite_answers",
    "Answers that came to rest, by their state; for those that failed, by the stage at which they "
    "did (preflight: no call was made; call: it was refused) and the code of the error.",
    ["status", "stage", "code"],
)


def count(reply: Reply) -> None:
    """Count an answer that has ended."""
    stage, code = (reply.error.stage, reply.error.code) if reply.error else ("", "")
    ANSWERS.labels(str(reply.status), stage, code).inc()

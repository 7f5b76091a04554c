"""Tables of conversations, answers in flight, the ledger and its sums."""

from .conversations import (
    LIVE,
    Checkpoint,
    Conversation,
    Message,
    Status,
    Worker,
    title_from,
)
from .totals import DayTotal, Failure, HourTotal, Speed
from .usage import Usage

__all__ = [
    "LIVE",
    "Checkpoint",
    "Conversation",
    "DayTotal",
    "Failure",
    "HourTotal",
    "Message",
    "Speed",
    "Status",
    "Usage",
    "Worker",
    "title_from",
]

"""Tables of conversations, answers in flight, and usage."""

from .conversations import (
    LIVE,
    Checkpoint,
    Conversation,
    Message,
    Status,
    Worker,
    title_from,
)
from .usage import Usage

__all__ = [
    "LIVE",
    "Checkpoint",
    "Conversation",
    "Message",
    "Status",
    "Usage",
    "Worker",
    "title_from",
]

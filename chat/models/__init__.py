"""Tables of conversations, answers in flight, the ledger and its sums."""

from .alerts import Alert, AlertDelivery, AlertRecipient, AlertRule
from .conversations import (
    LIVE,
    Checkpoint,
    Conversation,
    Message,
    Status,
    Worker,
    title_from,
)
from .housekeeping import Retention
from .jobs import JobState
from .limits import Counter, Hold, Limit
from .reconciliation import Reconciliation
from .tokens import ApiToken
from .totals import DaySpeeds, DayTotal, Failure, HourTotal, SiteDaySpeeds, SiteDayTotal
from .usage import Usage

__all__ = [
    "LIVE",
    "Alert",
    "AlertDelivery",
    "AlertRecipient",
    "AlertRule",
    "ApiToken",
    "Checkpoint",
    "Conversation",
    "Counter",
    "DaySpeeds",
    "DayTotal",
    "Failure",
    "Hold",
    "HourTotal",
    "JobState",
    "Limit",
    "Message",
    "Reconciliation",
    "Retention",
    "SiteDaySpeeds",
    "SiteDayTotal",
    "Status",
    "Usage",
    "Worker",
    "title_from",
]

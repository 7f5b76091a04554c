"""What is refused because too much was used, or too fast: further branches of the client's tree."""

from __future__ import annotations

from typing import Any, ClassVar

from django.utils import timezone

from chat.cloudbase.errors import CloudBaseError, FixableBy, Stage, _
from chat.limits import words
from chat.limits.periods import Period
from chat.models import Limit


class LimitReached(CloudBaseError):
    """A call was not made, because a limit leaves nothing for it."""

    code = "limit_used_up"
    stage: ClassVar[Stage] = "quota"
    fixable_by: ClassVar[FixableBy] = "admin"
    is_retryable = True
    user_message = _("The limit is used up: %(limit)s.")

    def __init__(self, limit: Limit, period: Period) -> None:
        """`period` is the one in which `limit`, with what it names loaded, is used up."""
        self.limit_pk = limit.pk
        self.facts = words.facts_of(limit)
        self.resets_at = period.end
        wait = (period.end - timezone.now()).total_seconds() if period.end else None
        super().__init__(retry_after=wait, limit=words.phrase(self.facts))

    def as_dict(self) -> dict[str, Any]:
        """As every error, with the limit, and with `next_action`: when it is worth trying again,
        and for staff where the limit can be changed."""
        until = self.resets_at.isoformat() if self.resets_at else ""
        action = {"kind": "wait", "label": _CHANGE, "until": until, "limit": self.limit_pk}
        return super().as_dict() | {"limit": self.facts.stored(), "next_action": action}


class TooFast(CloudBaseError):
    """Somebody sends more than a rate allows."""

    code = "too_fast"
    stage: ClassVar[Stage] = "quota"
    fixable_by: ClassVar[FixableBy] = "user"
    is_retryable = True
    user_message = _(
        "That was fast: %(most)d questions in %(seconds)d seconds are the most here. What you "
        "typed is kept; please send it again in %(wait)d seconds."
    )


class TooManyUploads(TooFast):
    """Somebody uploads more than a rate allows."""

    code = "too_many_uploads"
    user_message = _(
        "That was fast: %(most)d uploads in %(seconds)d seconds are the most here. This one was "
        "not used; please try again in %(wait)d seconds."
    )


_CHANGE = _("Change this limit")

"""What can go wrong with a turn besides its call: further branches of the client's tree."""

from __future__ import annotations

from typing import ClassVar

from chat.cloudbase.errors import CloudBaseError, FixableBy, Stage, _


class AlreadyAnswering(CloudBaseError):
    """A conversation has one answer in flight at the most."""

    code = "already_answering"
    stage: ClassVar[Stage] = "request"
    fixable_by: ClassVar[FixableBy] = "user"
    is_retryable = True
    user_message = _(
        "An answer is still being written here. Wait for it or stop it, then send again."
    )


class NothingToAnswer(CloudBaseError):
    """The answer to repeat does not exist in this conversation (any more)."""

    code = "nothing_to_answer"
    stage: ClassVar[Stage] = "request"
    fixable_by: ClassVar[FixableBy] = "user"
    user_message = _("There is no such answer in this conversation any more. Reload the page.")


class ConversationGone(CloudBaseError):
    """The conversation was deleted."""

    code = "conversation_gone"
    stage: ClassVar[Stage] = "request"
    fixable_by: ClassVar[FixableBy] = "nobody"
    user_message = _("This conversation does not exist any more. What you typed is kept.")


class AnswerTookTooLong(CloudBaseError):
    """The answer went on longer than an answer may."""

    code = "answer_took_too_long"
    stage: ClassVar[Stage] = "call"
    fixable_by: ClassVar[FixableBy] = "operations"
    is_retryable = True
    user_message = _(
        "The answer was ended after %(minutes)d minutes, the longest that one may take here."
    )


class AnsweredNothing(CloudBaseError):
    """The service ended an answer that had not a single word."""

    code = "answered_nothing"
    stage: ClassVar[Stage] = "call"
    fixable_by: ClassVar[FixableBy] = "nobody"
    is_retryable = True
    user_message = _("The model answered with nothing. Please try again or choose another model.")


class OurFault(CloudBaseError):
    """Something that nobody expected."""

    code = "our_fault"
    stage: ClassVar[Stage] = "ours"
    fixable_by: ClassVar[FixableBy] = "operations"
    is_retryable = True
    user_message = _("Something broke on this site while the answer was written. Please try again.")

"""Agents: what we refuse to send to one, and speech that does not come."""

from chat.cloudbase.errors.agents import AgentFailed
from chat.cloudbase.errors.base import _
from chat.cloudbase.errors.request import RequestError
from chat.cloudbase.errors.transport import ProviderTimedOut


class IllegalBotRequest(RequestError):
    code = "bot_request_illegal"
    user_message = _("The agent cannot be asked like this.")


class BotIdIllegal(IllegalBotRequest):
    """An id that is empty or only dots would make the address one of something else."""

    code = "bot_id_illegal"
    user_message = _('"%(field)s" is missing, or is not an id.')


class PageTooSmall(IllegalBotRequest):
    code = "page_too_small"
    user_message = _('"%(field)s" is %(value)s, but must be at least %(minimum)s.')


class PageTooLarge(IllegalBotRequest):
    code = "page_too_large"
    user_message = _('"%(field)s" is %(value)s, but may be at most %(maximum)s.')


class SpeechFailed(AgentFailed):
    code = "speech_failed"
    user_message = _("The text could not be turned into speech. Please try again in a moment.")


class SpeechNotReady(ProviderTimedOut):
    """`seconds` is how long we asked for it."""

    code = "speech_not_ready"
    user_message = _(
        "The speech was not ready after %(seconds)s seconds. Please try again in a moment."
    )

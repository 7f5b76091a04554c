"""Stage transport: there was no answer, or only a part of one."""

from chat.cloudbase.errors.base import CloudBaseError, _


class TransportError(CloudBaseError):
    code = "transport_error"
    stage = "transport"
    is_retryable = True
    user_message = _("The connection to the model service failed. Please try again in a moment.")


class ProviderUnreachable(TransportError):
    code = "provider_unreachable"
    user_message = _("The model service cannot be reached. Please try again in a moment.")


class ConnectionRefused(ProviderUnreachable):
    code = "connection_refused"
    user_message = _(
        "Nothing accepts connections at the address of the model service. Please try again in a "
        "moment."
    )


class ProviderNotTrusted(TransportError):
    code = "provider_not_trusted"
    fixable_by = "admin"
    is_retryable = False
    user_message = _(
        "The model service has no valid certificate for its address. An administrator can check "
        "the address."
    )


class ProviderHungUp(TransportError):
    code = "provider_hung_up"
    user_message = _(
        "The model service closed the connection without an answer. Please try again in a moment."
    )


class ProviderTimedOut(TransportError):
    code = "provider_timed_out"
    user_message = _("The model service did not answer in time. Please try again in a moment.")


class StreamBroken(TransportError):
    code = "stream_broken"
    user_message = _("The answer broke off. What arrived was kept; please try again.")


class ProviderSpokeGarbage(TransportError):
    code = "provider_spoke_garbage"
    is_retryable = False
    user_message = _("The model service sent something that is not an answer.")


class AnswerTooLong(ProviderSpokeGarbage):
    code = "answer_too_long"
    user_message = _("The model service sent more than an answer may have.")


class NotStreamed(ProviderSpokeGarbage):
    code = "not_streamed"
    fixable_by = "admin"
    user_message = _(
        "The model service gives its answer only as a whole, not while it is written. "
        "An administrator can choose another address or model."
    )

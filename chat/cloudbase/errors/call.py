"""Stages call and quota: the service answered, and refused or failed."""

from typing import ClassVar

from chat.cloudbase.errors.base import CloudBaseError, FixableBy, _


class CallError(CloudBaseError):
    code = "call_failed"
    user_message = _("The model service refused the request.")


class RequestRefused(CallError):
    code = "request_refused"
    fixable_by: ClassVar[FixableBy] = "admin"
    user_message = _("The model service did not accept the request.")


class ContextTooLong(RequestRefused):
    """The conversation does not fit; `n_prompt_tokens` and `n_ctx` are tokens, None if unsaid."""

    code = "context_too_long"
    fixable_by = "user"
    user_message = _(
        "The conversation is longer than this model can read. Please start a new conversation, "
        "shorten the message, or choose a model with a larger context."
    )

    @property
    def n_prompt_tokens(self) -> int | None:
        """Tokens of the prompt, as counted by the service."""
        return self._tokens("n_prompt_tokens")

    @property
    def n_ctx(self) -> int | None:
        """Tokens the model can read at most."""
        return self._tokens("n_ctx")

    def _tokens(self, name: str) -> int | None:
        tokens = self.params.get(name)
        return tokens if isinstance(tokens, int) else None


class ParameterRefused(RequestRefused):
    code = "parameter_refused"
    user_message = _("The model service did not accept a parameter of the request.")


class KeyRefused(CallError):
    code = "key_refused"
    fixable_by = "admin"
    user_message = _("The model service did not accept the key. An administrator can replace it.")


class KeyExpired(KeyRefused):
    code = "key_expired"
    user_message = _("The key of the model service has expired. An administrator can renew it.")


class NotAllowed(CallError):
    code = "not_allowed"
    fixable_by = "admin"
    user_message = _("The key is valid, but is not allowed to use this model.")


class ModelNotEnabled(NotAllowed):
    code = "model_not_enabled"
    user_message = _(
        "This model is not enabled in its group. An administrator can enable it; the change may "
        "take two minutes."
    )


class ChannelNotAllowed(NotAllowed):
    code = "channel_not_allowed"
    user_message = _(
        "This environment pays from the Mini Program growth plan only, and that quota answers "
        "mini programs only. An administrator can buy another plan for the environment."
    )


class ModelNotFound(CallError):
    code = "model_not_found"
    fixable_by = "admin"
    user_message = _("The model service does not know this model.")


class GroupNotFound(ModelNotFound):
    code = "group_not_found"
    user_message = _("This environment has no such model group.")


class WrongAddress(CallError):
    code = "wrong_address"
    fixable_by = "admin"
    user_message = _(
        "There is no chat interface at the address of the model service. An administrator can "
        "correct the address."
    )


class GroupIncomplete(CallError):
    code = "group_incomplete"
    fixable_by = "admin"
    user_message = _(
        "The model group has no key or no base URL. An administrator can complete the group."
    )


class ModelDisabled(CallError):
    code = "model_disabled"
    fixable_by = "admin"
    is_retryable = True
    user_message = _(
        "The model or its group is switched off. If it was switched on just now, please try again "
        "in two minutes."
    )


class RateLimited(CallError):
    code = "rate_limited"
    fixable_by = "nobody"
    is_retryable = True
    user_message = _("The model service has too many requests. Please try again in a moment.")


class TooManyAtOnce(RateLimited):
    code = "too_many_at_once"
    user_message = _(
        "The model service is answering as many requests at once as it is allowed to. "
        "Please try again in a moment."
    )


class ContentBlocked(CallError):
    code = "content_blocked"
    fixable_by = "user"
    user_message = _("The model service blocked the content. Please word the message differently.")


class ProviderFailed(CallError):
    code = "provider_failed"
    fixable_by: ClassVar[FixableBy] = "nobody"
    is_retryable = True
    user_message = _("The model service failed. Please try again in a moment.")


class ProviderBusy(ProviderFailed):
    code = "provider_busy"
    user_message = _("The model service is not available at present. Please try again in a moment.")


class QuotaError(CloudBaseError):
    code = "quota_error"
    stage = "quota"
    fixable_by = "admin"
    user_message = _("The environment may not spend anything at present.")


class QuotaExhausted(QuotaError):
    code = "quota_exhausted"
    user_message = _("The tokens of this environment are used up. An administrator can buy more.")


class EnvironmentSuspended(QuotaError):
    code = "environment_suspended"
    user_message = _(
        "The environment is suspended or has unpaid charges. An administrator can settle this "
        "with the vendor."
    )

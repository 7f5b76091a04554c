"""What can go wrong between us and a model service: one tree, readable without any HTTP library.

CloudBaseError
├── RequestError (request)             we refuse before anything is sent
│   ├── IllegalGroupName
│   │   ├── GroupNameMissing, GroupNameNotText, GroupNameHasSpaces, GroupNameWrongCase
│   │   ├── GroupNameIsBareCustom, GroupNameHasIllegalRest
│   │   └── GroupNameIsVendor, GroupNameIsModel, GroupNameUnknown
│   ├── IllegalEnvironment, IllegalBaseUrl
│   └── KeyMalformed
├── CallError (call)                   the service answered, and refused or failed
│   ├── RequestRefused                 400 and whatever has no line of its own
│   │   ├── ContextTooLong
│   │   └── ParameterRefused
│   ├── KeyRefused                     401
│   │   └── KeyExpired
│   ├── NotAllowed                     403
│   │   ├── ModelNotEnabled
│   │   └── ChannelNotAllowed
│   ├── ModelNotFound                  404
│   │   └── GroupNotFound
│   ├── WrongAddress                   3xx, 404 and 405 that are no answer of a chat interface
│   ├── GroupIncomplete
│   ├── ModelDisabled                  423
│   ├── RateLimited                    429
│   │   └── TooManyAtOnce
│   ├── ContentBlocked                 451
│   └── ProviderFailed                 5xx
│       └── ProviderBusy               502, 503, 504
├── QuotaError (quota)
│   ├── QuotaExhausted
│   └── EnvironmentSuspended           402
└── TransportError (transport)         there was no answer, or only a part of one
    ├── ProviderUnreachable            no connection
    ├── ProviderNotTrusted             no TLS, or a certificate of somebody else
    ├── ProviderHungUp                 a connection, closed without an answer
    ├── ProviderTimedOut
    ├── StreamBroken                   the answer stopped in the middle
    └── ProviderSpokeGarbage

Whoever adds a class gives it a `code` and a `user_message`; the registry notices by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, ClassVar, Literal

Stage = Literal["preflight", "request", "call", "quota", "transport", "ours"]
FixableBy = Literal["user", "admin", "operations", "nobody"]

DETAIL_LENGTH = 500
"""Characters of a service's own words that an error keeps."""

_REMOVED = "[removed]"
_SECRET_SHAPES = re.compile(
    r"\bsk-[\w*.…-]{4,}"
    r"|\bBearer\s+[^\s\"',;]+"
    r"|\beyJ[\w-]{4,}(?:\.[\w-]*){0,4}"
    r"|(?<=Signature=)\w+",
    re.IGNORECASE,
)
_SHORTEST_SECRET = 4
"""A shorter key is no secret, and removing it would shred every sentence."""


def _(sentence: str) -> str:
    """Mark a sentence for the translators; the one who shows it translates it."""
    return sentence


def scrub(text: str, secrets: Iterable[str] = ()) -> str:
    """Return `text` without the given secrets and without anything shaped like a key."""
    for secret in secrets:
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, _REMOVED)
    return _SECRET_SHAPES.sub(_REMOVED, text)


class CloudBaseError(Exception):
    """Something went wrong; says at which stage, who can fix it and whether trying again helps.

    `detail` is the service's own words without keys, at most `DETAIL_LENGTH` characters.
    `params` fill the `%(name)s` places of `user_message`; they are JSON-able.
    """

    code: ClassVar[str] = "cloudbase_error"
    stage: ClassVar[Stage] = "call"
    fixable_by: ClassVar[FixableBy] = "operations"
    is_retryable: ClassVar[bool] = False
    user_message: ClassVar[str] = _("Something went wrong while talking to the model service.")

    _by_code: ClassVar[dict[str, type[CloudBaseError]]] = {}

    def __init_subclass__(cls) -> None:
        """Enter the class under its code, so that a stored code finds its sentence again."""
        super().__init_subclass__()
        if "code" in cls.__dict__:
            CloudBaseError._by_code[cls.code] = cls

    def __init__(
        self,
        detail: str | None = None,
        *,
        request_id: str | None = None,
        status: int | None = None,
        retry_after: float | None = None,
        secrets: Iterable[str] = (),
        **params: str | int | None,
    ) -> None:
        """Keep the facts; `secrets` are removed from `detail` and forgotten.

        `status` is the HTTP status, `retry_after` the seconds the service asked us to wait.
        """
        secrets = tuple(secrets)
        self.detail = scrub(detail, secrets)[:DETAIL_LENGTH] if detail else None
        self.request_id = scrub(request_id, secrets)[:128] if request_id else None
        self.status = status
        self.retry_after = retry_after
        self.params = params
        super().__init__(self.code, self.detail)

    def __str__(self) -> str:
        """The stable code, the English sentence and the service's own words."""
        sentence = f"{self.code}: {self.user_message % self.params}"
        return f"{sentence} ({self.detail})" if self.detail else sentence

    def as_dict(self) -> dict[str, Any]:
        """What is stored beside a failed message: JSON-able, without secrets."""
        return {
            "code": self.code,
            "stage": self.stage,
            "fixable_by": self.fixable_by,
            "is_retryable": self.is_retryable,
            "request_id": self.request_id,
            "detail": self.detail,
            "params": self.params,
        }


CloudBaseError._by_code[CloudBaseError.code] = CloudBaseError


def user_message_for(code: str) -> str:
    """Return the English sentence of a code, the general one for a code nobody knows (any more)."""
    return CloudBaseError._by_code.get(code, CloudBaseError).user_message


# ── request: we refuse before anything is sent ───────────────────────────────────────────────


class RequestError(CloudBaseError):
    code = "request_error"
    stage = "request"
    fixable_by = "admin"
    user_message = _("The request could not be built.")


class IllegalGroupName(RequestError):
    code = "group_name_illegal"
    user_message = _(
        'A model group is called "hunyuan-exp", "cloudbase" or "custom-" and a name of your own.'
    )


class GroupNameMissing(IllegalGroupName):
    code = "group_name_missing"
    user_message = _(
        'The name of the model group is missing. Write "cloudbase" for the managed models, '
        'or "custom-" and a name for a group of your own.'
    )


class GroupNameNotText(IllegalGroupName):
    code = "group_name_not_text"
    user_message = _(
        "The name of a model group is text, but a value of type %(type)s was given. "
        'Write "cloudbase" in quotation marks, for example.'
    )


class GroupNameHasSpaces(IllegalGroupName):
    code = "group_name_has_spaces"
    user_message = _(
        '"%(name)s" contains spaces. The name of a model group has none: write "%(suggestion)s".'
    )


class GroupNameWrongCase(IllegalGroupName):
    code = "group_name_wrong_case"
    user_message = _(
        '"%(name)s" contains capital letters. The name of a model group is written in small '
        'letters: write "%(suggestion)s".'
    )


class GroupNameIsBareCustom(IllegalGroupName):
    code = "group_name_is_bare_custom"
    user_message = _(
        '"%(name)s" alone is not a model group. Add the name you gave the group when you '
        'registered it: write "custom-name", for example "%(suggestion)s".'
    )


class GroupNameHasIllegalRest(IllegalGroupName):
    code = "group_name_has_illegal_rest"
    user_message = _(
        'What follows "custom-" in "%(name)s" must consist of small letters, digits, hyphens and '
        "underscores, begin and end with a letter or digit, and be at most 64 characters long: "
        'write "%(suggestion)s", for example.'
    )


class GroupNameIsVendor(IllegalGroupName):
    code = "group_name_is_vendor"
    user_message = _(
        '"%(name)s" is the name of a vendor, not of a model group. Use the group "%(suggestion)s" '
        "and name the vendor's model in the request."
    )


class GroupNameIsModel(IllegalGroupName):
    code = "group_name_is_model"
    user_message = _(
        '"%(name)s" is the name of a model, not of a model group. Use the group "%(suggestion)s" '
        "and name the model in the request."
    )


class GroupNameUnknown(IllegalGroupName):
    code = "group_name_unknown"
    user_message = _(
        'There is no model group "%(name)s". A group is "hunyuan-exp", "cloudbase" or a '
        'registered "custom-" group: did you mean "%(suggestion)s"?'
    )


class IllegalEnvironment(RequestError):
    code = "environment_illegal"
    user_message = _(
        '"%(name)s" is not the id of an environment. An id has 1 to 40 small letters, digits, '
        "hyphens and underscores."
    )


class IllegalBaseUrl(RequestError):
    code = "base_url_illegal"
    user_message = _(
        "The address of the model service must begin with http:// or https://, name a host, and "
        "contain neither a user name nor a question mark."
    )


class KeyMalformed(RequestError):
    code = "key_malformed"
    user_message = _(
        "The key contains characters that no key has, for example a line break or a full-width "
        "letter. Please paste it again."
    )


# ── call: the service answered, and refused or failed ────────────────────────────────────────


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
    fixable_by = "nobody"
    is_retryable = True
    user_message = _("The model service failed. Please try again in a moment.")


class ProviderBusy(ProviderFailed):
    code = "provider_busy"
    user_message = _("The model service is not available at present. Please try again in a moment.")


# ── quota ────────────────────────────────────────────────────────────────────────────────────


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


# ── transport: there was no answer, or only a part of one ────────────────────────────────────


class TransportError(CloudBaseError):
    code = "transport_error"
    stage = "transport"
    is_retryable = True
    user_message = _("The connection to the model service failed. Please try again in a moment.")


class ProviderUnreachable(TransportError):
    code = "provider_unreachable"
    user_message = _("The model service cannot be reached. Please try again in a moment.")


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

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
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Literal

import msgspec

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


def codes() -> tuple[str, ...]:
    """Return every code there is."""
    return tuple(CloudBaseError._by_code)


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
        return _int_or_none(self.params.get("n_prompt_tokens"))

    @property
    def n_ctx(self) -> int | None:
        """Tokens the model can read at most."""
        return _int_or_none(self.params.get("n_ctx"))


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


# ── from what a service said to our tree ─────────────────────────────────────────────────────

_BY_SERVICE_CODE: dict[str, type[CloudBaseError]] = {
    # CloudBase gateway, AI codes and general codes
    "AI_MODEL_PARAM_REQUIRED": ParameterRefused,
    "AI_MODEL_PARAM_INVALID": ParameterRefused,
    "AI_MODEL_NOT_FOUND": GroupNotFound,
    "AI_MODEL_NOT_SUPPORTED": ModelNotEnabled,
    "AI_MODEL_DISABLED": ModelDisabled,
    "AI_MODEL_CONFIG_MISSING": GroupIncomplete,
    "AI_MODEL_REQUEST_FAILED": ProviderFailed,
    "AI_CHANNEL_NOT_ALLOWED": ChannelNotAllowed,
    "EXCEED_CONCURRENT_REQUEST_LIMIT": TooManyAtOnce,
    "EXCEED_TOKEN_QUOTA_LIMIT": QuotaExhausted,
    "MISSING_CREDENTIALS": KeyRefused,
    "INVALID_CREDENTIALS": KeyRefused,
    "ACCESS_TOKEN_INVALID": KeyRefused,
    "ACCESS_TOKEN_EXPIRED": KeyExpired,
    "ACCESS_TOKEN_KID_INVALID": KeyRefused,
    "AUTHENTICATION_FAILED": KeyRefused,
    "ENV_SUSPENDED": EnvironmentSuspended,
    "ENV_ISOLATED": EnvironmentSuspended,
    "SERVICE_CHARGE_OVERDUE": EnvironmentSuspended,
    "ACCESS_DENIED": NotAllowed,
    "ACTION_FORBIDDEN": NotAllowed,
    "EXCEED_AUTHORITY": NotAllowed,
    "SERVICE_FORBIDDEN": NotAllowed,
    "INVALID_PATH": WrongAddress,
    "SYS_ERR": ProviderFailed,
    "OPERATION_FAILED": ProviderFailed,
    "RESOURCE_UNAVAILABLE": ProviderFailed,
    # OpenAI error object, `code` or `type`
    "CONTEXT_LENGTH_EXCEEDED": ContextTooLong,
    "INSUFFICIENT_QUOTA": QuotaExhausted,
    "INVALID_API_KEY": KeyRefused,
    "AUTHENTICATION_ERROR": KeyRefused,
    "PERMISSION_ERROR": NotAllowed,
    "MODEL_NOT_FOUND": ModelNotFound,
    "RATE_LIMIT_EXCEEDED": RateLimited,
    "RATE_LIMIT_ERROR": RateLimited,
    "CONTENT_FILTER": ContentBlocked,
    "CONTENT_POLICY_VIOLATION": ContentBlocked,
    "SERVER_ERROR": ProviderFailed,
    "API_ERROR": ProviderFailed,
    # llama.cpp server, error `type`
    "EXCEED_CONTEXT_SIZE_ERROR": ContextTooLong,
    "UNAVAILABLE_ERROR": ProviderBusy,
}

_BY_STATUS: dict[int, type[CloudBaseError]] = {
    401: KeyRefused,
    402: EnvironmentSuspended,
    403: NotAllowed,
    404: ModelNotFound,
    405: WrongAddress,
    408: ProviderTimedOut,
    413: ContextTooLong,
    423: ModelDisabled,
    429: RateLimited,
    451: ContentBlocked,
    502: ProviderBusy,
    503: ProviderBusy,
    504: ProviderBusy,
}

_CONTEXT_WORDS = re.compile(r"maximum context length|context (?:window|length) (?:is |was )?exceed")
_CONTEXT_LIMIT = re.compile(r"maximum context length (?:is|of) (\d+)")
_CONTEXT_ASKED = re.compile(r"(?:requested|resulted in|contains?)(?: about| at least)? (\d+)")
_REQUEST_ID_HEADERS = ("x-cloudbase-request-id", "x-request-id")
_TITLE = re.compile(rb"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)


def from_response(
    status: int, body: bytes, headers: Mapping[str, str], *, secrets: Iterable[str] = ()
) -> CloudBaseError:
    """Return the error that an answer stands for: any status, JSON of either shape, HTML, nothing.

    Sources: CloudBase gateway, error envelope (`code`, `message`, `requestId`); OpenAI's and
    llama.cpp's `error` object. `secrets` are the keys to keep out of the error.
    """
    by_name = {name.lower(): value for name, value in headers.items()}
    said = parsed(body)
    kind = _kind(status, said)
    facts = dict(_context_numbers(said)) if kind is ContextTooLong else {}
    return kind(
        _message(said) or _text_of(body, by_name.get("content-type", "")) or f"HTTP {status}",
        request_id=_request_id(said, by_name),
        status=status,
        retry_after=_seconds(by_name.get("retry-after")),
        secrets=secrets,
        **facts,
    )


def from_frame(frame: Mapping[str, Any], *, secrets: Iterable[str] = ()) -> CloudBaseError:
    """Return the error that a frame of a running stream stands for."""
    kind = _by_names(frame) or ProviderFailed
    facts = dict(_context_numbers(frame)) if kind is ContextTooLong else {}
    return kind(_message(frame), request_id=_request_id(frame, {}), secrets=secrets, **facts)


def parsed(body: bytes) -> dict[str, Any] | None:
    """Return the JSON object in `body`, None if there is none."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return value if isinstance(value, dict) else None


def holds_error(said: Mapping[str, Any]) -> bool:
    """Say whether a body or frame is an error whatever its HTTP status says.

    A `code` other than "NORMAL" is one (CloudBase gateway), and so is a filled `error`.
    """
    return said.get("code") not in (None, "", 0, "NORMAL") or bool(said.get("error"))


def _kind(status: int, said: Mapping[str, Any] | None) -> type[CloudBaseError]:
    named = _by_names(said) if said else None
    if named is not None:
        return named
    if status == 404 and (said is None or not holds_error(said)):
        return WrongAddress
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status >= 500:
        return ProviderFailed
    if status >= 400:
        return RequestRefused
    if status >= 300:
        return WrongAddress
    return ProviderFailed if said and holds_error(said) else ProviderSpokeGarbage


def _by_names(said: Mapping[str, Any]) -> type[CloudBaseError] | None:
    inner = _error_object(said)
    for name in (said.get("code"), inner.get("code"), inner.get("type")):
        kind = _BY_SERVICE_CODE.get(name.upper()) if isinstance(name, str) else None
        if kind is not None:
            return kind
    return ContextTooLong if _CONTEXT_WORDS.search(_message(said) or "") else None


def _error_object(said: Mapping[str, Any]) -> Mapping[str, Any]:
    inner = said.get("error")
    return inner if isinstance(inner, dict) else {}


def _message(said: Mapping[str, Any] | None) -> str | None:
    if not said:
        return None
    error = said.get("error")
    for candidate in (_error_object(said).get("message"), said.get("message"), error):
        if isinstance(candidate, str) and candidate:
            return candidate
    if isinstance(error, dict):
        return msgspec.json.encode(error).decode()
    code = said.get("code")
    return str(code) if code else None


def _context_numbers(said: Mapping[str, Any] | None) -> Iterable[tuple[str, int | None]]:
    """llama.cpp says the numbers as members, others only in the sentence."""
    inner = _error_object(said or {})
    message = _message(said) or ""
    for name, pattern in (("n_prompt_tokens", _CONTEXT_ASKED), ("n_ctx", _CONTEXT_LIMIT)):
        found = pattern.search(message)
        yield name, _int_or_none(inner.get(name)) or (int(found[1]) if found else None)


def _request_id(said: Mapping[str, Any] | None, headers: Mapping[str, str]) -> str | None:
    own = (said or {}).get("requestId")
    if isinstance(own, str) and own:
        return own
    return next((headers[name] for name in _REQUEST_ID_HEADERS if headers.get(name)), None)


def _text_of(body: bytes, content_type: str) -> str:
    """The title of a page, or the beginning of whatever else was sent."""
    title = _TITLE.search(body)
    if title:
        return title[1].decode(errors="replace").strip()
    if "html" in content_type:
        return ""
    return body[: 8 * DETAIL_LENGTH].decode(errors="replace").strip()


def _seconds(retry_after: str | None) -> float | None:
    """Seconds of a Retry-After header; its other form, a date, is not worth a clock."""
    try:
        return max(0.0, float(retry_after)) if retry_after else None
    except ValueError:
        return None


def _int_or_none(value: object) -> int | None:
    return value if isinstance(value, int) else None

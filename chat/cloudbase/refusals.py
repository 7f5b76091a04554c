"""From what a service said to the error it stands for: statuses, codes, bodies, frames.

Sources: CloudBase gateway, error envelope (`code`, `message`, `requestId`) and AI codes; the
`error` object of OpenAI, llama.cpp and vLLM; `error` and `error_description` of OAuth 2 (RFC 6749),
which CloudBase's sign-in speaks.
"""

import re
import time
from collections.abc import Iterable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from chat.cloudbase import errors
from chat.cloudbase.clocks import Clock

_BY_SERVICE_CODE: dict[str, type[errors.CloudBaseError]] = {
    # CloudBase gateway, AI codes and general codes
    "AI_MODEL_PARAM_REQUIRED": errors.ParameterRefused,
    "AI_MODEL_PARAM_INVALID": errors.ParameterRefused,
    "AI_MODEL_NOT_FOUND": errors.GroupNotFound,
    "AI_MODEL_NOT_SUPPORTED": errors.ModelNotEnabled,
    "AI_MODEL_DISABLED": errors.ModelDisabled,
    "AI_MODEL_CONFIG_MISSING": errors.GroupIncomplete,
    "AI_MODEL_REQUEST_FAILED": errors.ProviderFailed,
    "AI_CHANNEL_NOT_ALLOWED": errors.ChannelNotAllowed,
    "EXCEED_CONCURRENT_REQUEST_LIMIT": errors.TooManyAtOnce,
    "EXCEED_TOKEN_QUOTA_LIMIT": errors.QuotaExhausted,
    "MISSING_CREDENTIALS": errors.KeyRefused,
    "INVALID_CREDENTIALS": errors.KeyRefused,
    "ACCESS_TOKEN_INVALID": errors.KeyRefused,
    "ACCESS_TOKEN_EXPIRED": errors.KeyExpired,
    "ACCESS_TOKEN_KID_INVALID": errors.KeyRefused,
    "AUTHENTICATION_FAILED": errors.KeyRefused,
    "ENV_SUSPENDED": errors.EnvironmentSuspended,
    "ENV_ISOLATED": errors.EnvironmentSuspended,
    "SERVICE_CHARGE_OVERDUE": errors.EnvironmentSuspended,
    "ACCESS_DENIED": errors.NotAllowed,
    "ACTION_FORBIDDEN": errors.NotAllowed,
    "EXCEED_AUTHORITY": errors.NotAllowed,
    "SERVICE_FORBIDDEN": errors.NotAllowed,
    "INVALID_PATH": errors.WrongAddress,
    "SYS_ERR": errors.ProviderFailed,
    "OPERATION_FAILED": errors.ProviderFailed,
    "RESOURCE_UNAVAILABLE": errors.ProviderFailed,
    # CloudBase gateway, agents
    "AGENT_INVALID_PARAM": errors.AgentParameterRefused,
    "AGENT_GET_INFO_ERROR": errors.AgentLookupFailed,
    "AGENT_REQUEST_LLM_ERROR": errors.AgentModelFailed,
    "AGENT_REQUEST_KNOWLEDGE_ERROR": errors.AgentKnowledgeFailed,
    "AGENT_SERVER_ERR": errors.AgentFailed,
    # OAuth 2, `error` (RFC 6749 and 6750)
    "INVALID_CLIENT": errors.KeyRefused,
    "INVALID_GRANT": errors.KeyRefused,
    "INVALID_TOKEN": errors.KeyRefused,
    "UNAUTHORIZED_CLIENT": errors.NotAllowed,
    "INSUFFICIENT_SCOPE": errors.NotAllowed,
    "INVALID_REQUEST": errors.RequestRefused,
    "TEMPORARILY_UNAVAILABLE": errors.ProviderBusy,
    # OpenAI error object, `code` or `type`
    "CONTEXT_LENGTH_EXCEEDED": errors.ContextTooLong,
    "INSUFFICIENT_QUOTA": errors.QuotaExhausted,
    "INVALID_API_KEY": errors.KeyRefused,
    "AUTHENTICATION_ERROR": errors.KeyRefused,
    "PERMISSION_ERROR": errors.NotAllowed,
    "MODEL_NOT_FOUND": errors.ModelNotFound,
    "RATE_LIMIT_EXCEEDED": errors.RateLimited,
    "RATE_LIMIT_ERROR": errors.RateLimited,
    "CONTENT_FILTER": errors.ContentBlocked,
    "CONTENT_POLICY_VIOLATION": errors.ContentBlocked,
    "SERVER_ERROR": errors.ProviderFailed,
    "API_ERROR": errors.ProviderFailed,
    # llama.cpp server, error `type`
    "EXCEED_CONTEXT_SIZE_ERROR": errors.ContextTooLong,
    "UNAVAILABLE_ERROR": errors.ProviderBusy,
}

_BY_STATUS: dict[int, type[errors.CloudBaseError]] = {
    401: errors.KeyRefused,
    402: errors.EnvironmentSuspended,
    403: errors.NotAllowed,
    404: errors.ModelNotFound,
    405: errors.WrongAddress,
    408: errors.ProviderTimedOut,
    413: errors.ContextTooLong,
    423: errors.ModelDisabled,
    429: errors.RateLimited,
    451: errors.ContentBlocked,
    502: errors.ProviderBusy,
    503: errors.ProviderBusy,
    504: errors.ProviderBusy,
}

_CONTEXT_WORDS = re.compile(r"maximum context length|context (?:window|length) (?:is |was )?exceed")
_MODEL_WORDS = re.compile(
    r"\bmodel(?: [`'\"]?[\w./:@-]+[`'\"]?)? (?:does not exist|not exist|not found|is not found)"
    r"|\b(?:invalid|unknown) model\b|\bis not a valid model\b|模型不存在",
    re.IGNORECASE,
)
"""An unknown model where no code says so: DeepSeek, Mistral, OpenRouter, Zhipu."""
_CONTEXT_LIMIT = re.compile(r"maximum context length (?:is|of) (\d{1,12})")
_CONTEXT_ASKED = re.compile(r"(?:requested|resulted in|contains?)(?: about| at least)? (\d{1,12})")
_ENDED_BADLY: dict[object, type[errors.CloudBaseError]] = {
    "content_filter": errors.ContentBlocked,
    "error": errors.ProviderFailed,
}
"""A `finish_reason` that is an error (CloudBase agents)."""
_NUMBER = re.compile(r"\d{1,12}(?:\.\d{1,12})?", re.ASCII)
_REQUEST_ID_HEADERS = ("x-cloudbase-request-id", "x-request-id")
_TITLE = re.compile(rb"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)


def in_answer(
    status: int, body: bytes, headers: Mapping[str, str], *, secrets: Iterable[str] = ()
) -> errors.CloudBaseError | None:
    """Return what is wrong with an answer; None for a JSON object or nothing, if it is no error."""
    said = parsed(body)
    is_json = said is not None or not body
    if 200 <= status < 300 and is_json and not holds_error(said or {}):
        return None
    return from_response(status, body, headers, secrets=secrets)


def from_response(
    status: int,
    body: bytes,
    headers: Mapping[str, str],
    *,
    secrets: Iterable[str] = (),
    clock: Clock = time.time,
) -> errors.CloudBaseError:
    """Return the error that an answer stands for: any status, JSON of either shape, HTML, nothing.

    `secrets` are the keys to keep out of the error; `clock` is for a Retry-After that is a date.
    """
    by_name = {name.lower(): value for name, value in headers.items()}
    said = parsed(body)
    kind = _kind(status, said)
    facts = dict(_context_numbers(said)) if kind is errors.ContextTooLong else {}
    return kind(
        _message(said) or text_of(body, by_name.get("content-type", "")) or f"HTTP {status}",
        request_id=_request_id(said, by_name),
        status=status,
        retry_after=seconds_to_wait(by_name.get("retry-after", ""), clock),
        secrets=secrets,
        **facts,
    )


def from_frame(frame: Mapping[str, Any], *, secrets: Iterable[str] = ()) -> errors.CloudBaseError:
    """Return the error that a frame of a running stream stands for."""
    ending = _ENDED_BADLY.get(_finish_reason(frame), errors.ProviderFailed)
    kind = _by_names(frame) or ending
    facts = dict(_context_numbers(frame)) if kind is errors.ContextTooLong else {}
    return kind(_message(frame), request_id=_request_id(frame, {}), secrets=secrets, **facts)


def parsed(body: bytes) -> dict[str, Any] | None:
    """Return the JSON object in `body`, None if there is none."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def holds_error(said: Mapping[str, Any]) -> bool:
    """Say whether a body or frame is an error whatever its HTTP status says.

    A `code` other than "NORMAL" is one (CloudBase gateway), so is a filled `error`, and so is an
    agent's frame that ends with `finish_reason` "error" or "content_filter" (CloudBase agents).
    """
    has_code = said.get("code") not in (None, "", 0, "NORMAL")
    return has_code or bool(said.get("error")) or _own_finish_reason(said) in _ENDED_BADLY


def seconds_to_wait(retry_after: str, clock: Clock = time.time) -> float | None:
    """Return the seconds of a Retry-After header, a number or a date; None if it is neither."""
    text = retry_after.strip()
    if _NUMBER.fullmatch(text):
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
        return max(0.0, moment.timestamp() - clock())
    except (ValueError, OverflowError, OSError):
        return None


def text_of(body: bytes, content_type: str) -> str:
    """Return the title of a page, or the beginning of whatever else was sent."""
    title = _TITLE.search(body)
    if title:
        return title[1].decode(errors="replace").strip()
    if "html" in content_type:
        return ""
    return body[: 8 * errors.DETAIL_LENGTH].decode(errors="replace").strip()


def _kind(status: int, said: Mapping[str, Any] | None) -> type[errors.CloudBaseError]:
    named = _by_names(said) if said else None
    if named is not None:
        return named
    if status == 404 and (said is None or not holds_error(said)):
        return errors.WrongAddress
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status >= 500:
        return errors.ProviderFailed
    if status >= 400:
        return errors.RequestRefused
    if status >= 300:
        return errors.WrongAddress
    if said and holds_error(said):
        return errors.ProviderFailed
    return errors.NotStreamed if said and "choices" in said else errors.ProviderSpokeGarbage


def _by_names(said: Mapping[str, Any]) -> type[errors.CloudBaseError] | None:
    inner = _error_object(said)
    for name in (said.get("code"), inner.get("code"), inner.get("type"), said.get("error")):
        kind = _BY_SERVICE_CODE.get(name.upper()) if isinstance(name, str) else None
        if kind is not None:
            return kind
    return _by_words(_message(said) or "")


def _by_words(message: str) -> type[errors.CloudBaseError] | None:
    if _CONTEXT_WORDS.search(message):
        return errors.ContextTooLong
    return errors.ModelNotFound if _MODEL_WORDS.search(message) else None


def _error_object(said: Mapping[str, Any]) -> Mapping[str, Any]:
    inner = said.get("error")
    return inner if isinstance(inner, dict) else {}


def _message(said: Mapping[str, Any] | None) -> str | None:
    if not said:
        return None
    error = said.get("error")
    words = (
        _error_object(said).get("message"),
        said.get("message"),
        said.get("error_description"),
        error,
    )
    for candidate in words:
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


def _finish_reason(frame: Mapping[str, Any]) -> str | None:
    """Why a frame ends: an agent's says it itself, a chat's in its first choice."""
    choices = frame.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else {}
    return _own_finish_reason(frame) or _own_finish_reason(choice)


def _own_finish_reason(said: object) -> str | None:
    """CloudBase's documents spell it both this way and `finish_reasion`."""
    if not isinstance(said, Mapping):
        return None
    reason = said.get("finish_reason") or said.get("finish_reasion")
    return reason if isinstance(reason, str) else None


def _request_id(said: Mapping[str, Any] | None, headers: Mapping[str, str]) -> str | None:
    own = (said or {}).get("requestId")
    if isinstance(own, str) and own:
        return own
    return next((headers[name] for name in _REQUEST_ID_HEADERS if headers.get(name)), None)


def _int_or_none(value: object) -> int | None:
    return value if isinstance(value, int) else None

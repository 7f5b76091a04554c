"""The door of the data plane: who may come in, and how one is turned away.

Sources: CloudBase gateway, error envelope, AI codes and credentials.
"""

import json
import time
import uuid
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from tests.fakes import signatures
from tests.fakes.environment_state import OFF, EnvironmentState, Group
from tests.fakes.quirks import Quirks

STATUSES: Final = {
    "AI_MODEL_PARAM_REQUIRED": 400,
    "AI_MODEL_PARAM_INVALID": 400,
    "AI_MODEL_CONFIG_MISSING": 400,
    "AI_MODEL_REQUEST_FAILED": 400,
    "AGENT_INVALID_PARAM": 400,
    "AGENT_REQUEST_LLM_ERROR": 400,
    "AGENT_REQUEST_KNOWLEDGE_ERROR": 400,
    "MISSING_CREDENTIALS": 401,
    "INVALID_CREDENTIALS": 401,
    "ACCESS_TOKEN_INVALID": 401,
    "ACCESS_TOKEN_EXPIRED": 401,
    "ACCESS_TOKEN_KID_INVALID": 401,
    "AUTHENTICATION_FAILED": 401,
    "ENV_SUSPENDED": 402,
    "ENV_ISOLATED": 402,
    "SERVICE_CHARGE_OVERDUE": 402,
    "ACCESS_DENIED": 403,
    "ACTION_FORBIDDEN": 403,
    "EXCEED_AUTHORITY": 403,
    "AI_MODEL_NOT_SUPPORTED": 403,
    "AI_CHANNEL_NOT_ALLOWED": 403,
    "SERVICE_FORBIDDEN": 403,
    "AI_MODEL_NOT_FOUND": 404,
    "AGENT_GET_INFO_ERROR": 404,
    "INVALID_PATH": 404,
    "AI_MODEL_DISABLED": 423,
    "EXCEED_TOKEN_QUOTA_LIMIT": 429,
    "CONTENT_BLOCKED": 451,
    "EXCEED_CONCURRENT_REQUEST_LIMIT": 429,
    "SYS_ERR": 500,
    "OPERATION_FAILED": 500,
    "AGENT_SERVER_ERR": 500,
    "RESOURCE_UNAVAILABLE": 503,
}
"""The HTTP status of each code. Those of AGENT_… are not documented, nor is a code for 451."""

_GROWTH_PLAN = "hunyuan-exp"


class Refusal(Exception):
    """A data-plane call that the service refuses."""

    def __init__(self, code: str, message: str = "refused by the fake environment") -> None:
        super().__init__(code)
        self.code = code
        self.message = message

    def response(self, quirks: Quirks) -> web.Response:
        """The answer: status, envelope and request id."""
        request_id = str(uuid.uuid4())
        body: dict[str, Any] = {"code": self.code, "message": self.message, "requestId": request_id}
        if quirks.refusals_are_openai_shaped:
            error = {"code": self.code, "message": self.message, "type": "error", "param": None}
            body = {"error": error}
        return web.Response(
            status=200 if quirks.refusals_say_200 else STATUSES[self.code],
            text=json.dumps(body, ensure_ascii=False),
            content_type="application/json",
            headers={"X-Request-Id": request_id},
        )


async def sent_as(request: web.Request) -> signatures.Sent:
    """The request as the verifier of signatures reads it."""
    path, _, query = request.raw_path.partition("?")
    return signatures.Sent(
        method=request.method,
        path=path,
        query=query,
        headers={name.lower(): value for name, value in request.headers.items()},
        body=await request.read(),
    )


def check_credentials(sent: signatures.Sent, state: EnvironmentState, quirks: Quirks) -> None:
    """Raise the refusal of a caller who is nobody, somebody else, or too late."""
    scheme, _, token = sent.headers.get("authorization", "").partition(" ")
    if not token:
        raise Refusal("MISSING_CREDENTIALS", "the Authorization header is missing")
    if scheme == "Bearer":
        _check_bearer(token, state)
    else:
        _check_signature(sent, state, time.time() + quirks.clock_offset)


def _check_bearer(token: str, state: EnvironmentState) -> None:
    if token in state.access_tokens:
        return
    key = next((key for key in state.api_keys if key.value == token), None)
    if key is None:
        raise Refusal("INVALID_CREDENTIALS", "the credential is not valid")
    if key.has_expired(time.time()):
        raise Refusal("ACCESS_TOKEN_EXPIRED", "the credential has expired")
    if key.kind == "publish_key":
        # Anonymous rights, which do not include models. Which code says so is not documented.
        raise Refusal("ACTION_FORBIDDEN", "anonymous callers may not use models")


def _check_signature(sent: signatures.Sent, state: EnvironmentState, now: float) -> None:
    try:
        signatures.check(sent, state.secret_keys, now)
    except signatures.SignatureRefused as refused:
        expired = refused.code == "AuthFailure.SignatureExpire"
        code = "ACCESS_TOKEN_EXPIRED" if expired else "INVALID_CREDENTIALS"
        raise Refusal(code, refused.message) from None


def check_model(
    name: str, body: Mapping[str, Any], state: EnvironmentState, quirks: Quirks
) -> Group:
    """Return the group that answers; raise the refusal if it does not."""
    model = body.get("model")
    if not model:
        raise Refusal("AI_MODEL_PARAM_REQUIRED", "model is required")
    group = state.serving(name)
    if group is None:
        raise Refusal("AI_MODEL_NOT_FOUND", f"model group {name} not found")
    if group.status == OFF:
        raise Refusal("AI_MODEL_DISABLED", f"model group {name} is disabled")
    if not group.is_complete:
        raise Refusal("AI_MODEL_CONFIG_MISSING", f"model group {name} has no key or base URL")
    if model not in group.models:
        raise Refusal("AI_MODEL_NOT_SUPPORTED", f"model {model} is not supported by {name}")
    _check_payment(group, state, quirks)
    return group


def _check_payment(group: Group, state: EnvironmentState, quirks: Quirks) -> None:
    if group.name == _GROWTH_PLAN:
        if not quirks.growth_plan_answers_keys:
            raise Refusal("AI_CHANNEL_NOT_ALLOWED", "this quota is for mini programs only")
    elif group.type == "builtin" and not state.can_pay:
        raise Refusal("EXCEED_TOKEN_QUOTA_LIMIT", "the tokens are used up")

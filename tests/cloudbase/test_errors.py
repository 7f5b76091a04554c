import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.cloudbase import control_errors, errors, refusals


def gateway(code, message="no"):
    return json.dumps({"code": code, "message": message, "requestId": "req-7"}).encode()


def openai(message="no", **members):
    return json.dumps({"error": {"message": message, **members}}).encode()


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "AI_MODEL_CONFIG_MISSING", errors.GroupIncomplete),
        (400, "AI_MODEL_PARAM_INVALID", errors.ParameterRefused),
        (400, "AI_MODEL_PARAM_REQUIRED", errors.ParameterRefused),
        (400, "AI_MODEL_REQUEST_FAILED", errors.ProviderFailed),
        (401, "INVALID_CREDENTIALS", errors.KeyRefused),
        (401, "ACCESS_TOKEN_EXPIRED", errors.KeyExpired),
        (402, "ENV_ISOLATED", errors.EnvironmentSuspended),
        (403, "AI_MODEL_NOT_SUPPORTED", errors.ModelNotEnabled),
        (403, "AI_CHANNEL_NOT_ALLOWED", errors.ChannelNotAllowed),
        (403, "ACTION_FORBIDDEN", errors.NotAllowed),
        (404, "AI_MODEL_NOT_FOUND", errors.GroupNotFound),
        (404, "INVALID_PATH", errors.WrongAddress),
        (423, "AI_MODEL_DISABLED", errors.ModelDisabled),
        (200, "AI_MODEL_DISABLED", errors.ModelDisabled),
        (429, "EXCEED_TOKEN_QUOTA_LIMIT", errors.QuotaExhausted),
        (429, "EXCEED_CONCURRENT_REQUEST_LIMIT", errors.TooManyAtOnce),
        (500, "SYS_ERR", errors.ProviderFailed),
        (400, "AGENT_INVALID_PARAM", errors.AgentParameterRefused),
        (200, "AGENT_INVALID_PARAM", errors.AgentParameterRefused),
        (404, "AGENT_GET_INFO_ERROR", errors.AgentLookupFailed),
        (500, "AGENT_REQUEST_LLM_ERROR", errors.AgentModelFailed),
        (500, "AGENT_REQUEST_KNOWLEDGE_ERROR", errors.AgentKnowledgeFailed),
        (500, "AGENT_SERVER_ERR", errors.AgentFailed),
        (401, "MISSING_CREDENTIALS", errors.KeyRefused),
        (401, "ACCESS_TOKEN_INVALID", errors.KeyRefused),
        (401, "ACCESS_TOKEN_KID_INVALID", errors.KeyRefused),
        (401, "AUTHENTICATION_FAILED", errors.KeyRefused),
        (402, "ENV_SUSPENDED", errors.EnvironmentSuspended),
        (402, "SERVICE_CHARGE_OVERDUE", errors.EnvironmentSuspended),
        (403, "ACCESS_DENIED", errors.NotAllowed),
        (403, "EXCEED_AUTHORITY", errors.NotAllowed),
        (403, "SERVICE_FORBIDDEN", errors.NotAllowed),
        (500, "OPERATION_FAILED", errors.ProviderFailed),
        (500, "RESOURCE_UNAVAILABLE", errors.ProviderFailed),
        (451, "SOMETHING_NEW", errors.ContentBlocked),
        (400, "SOMETHING_NEW", errors.RequestRefused),
        (200, "SOMETHING_NEW", errors.ProviderFailed),
    ],
)
def test_a_code_of_the_gateway_decides(status, code, kind):
    error = refusals.from_response(status, gateway(code), {})
    assert type(error) is kind
    assert (error.detail, error.request_id, error.status) == ("no", "req-7", status)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, openai(type="authentication_error"), errors.KeyRefused),
        (404, openai(code="model_not_found"), errors.ModelNotFound),
        (404, b'{"error": "model \'x\' not found"}', errors.ModelNotFound),
        (404, b'{"detail": "Not Found"}', errors.WrongAddress),
        (404, b"<html>", errors.WrongAddress),
        (405, b"", errors.WrongAddress),
        (307, b"", errors.WrongAddress),
        (429, openai(code="insufficient_quota"), errors.QuotaExhausted),
        (429, openai(type="requests"), errors.RateLimited),
        (400, openai(code="content_filter"), errors.ContentBlocked),
        (500, openai(code=500, type="server_error"), errors.ProviderFailed),
        (500, b"", errors.ProviderFailed),
        (503, openai(code=503, type="unavailable_error"), errors.ProviderBusy),
        (502, b"<html><title>502 Bad Gateway</title>", errors.ProviderBusy),
        (400, b"nonsense", errors.RequestRefused),
        (200, b"<html><title>Welcome</title>", errors.ProviderSpokeGarbage),
        (200, b"", errors.ProviderSpokeGarbage),
        (200, b"[1]", errors.ProviderSpokeGarbage),
        (200, openai(), errors.ProviderFailed),
        (200, b'{"choices": [{"message": {"content": "hi"}}]}', errors.NotStreamed),
        (400, b"\xff\xfe", errors.RequestRefused),
    ],
)
def test_without_such_a_code_the_other_shape_and_the_status_decide(status, body, kind):
    assert type(refusals.from_response(status, body, {})) is kind


@pytest.mark.parametrize(
    "body",
    [
        openai(type="exceed_context_size_error", code=400, n_prompt_tokens=3000, n_ctx=2048),
        openai(
            "This model's maximum context length is 2048 tokens. However, your messages resulted "
            "in 3000 tokens.",
            code="context_length_exceeded",
        ),
        openai(
            "This model's maximum context length is 2048 tokens. However, you requested 3000 "
            "tokens.",
            type="BadRequestError",
            code=400,
        ),
    ],
)
def test_too_long_a_context_tells_the_numbers(body):
    error = refusals.from_response(400, body, {})
    assert isinstance(error, errors.ContextTooLong)
    assert (error.n_prompt_tokens, error.n_ctx) == (3000, 2048)
    assert error.as_dict()["params"] == {"n_prompt_tokens": 3000, "n_ctx": 2048}
    assert error.fixable_by == "user"


@pytest.mark.parametrize(
    "message",
    [
        "Model Not Exist",
        "The model `m1` does not exist.",
        "model 'm1' not found, try pulling it first",
        "Invalid model: m1",
        "lab/m1 is not a valid model ID",
        "Model does not exist. Please check it carefully.",
        "模型不存在，请检查模型代码。",
    ],
)
def test_an_unknown_model_is_recognised_by_its_words(message):
    assert type(refusals.from_response(400, openai(message), {})) is errors.ModelNotFound


@pytest.mark.parametrize(
    "message",
    ["The model does not support tools.", "Unknown parameter of model m1", "tool m1 not found"],
)
def test_another_refusal_that_names_the_model_is_none_of_it(message):
    assert type(refusals.from_response(400, openai(message), {})) is errors.RequestRefused


def test_the_numbers_of_a_too_long_context_may_be_unknown():
    error = refusals.from_response(400, openai(code="context_length_exceeded"), {})
    assert isinstance(error, errors.ContextTooLong)
    assert (error.n_prompt_tokens, error.n_ctx) == (None, None)


def test_the_title_of_a_page_is_all_that_is_kept_of_it():
    page = b"<html><head><title>502 Bad\nGateway</title></head><body>secret stuff</body></html>"
    assert refusals.from_response(502, page, {}).detail == "502 Bad\nGateway"
    assert refusals.from_response(502, b"<p>x", {"content-type": "text/html"}).detail == "HTTP 502"


def test_ids_and_waiting_times_come_from_the_headers():
    headers = {"X-Request-Id": "r1", "X-CloudBase-Request-Id": "r2", "Retry-After": "3"}
    error = refusals.from_response(503, b"", headers)
    assert (error.request_id, error.retry_after) == ("r2", 3.0)


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        ("3", 3.0),
        (" 0.5 ", 0.5),
        ("Thu, 09 Oct 2025 08:53:25 GMT", 5.0),
        ("Thu, 09 Oct 2025 08:53:15 GMT", 0.0),
        ("", None),
        ("-3", None),
        ("nan", None),
        ("1e9", None),
        ("soon", None),
        ("Wed, 21 Oct", None),
        ("Thu, 09 Oct 99999 08:53:15 GMT", None),
    ],
)
def test_a_service_asks_to_wait_in_seconds_or_until_a_time(retry_after, seconds):
    headers = {"Retry-After": retry_after}
    error = refusals.from_response(503, b"", headers, clock=lambda: 1760000000)
    assert error.retry_after == seconds


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ({"error": "invalid_grant"}, errors.KeyRefused),
        ({"error": "invalid_client"}, errors.KeyRefused),
        ({"error": "unauthorized_client"}, errors.NotAllowed),
        ({"error": "access_denied"}, errors.NotAllowed),
        ({"error": "temporarily_unavailable"}, errors.ProviderBusy),
        ({"error": "server_error"}, errors.ProviderFailed),
        ({"error": "invalid_request"}, errors.RequestRefused),
    ],
)
def test_what_sign_in_says_is_understood(said, kind):
    said |= {"error_code": 4001, "error_description": "in words"}
    error = refusals.from_response(400, json.dumps(said).encode(), {})
    assert (type(error), error.detail) == (kind, "in words")


@pytest.mark.parametrize("name", ["finish_reason", "finish_reasion"])
@pytest.mark.parametrize(
    ("reason", "kind"),
    [("content_filter", errors.ContentBlocked), ("error", errors.ProviderFailed)],
)
def test_a_frame_that_ends_badly_is_an_error(name, reason, kind):
    frame = {"record_id": "r", "type": "text", "content": "", name: reason}
    assert refusals.holds_error(frame)
    assert type(refusals.from_frame(frame)) is kind
    assert not refusals.holds_error(frame | {name: "stop"})


def test_in_a_chat_the_choice_says_how_a_frame_ends():
    frame = {"choices": [{"delta": {}, "finish_reason": "content_filter"}]}
    assert type(refusals.from_frame(frame)) is errors.ContentBlocked


def test_the_code_of_a_frame_goes_before_its_ending():
    frame = {"finish_reason": "error", "error": {"code": "EXCEED_TOKEN_QUOTA_LIMIT"}}
    assert type(refusals.from_frame(frame)) is errors.QuotaExhausted


# ── the control plane ───────────────────────────────────────────────────────────────────────


def control(code, message="no"):
    said = {"Error": {"Code": code, "Message": message}, "RequestId": "req-7"}
    return control_errors.in_answer(200, json.dumps({"Response": said}).encode(), {})


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("AuthFailure", errors.SecretPairRefused),
        ("AuthFailure.SecretIdNotFound", errors.SecretPairRefused),
        ("AuthFailure.SignatureFailure", errors.SecretPairRefused),
        ("AuthFailure.TokenFailure", errors.SecretPairRefused),
        ("AuthFailure.SignatureExpire", errors.ClockSkewed),
        ("AuthFailure.UnauthorizedOperation", errors.ControlNotAuthorized),
        ("UnauthorizedOperation.SomethingNew", errors.ControlNotAuthorized),
        ("OperationDenied", errors.ControlNotAuthorized),
        ("OperationDenied.FreePackageDenied", errors.PlanTooSmall),
        ("OperationDenied.ResourceFrozen", errors.EnvironmentFrozen),
        ("ResourceUnavailable.ResourceOverdue", errors.EnvironmentFrozen),
        ("ResourceUnavailable.ResourceExist", errors.GroupExists),
        ("FailedOperation.PackageUnsupported", errors.PlanTooSmall),
        ("FailedOperation.ThirdServiceError", errors.ControlPlaneFailed),
        ("InvalidParameter", errors.ControlParameterRefused),
        ("InvalidParameter.MissingParameter", errors.ControlParameterRefused),
        ("InvalidParameter.EnvId", errors.EnvironmentNotFound),
        ("InvalidParameter.Action", errors.ActionUnknown),
        ("InvalidParameterValue", errors.ControlParameterRefused),
        ("MissingParameter.Param", errors.ControlParameterRefused),
        ("UnknownParameter", errors.ControlParameterRefused),
        ("ResourceNotFound.EnvNotExist", errors.EnvironmentNotFound),
        ("ResourceNotFound.ResourceNotExist", errors.ResourceNotFound),
        ("LimitExceeded", errors.LimitReached),
        ("LimitExceeded.Concurrent", errors.ControlPlaneBusy),
        ("LimitExceeded.Request", errors.ControlPlaneBusy),
        ("RequestLimitExceeded.UinLimitExceeded", errors.ControlPlaneBusy),
        ("InternalError.SystemFail", errors.ControlPlaneFailed),
        ("InternalError.Timeout", errors.ControlPlaneFailed),
        ("ResourceInUse", errors.GroupExists),
        ("InvalidAction", errors.ActionUnknown),
        ("UnsupportedOperation", errors.ActionUnknown),
        ("SomethingNew.AltogetherNew", errors.ControlPlaneError),
        ("", errors.ControlPlaneError),
    ],
)
def test_the_longest_known_beginning_of_a_control_code_decides(code, kind):
    error = control(code)
    assert type(error) is kind
    assert (error.detail, error.request_id, error.service_code) == ("no", "req-7", code)
    assert error.stage == "preflight"


@pytest.mark.parametrize(
    "message",
    [
        "当前套餐不支持该操作,请升级套餐",
        "仅标准版及以上支持",
        "Please upgrade your plan to the standard edition",
        "the current package does not support custom models",
    ],
)
def test_too_small_a_plan_is_recognised_by_its_words(message):
    for code in ("OperationDenied", "FailedOperation", "UnsupportedOperation", "LimitExceeded"):
        assert type(control(code, message)) is errors.PlanTooSmall
    for code in ("InvalidParameter", "InternalError", "LimitExceeded.Concurrent"):
        assert type(control(code, message)) is not errors.PlanTooSmall


# ── whatever is said ────────────────────────────────────────────────────────────────────────

member_names = st.sampled_from(
    [
        *("code", "message", "requestId", "error", "type", "error_description", "finish_reason"),
        *("choices", "toolCallId", "n_ctx", "Response", "Error", "Code", "Message", "RequestId"),
    ]
) | st.text(max_size=5)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(member_names, inner, max_size=4),
    max_leaves=10,
)
bodies = st.binary(max_size=60) | json_values.map(json.dumps).map(str.encode)
headers = st.dictionaries(
    st.sampled_from(["Retry-After", "content-type", "X-Request-Id", "Date"]), st.text(max_size=30)
)


@given(status=st.integers(100, 599), body=bodies, headers=headers)
def test_whatever_a_service_says_is_an_error_of_ours(status, body, headers):
    error = refusals.from_response(status, body, headers, secrets=["key-1"])
    assert isinstance(error, errors.CloudBaseError)
    json.dumps(error.as_dict())
    assert str(error)


@given(status=st.integers(100, 599), body=bodies, headers=headers)
def test_whatever_answers_is_an_answer_or_an_error(status, body, headers):
    for in_answer in (refusals.in_answer, control_errors.in_answer):
        found = in_answer(status, body, headers, secrets=["key-1"])
        assert isinstance(found, errors.CloudBaseError | None)
        assert found or 200 <= status < 300
        assert str(found)


@given(st.dictionaries(member_names, json_values, max_size=5))
def test_whatever_a_frame_says_is_an_error_of_ours(frame):
    assert isinstance(refusals.from_frame(frame), errors.CloudBaseError)
    assert refusals.holds_error(frame) in (True, False)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 60_000,
        b'{"a":' * 10_000,
        b'{"code": ' + b"9" * 5000 + b"}",
        openai(f"maximum context length is {'9' * 5000}"),
        b'{"error": {"message": "\\ud800"}}',
    ],
    ids=["lists", "objects", "number", "limit", "surrogate"],
)
def test_what_was_made_to_break_readers_breaks_none(body):
    for status in (200, 400):
        assert refusals.from_response(status, body, {})
        control_errors.in_answer(status, body, {})


@pytest.mark.parametrize("said", [{"code": "NORMAL"}, {"code": ""}, {"code": None}, {"error": {}}])
def test_a_normal_code_is_no_error(said):
    assert not refusals.holds_error(said)


def test_a_frame_whose_error_message_is_an_object_is_understood():
    error = refusals.from_frame({"error": {"code": "X", "message": {"toolCallId": "t1"}}})
    assert isinstance(error, errors.ProviderFailed)
    assert "t1" in (error.detail or "")


@pytest.mark.parametrize(
    "text",
    [
        "Incorrect API key provided: sk-abcd1234efgh.",
        "Incorrect API key provided: sk-abcd****efgh.",
        "Authorization: Bearer abcd1234",
        "token eyJhbGciOiJIUzI1.eyJzdWIiOiIx.abcd-efgh expired",
        "token eyJhbGciOiJIUzI1 expired",
        "the key lab-abcd1234 is unknown",
    ],
)
def test_keys_are_removed_from_what_a_service_says(text):
    error = refusals.from_response(401, openai(text), {}, secrets=["lab-abcd1234"])
    for piece in ("abcd", "efgh", "eyJ"):
        assert piece not in str(error)


def test_a_detail_is_cut_after_the_keys_are_removed():
    key = "k" * 40
    error = errors.CallError("x" * (errors.DETAIL_LENGTH - 20) + key, secrets=[key])
    assert "kk" not in (error.detail or "")
    assert len(errors.CallError("x" * 9999).detail or "") == errors.DETAIL_LENGTH


def every_kind(kind=errors.CloudBaseError):
    """The kinds of the tree itself; whoever builds on it may have added others."""
    if kind.__module__.startswith(f"{errors.__name__}."):
        yield kind
    for child in kind.__subclasses__():
        yield from every_kind(child)


@pytest.mark.parametrize("kind", [*every_kind()], ids=lambda kind: kind.__name__)
def test_every_kind_has_a_code_and_a_sentence_of_its_own(kind):
    assert {"code", "user_message"} <= set(vars(kind))
    assert errors.user_message_for(kind.code) == kind.user_message
    assert kind.__name__ in (errors.__doc__ or "")


def test_codes_are_unique_and_an_unknown_one_has_a_sentence_too():
    assert len({kind.code for kind in every_kind()}) == len([*every_kind()])
    assert errors.user_message_for("gone") == errors.CloudBaseError.user_message


def test_an_error_is_stored_as_plain_values():
    stored = refusals.from_response(401, gateway("INVALID_CREDENTIALS"), {}).as_dict()
    assert json.loads(json.dumps(stored)) == {
        "code": "key_refused",
        "stage": "call",
        "fixable_by": "admin",
        "is_retryable": False,
        "request_id": "req-7",
        "detail": "no",
        "params": {},
    }


def test_errors_and_names_need_no_http_library():
    check = (
        "import sys; from chat.cloudbase import errors, events, group_names, messages; "
        "sys.exit(any(name in sys.modules for name in ('httpx', 'aiohttp', 'django')))"
    )
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0

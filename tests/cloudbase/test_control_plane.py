"""The control plane of the fake environment, which checks every signature; odd answers without."""

import json
import time
from contextlib import asynccontextmanager
from decimal import Decimal

import httpx
import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from chat.cloudbase import CloudBase, HttpPool, control_plane, errors, tencent_values
from chat.cloudbase.control_plane import AIModelEntry, ControlPlane, GroupSecret
from chat.cloudbase.members import Members
from tests.cloudbase.telling import everything_in
from tests.fakes.environment_state import SECRET_ID, SECRET_KEY, Metered
from tests.fakes.signatures import SecretKey

GROUP_KEY = "canary-7b1e0c55d2"
OWN_ID = "canary-0c9d4e1f66"
OWN_KEY = "canary-e2f8a90b31"


@pytest_asyncio.fixture
async def plane(environment):
    """Our client, pointed at the fake environment."""
    async with (
        HttpPool(backoff=0.01) as pool,
        CloudBase(
            env="env-demo",
            secret_id=SECRET_ID,
            secret_key=SECRET_KEY,
            control_url=environment.control_url,
            http=pool,
        ) as app,
    ):
        yield app.control_plane()


@asynccontextmanager
async def answering(*answers):
    """A control plane behind which there is no network: each request gets the next answer."""
    left, requests = list(answers), []

    async def answer(request):
        requests.append(request)
        following = left.pop(0)
        if isinstance(following, Exception):
            raise following
        return following

    async with HttpPool(transport=httpx.MockTransport(answer), backoff=0.01) as pool:
        app = CloudBase(env="env-demo", secret_id=OWN_ID, secret_key=OWN_KEY, http=pool)
        yield app.control_plane(), requests


def told(**members):
    return httpx.Response(200, json={"Response": {"RequestId": "req-7", **members}})


def refused(code, message="no", **options):
    error = {"Error": {"Code": code, "Message": message}, "RequestId": "req-7"}
    return httpx.Response(200, json={"Response": error}, **options)


# ── the actions ─────────────────────────────────────────────────────────────────────────────


async def test_groups_are_told_with_their_models(plane: ControlPlane):
    answer = await plane.describe_ai_models()
    group = answer.value[0]
    assert (group.group_name, group.type, group.is_on) == ("cloudbase", "builtin", True)
    assert group.models == (AIModelEntry("deepseek-v4-flash"),)
    assert group.offers("deepseek-v4-flash")
    assert not group.offers("DeepSeek-V4-Flash")
    assert answer.action == "DescribeAIModels"
    assert len(answer.request_id or "") == 36


async def test_the_catalogue_has_prices_as_they_came(plane):
    [group] = (await plane.describe_managed_ai_model_list()).value
    model = next(model for model in group.models if model.model == "deepseek-v3.2")
    first, second = model.prices
    assert (first.type, first.name, first.cache_price) == ("Tiered", "0-32k", "0.4")
    assert control_plane.as_decimal(second.input_price) == Decimal("4")
    assert model.spec.context_length == "128k"


async def test_a_list_of_models_is_replaced_and_read_again(plane, environment):
    [group, *_] = (await plane.describe_ai_models()).value
    wanted = (*group.models, AIModelEntry("glm-5.1", enable_mcp=True))
    changed = await plane.update_ai_model("cloudbase", models=wanted, status=control_plane.ON)
    assert changed.value == 1
    [group, *_] = (await plane.describe_ai_models()).value
    assert group.models == wanted
    assert environment.control_calls[1].params == {
        "EnvId": "env-demo",
        "GroupName": "cloudbase",
        "Status": 1,
        "Models": [
            {"Model": "deepseek-v4-flash", "EnableMCP": False},
            {"Model": "glm-5.1", "EnableMCP": True},
        ],
    }


async def test_a_custom_group_comes_and_goes(plane, environment):
    await plane.create_ai_model(
        "custom-lab",
        base_url="https://llm.example/v1",
        models=[AIModelEntry("lab-7b")],
        remark="lab",
        status=control_plane.ON,
        secret=GroupSecret(api_key=GROUP_KEY),
    )
    assert environment.state.group("custom-lab").secret == {"ApiKey": GROUP_KEY}
    group = (await plane.describe_ai_models()).value[-1]
    assert (group.group_name, group.remark, group.base_url) == (
        "custom-lab",
        "lab",
        "https://llm.example/v1",
    )
    with pytest.raises(errors.GroupExists):
        await plane.create_ai_model("custom-lab")
    assert (await plane.delete_ai_model(["custom-lab"])).value == 1
    assert environment.state.group("custom-lab") is None


async def test_single_models_are_switched(plane, environment):
    switched = await plane.modify_ai_model_status(
        "cloudbase", {"glm-5.1": True, "deepseek-v4-flash": False}
    )
    assert switched.value == 2
    assert environment.state.group("cloudbase").models == ["glm-5.1"]


async def test_who_pays_is_told(plane):
    [record] = (await plane.describe_activity_info(["ai_miniprogram_inspire_plan"])).value
    assert (record.activity_name, record.env_id) == ("ai_miniprogram_inspire_plan", "env-demo")
    assert (await plane.describe_activity_info(["something_else"])).value == ()
    [package] = (await plane.describe_env_postpay_package()).value
    assert package == control_plane.PostpayPackage("pkg_tcb_tokencredits_10m", 1, 0)


async def test_resource_points_are_told_or_refused(plane, environment):
    days = {"start_date": "2026-11-01", "end_date": "2026-11-21"}
    with pytest.raises(errors.ActionUnknown):
        await plane.describe_credits_usage(**days)
    environment.state.credits = {"DeductValue": 1.5, "ReportValue": 0}
    usage = (await plane.describe_credits_usage(**days)).value
    assert (usage.deduct_value, usage.report_value, usage.history_deducted) == (1.5, 0, None)


async def test_what_each_module_used_is_told(plane, environment):
    days = {"start_date": "2026-11-20", "end_date": "2026-11-20"}
    with pytest.raises(errors.ActionUnknown):
        await plane.describe_credits_usage_detail(modules=["Token"], **days)
    environment.state.credits = {}
    environment.state.metered = {
        "2026-11-20": [Metered(1200), Metered(3, module="SCF")],
        "2026-11-21": [Metered(7)],
    }
    told = await plane.describe_credits_usage_detail(modules=["AI", "Token"], **days)
    [used] = told.value
    [metric] = used.metrics
    assert (used.module, used.credits_value, metric.unit, metric.value) == (
        "Token",
        1.5,
        "token",
        1200,
    )
    assert metric.parts == ()
    assert told.request_id
    told = await plane.describe_credits_usage_detail(
        modules=["Token"], need_usage_details=True, **days
    )
    [part] = told.value[0].metrics[0].parts
    assert (part.calc_time, part.raw_value) == ("2026-11-20 09:00:00", 1200)


async def test_environments_are_told(plane, environment):
    environment.state.other_env_ids = ["env-2", "env-3"]
    page = (await plane.describe_envs(limit=2)).value
    assert ([info.env_id for info in page.items], page.total) == (["env-demo", "env-2"], 3)
    assert environment.control_calls[0].params == {"Limit": 2}
    info = (await plane.describe_env_info()).value
    assert info == page.items[0]
    assert (info.alias, info.status, info.package_name) == ("demo", "NORMAL", "standard")


async def test_a_key_is_shown_once(plane):
    made = (await plane.create_api_key(name="server", expire_in=7200)).value
    assert made.api_key.endswith(".fake")
    assert made.api_key not in repr(made)
    assert made.api_key not in str(made.raw)
    listed = (await plane.describe_api_key_list(key_type="api_key")).value
    assert listed.total == 2
    again = next(key for key in listed.items if key.key_id == made.key_id)
    assert (again.name, again.api_key[6:9]) == ("server", "***")
    assert (await plane.delete_api_key(made.key_id)).value is None
    assert (await plane.describe_api_key_list()).value.total == 1
    with pytest.raises(errors.ResourceNotFound):
        await plane.delete_api_key(made.key_id)


async def test_a_sixth_key_is_one_too_many(plane, environment):
    for _ in range(4):
        await plane.create_api_key()
    with pytest.raises(errors.LimitReached):
        await plane.create_api_key()
    assert len(environment.control_calls) == 5


# ── what is sent ────────────────────────────────────────────────────────────────────────────


async def test_the_action_stands_in_the_head_and_the_region_nowhere_else(plane, environment):
    await plane.describe_ai_models()
    [call] = environment.control_calls
    assert call.params == {"EnvId": "env-demo"}
    assert (call.region, call.headers["x-tc-language"]) == ("ap-shanghai", "en-US")


async def test_temporary_credentials_show_their_token(environment):
    environment.state.secret_keys = {"AKID2": SecretKey("secret-2", token="sts-1")}
    async with CloudBase(
        env="env-demo",
        secret_id="AKID2",
        secret_key="secret-2",
        token="sts-1",
        language="zh-CN",
        control_url=environment.control_url,
    ) as app:
        assert (await app.control_plane().describe_ai_models()).value
    assert environment.control_calls[0].headers["x-tc-language"] == "zh-CN"


async def test_the_form_that_works_is_learnt_an_action_each(plane, environment):
    environment.quirks.accepts_for = {"DescribeActivityInfo": "camel"}
    for _ in range(2):
        assert (await plane.describe_activity_info(["ai_miniprogram_inspire_plan"])).value
        assert (await plane.describe_ai_models()).value
    assert [(call.action, call.error) for call in environment.control_calls] == [
        ("DescribeActivityInfo", "InvalidParameter"),
        ("DescribeActivityInfo", None),
        ("DescribeAIModels", None),
        ("DescribeActivityInfo", None),
        ("DescribeAIModels", None),
    ]


async def test_members_deep_inside_are_respelt_too(plane, environment):
    environment.quirks.accepts = "camel"
    await plane.update_ai_model("cloudbase", models=[AIModelEntry("glm-5.1", enable_mcp=True)])
    assert environment.control_calls[1].params["models"] == [
        {"model": "glm-5.1", "enableMCP": True}
    ]
    assert environment.state.group("cloudbase").models == ["glm-5.1"]


@pytest.mark.parametrize("code", ["InvalidParameter", "UnknownParameter", "MissingParameter.Param"])
async def test_a_parameter_refused_in_both_forms_is_the_fault_of_the_parameter(code):
    first, second = refused(code, "first"), refused("InvalidParameter.EnvId", "second")
    async with answering(first, second, refused(code, "third"), told()) as (plane, requests):
        with pytest.raises(errors.ControlPlaneError) as caught:
            await plane.describe_ai_models()
        assert (await plane.describe_ai_models()).value == ()  # nothing wrong was learnt
    assert (caught.value.detail, caught.value.service_code) == ("first", code)
    assert json.loads(requests[1].content) == {"envId": "env-demo"}
    assert caught.value.__context__ is None


async def test_a_known_form_is_not_doubted(plane, environment):
    await plane.update_ai_model("cloudbase", status=control_plane.ON)
    with pytest.raises(errors.ControlParameterRefused):
        await plane.update_ai_model("cloudbase", models=[AIModelEntry("no-such-model")])
    environment.quirks.accepts = "camel"
    with pytest.raises(errors.ControlParameterRefused):
        await plane.update_ai_model("cloudbase", status=control_plane.ON)
    assert len(environment.control_calls) == 3


# ── how it is read ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("casing", ["pascal", "camel"])
@pytest.mark.parametrize("name", ["AIModels", "AIModelGroups"])
async def test_either_casing_and_either_name_is_read(casing, name, plane, environment):
    environment.quirks.answers_in = casing
    environment.quirks.groups_are_called = name
    [group, *_] = (await plane.describe_ai_models()).value
    assert group.offers("deepseek-v4-flash")
    assert (await plane.describe_env_postpay_package()).value[0].status == 1
    assert (await plane.describe_envs()).value.items[0].env_id == "env-demo"


async def test_null_is_none(plane, environment):
    environment.state.groups, environment.state.catalogue = [], []
    environment.state.packs = []
    assert (await plane.describe_ai_models()).value == ()
    assert (await plane.describe_managed_ai_model_list()).value == ()
    assert (await plane.describe_env_postpay_package()).value == ()


async def test_unknown_members_are_kept_and_secret_ones_are_not(plane, environment):
    group = environment.state.group("cloudbase")
    group.secret = {"ApiKey": GROUP_KEY}
    [told_group, *_] = (await plane.describe_ai_models()).value
    assert told_group.raw["CreateTime"] == group.created
    assert "Secret" not in told_group.raw
    raw = {"A": [{"secretKey": "x", "B": {"api_key": "y", "C": 1}}], "Secret": None}
    assert tencent_values.without_secrets(raw) == {"A": [{"B": {"C": 1}}]}


names = st.sampled_from(
    [
        *("AIModels", "Models", "model", "ManagedAIModelList", "ModelSpec", "ModelChargingInfo"),
        *("Status", "EnvInfo", "EnvBaseInfo", "EnvList", "envPostpayPackageInfoList"),
        *("attendRecords", "Data", "Count", "Total", "DeductValue", "ApiKey"),
    ]
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
    max_leaves=12,
)
READERS = [
    tencent_values.count,
    tencent_values.ai_model_groups,
    tencent_values.managed_model_groups,
    tencent_values.activity_records,
    tencent_values.postpay_packages,
    tencent_values.environments,
    tencent_values.environment_itself,
    tencent_values.api_key,
    tencent_values.api_keys,
    tencent_values.credits_usage,
    tencent_values.modules_used,
]


@given(st.dictionaries(names, json_values, max_size=6))
def test_whatever_an_answer_holds_can_be_read(members):
    for read in READERS:
        read(Members(members))


@pytest.mark.parametrize(
    ("price", "amount"),
    [("0.4", Decimal("0.4")), (" 2 ", Decimal(2)), ("", None), ("free", None), ("NaN", None)],
)
def test_a_price_is_a_number_or_it_is_none(price, amount):
    assert control_plane.as_decimal(price) == amount


# ── what goes wrong ─────────────────────────────────────────────────────────────────────────


async def test_a_wrong_secret_is_refused(environment):
    async with CloudBase(
        env="env-demo", secret_id=SECRET_ID, secret_key="other", control_url=environment.control_url
    ) as app:
        with pytest.raises(errors.SecretPairRefused) as caught:
            await app.control_plane().describe_ai_models()
    assert caught.value.service_code == "AuthFailure.SignatureFailure"
    assert caught.value.request_id
    assert (caught.value.stage, caught.value.fixable_by) == ("preflight", "admin")


async def test_a_wrong_clock_is_called_a_wrong_clock(plane, environment):
    environment.quirks.clock_offset = 400
    with pytest.raises(errors.ClockSkewed) as caught:
        await plane.describe_ai_models()
    assert caught.value.fixable_by == "operations"


@pytest.mark.parametrize("plan", ["free", "personal"])
async def test_too_small_a_plan_is_told(plan, plane, environment):
    environment.state.plan = plan
    environment.quirks.updates_need_the_standard_plan = True
    with pytest.raises(errors.PlanTooSmall):
        await plane.update_ai_model("cloudbase", status=control_plane.ON)
    with pytest.raises(errors.PlanTooSmall):
        await plane.create_ai_model("custom-lab")


async def test_another_environment_is_not_found(environment):
    async with CloudBase(
        env="env-2",
        secret_id=SECRET_ID,
        secret_key=SECRET_KEY,
        control_url=environment.control_url,
    ) as app:
        with pytest.raises(errors.EnvironmentNotFound):
            await app.control_plane().describe_ai_models()


async def test_an_action_the_service_has_not_heard_of_is_told(plane, environment):
    environment.quirks.missing_actions = {"DescribeActivityInfo"}
    with pytest.raises(errors.ActionUnknown):
        await plane.describe_activity_info(["ai_miniprogram_inspire_plan"])


@pytest.mark.parametrize("change", [False, True])
async def test_turned_away_busy_is_tried_again_whatever_it_was(change, plane, environment):
    environment.quirks.throttled_times = 2
    if change:
        await plane.update_ai_model("cloudbase", status=control_plane.ON)
    else:
        await plane.describe_ai_models()
    assert [call.error for call in environment.control_calls] == [
        "RequestLimitExceeded",
        "RequestLimitExceeded",
        None,
    ]


async def test_busy_three_times_is_busy(plane, environment):
    environment.quirks.throttled_times = 3
    with pytest.raises(errors.ControlPlaneBusy) as caught:
        await plane.describe_ai_models()
    assert caught.value.is_retryable
    assert len(environment.control_calls) == 3


@pytest.mark.parametrize("code", ["LimitExceeded.Concurrent", "LimitExceeded.Request"])
async def test_each_code_for_busy_is_tried_again_after_the_wait_it_asks_for(code):
    first = refused(code, headers={"retry-after": "0.2"})
    async with answering(first, told()) as (plane, requests):
        started = time.monotonic()
        await plane.describe_ai_models()
    assert len(requests) == 2
    assert time.monotonic() - started >= 0.2


@pytest.mark.parametrize("code", ["InternalError", "LimitExceeded", "FailedOperation.Timeout"])
async def test_what_failed_inside_is_not_tried_again(code):
    async with answering(refused(code)) as (plane, requests):
        with pytest.raises(errors.ControlPlaneError):
            await plane.describe_ai_models()
    assert len(requests) == 1


async def test_only_what_changes_nothing_is_tried_again_when_nobody_knows():
    async with answering(httpx.Response(502), told()) as (plane, requests):
        await plane.describe_ai_models()
    assert len(requests) == 2
    async with answering(httpx.Response(502)) as (plane, requests):
        with pytest.raises(errors.ControlPlaneFailed):
            await plane.create_ai_model("custom-lab")
    assert len(requests) == 1


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (httpx.Response(200, html="<title>Welcome</title>"), errors.ControlPlaneSpokeGarbage),
        (httpx.Response(200), errors.ControlPlaneSpokeGarbage),
        (httpx.Response(200, json={"Response": []}), errors.ControlPlaneSpokeGarbage),
        (httpx.Response(200, json={"Response": {"Error": "x"}}), errors.ControlPlaneSpokeGarbage),
        (httpx.Response(404, json={"Response": {}}), errors.ControlPlaneSpokeGarbage),
        (httpx.Response(403, text="forbidden"), errors.ControlPlaneSpokeGarbage),
        (httpx.Response(500, text="oh"), errors.ControlPlaneFailed),
        (
            httpx.Response(500, json={"Response": {"Error": {"Code": "X"}}}),
            errors.ControlPlaneError,
        ),
    ],
)
async def test_what_is_no_answer_of_a_control_plane_is_told_as_such(answer, kind):
    async with answering(answer) as (plane, _):
        with pytest.raises(errors.ControlPlaneError) as caught:
            await plane.describe_ai_models()
    assert type(caught.value) is kind
    assert caught.value.status == answer.status_code


async def test_an_error_with_another_content_type_is_an_error():
    body = json.dumps({"Response": {"Error": {"Code": "AuthFailure"}, "RequestId": "req-7"}})
    answer = httpx.Response(
        200, text=body, headers={"content-type": "application/json; charset=utf-8"}
    )
    async with answering(answer) as (plane, _):
        with pytest.raises(errors.SecretPairRefused):
            await plane.describe_ai_models()


def repeating_everything(code):
    """A failure that holds every secret in its words, and in its code if none is given."""
    words = f"{GROUP_KEY}, {OWN_KEY} and {OWN_ID} are bad"
    if code == "no connection":
        return httpx.ConnectError(words)
    return refused(code or GROUP_KEY, words)


@pytest.mark.parametrize("code", ["FailedOperation", "InvalidParameter", "", "no connection"])
async def test_no_key_is_in_anything_that_is_left_of_a_failure(code):
    answers = [repeating_everything(code) for _ in range(3)]
    async with answering(*answers) as (plane, requests):
        with pytest.raises(errors.CloudBaseError) as caught:
            await plane.create_ai_model("custom-lab", secret=GroupSecret(api_key=GROUP_KEY))
    assert GROUP_KEY in requests[0].content.decode()
    del answers  # they hold the keys themselves
    seen = everything_in(caught.value) + str(caught.value.as_dict())
    for secret in (GROUP_KEY, OWN_KEY, OWN_ID):
        assert secret not in seen

"""The control plane of the fake environment behaves as described; checked with plain HTTP."""

import json
import time
from functools import partial

import pytest
import pytest_asyncio

from tests.cloudbase import plain_calls
from tests.cloudbase.plain_calls import signature
from tests.fakes import signatures
from tests.fakes.environment_state import OFF, SECRET_ID, SECRET_KEY
from tests.fakes.signatures import SecretKey, Sent


@pytest.fixture
def call(environment):
    return partial(plain_calls.call, environment)


@pytest.fixture
def refused(environment):
    return partial(plain_calls.refused, environment)


@pytest_asyncio.fixture
async def http(environment):
    async with plain_calls.client(environment) as client:
        yield client


@pytest.fixture
def chat(http):
    return partial(plain_calls.chat, http)


# ── the door ─────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        (
            "tcb.tencentcloudapi.com",
            "3a09569c8e0459ad84a3624e5497052f2f27cc6c6160fe5ee001fca038c04601",
        ),
        ("127.0.0.1:18090", "3fae4edb365dde1c665a950222c1b2dd4fca1f1da240c0bca977e9ec186beee6"),
    ],
)
def test_the_verifier_agrees_with_the_vendors_code(host, expected):
    """Both signatures were made by tencentcloud-sdk-python-common."""
    sent = Sent(
        method="POST",
        path="/",
        query="",
        headers={
            "content-type": "application/json",
            "host": host,
            "x-tc-timestamp": "1760000000",
            "authorization": "TC3-HMAC-SHA256 Credential=AKIDEXAMPLE00000000/2025-10-09/tcb/"
            f"tc3_request, SignedHeaders=content-type;host, Signature={expected}",
        },
        body=b'{"EnvId": "env-demo"}',
    )
    keys = {"AKIDEXAMPLE00000000": SecretKey("secretEXAMPLE00000000")}
    assert signatures.check(sent, keys, 1760000000) == "AKIDEXAMPLE00000000"
    with pytest.raises(signatures.SignatureRefused, match="expired"):
        signatures.check(sent, keys, 1760000000 + 301)


@pytest.mark.parametrize("with_port", [True, False])
async def test_a_signed_action_is_answered(with_port, call, environment):
    answer = await call("DescribeAIModels", {"EnvId": "env-demo"}, with_port=with_port)
    assert answer["AIModels"][0]["GroupName"] == "cloudbase"
    assert answer["RequestId"]
    heard = environment.control_calls[0]
    assert (heard.action, heard.params) == ("DescribeAIModels", {"EnvId": "env-demo"})
    assert (heard.region, heard.signed_headers) == ("ap-shanghai", ["content-type", "host"])
    assert heard.error is None


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"Authorization": "nobody"}, "AuthFailure.SignatureFailure"),
        ({"Authorization": signature("elsewhere", b"{}", int(time.time()))}, "AuthFailure"),
        ({"skew": 600}, "AuthFailure.SignatureExpire"),
        ({"X-TC-Token": "stale"}, "AuthFailure.TokenFailure"),
        ({"Content-Type": "application/json; charset=utf-8"}, "UnsupportedProtocol"),
        ({"X-TC-Version": "2020-01-01"}, "NoSuchVersion"),
        ({"X-TC-Action": "DoNothing"}, "InvalidAction"),
    ],
)
async def test_what_is_not_signed_or_not_known_is_refused(changes, code, refused, environment):
    told = await refused("DescribeEnvs", {}, **changes)
    assert told.startswith(code)
    assert environment.control_calls[0].error == told


async def test_a_key_pair_nobody_has_is_refused(refused, environment):
    environment.state.secret_keys.clear()
    assert await refused("DescribeEnvs") == "AuthFailure.SecretIdNotFound"


async def test_temporary_keys_need_their_token(call, environment):
    environment.state.secret_keys[SECRET_ID] = SecretKey(SECRET_KEY, token="sts-1")
    answer = await call("DescribeEnvs", {}, **{"X-TC-Token": "sts-1"})
    assert answer["Total"] == 1


async def test_the_clock_of_the_service_may_be_wrong(refused, environment):
    environment.quirks.clock_offset = 600
    assert await refused("DescribeEnvs") == "AuthFailure.SignatureExpire"


async def test_too_many_calls_are_throttled(call, refused, environment):
    environment.quirks.throttled_times = 1
    assert await refused("DescribeEnvs") == "RequestLimitExceeded"
    assert (await call("DescribeEnvs"))["Total"] == 1


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({}, "MissingParameter"),
        ({"EnvId": "env-other"}, "ResourceNotFound.EnvNotExist"),
        ({"EnvId": 1}, "InvalidParameter"),
        ({"envId": "env-demo"}, "InvalidParameter"),
        ({"EnvId": "env-demo", "Region": "ap-shanghai"}, "UnknownParameter"),
        ({"EnvId": "env-demo", "GroupName": "cloudbase"}, "UnknownParameter"),
    ],
)
async def test_parameters_are_checked(params, code, refused):
    assert await refused("DescribeAIModels", params) == code


async def test_an_action_can_insist_on_camel_case(call, refused, environment):
    environment.quirks.accepts_for["DescribeActivityInfo"] = "camel"
    names = ["ai_miniprogram_inspire_plan"]
    assert await refused("DescribeActivityInfo", {"ActivityNames": names}) == "InvalidParameter"
    answer = await call("DescribeActivityInfo", {"activityNames": names})
    assert answer["attendRecords"] == [{"activityName": names[0], "envId": "env-demo"}]


async def test_answers_can_be_spelt_otherwise(call, environment):
    environment.quirks.answers_in = "pascal"
    packs = await call("DescribeEnvPostpayPackage", {"EnvId": "env-demo"})
    assert packs["EnvPostpayPackageInfoList"][0]["PostpayPackageId"].startswith("pkg_tcb")
    environment.quirks.answers_in = "camel"
    environment.quirks.groups_are_called = "AIModelGroups"
    groups = (await call("DescribeAIModels", {"EnvId": "env-demo"}))["aIModelGroups"]
    assert groups[0]["models"][0]["model"] == "deepseek-v4-flash"


async def test_an_action_can_be_missing(refused, environment):
    environment.quirks.missing_actions.add("DescribeActivityInfo")
    assert await refused("DescribeActivityInfo", {"ActivityNames": []}) == "InvalidAction"


# ── the actions ──────────────────────────────────────────────

OF_ENV = {"EnvId": "env-demo"}
OF_CLOUDBASE = {**OF_ENV, "GroupName": "cloudbase"}
LAB = {
    **OF_ENV,
    "GroupName": "custom-lab",
    "BaseUrl": "https://llm.example/v1",
    "Models": [{"Model": "lab-7b", "EnableMCP": False}],
    "Secret": {"ApiKey": "sk-0123456789abcdef"},
    "Status": 1,
}


async def test_an_update_replaces_the_whole_list(call, chat):
    update = {**OF_CLOUDBASE, "Models": [{"Model": "glm-5.1", "EnableMCP": False}]}
    assert (await call("UpdateAIModel", update))["Count"] == 1
    assert (await chat(model="glm-5.1")).status_code == 200
    assert (await chat()).json()["code"] == "AI_MODEL_NOT_SUPPORTED"


async def test_a_change_may_take_its_time(call, chat, environment):
    environment.quirks.changes_take_effect_after = 120
    await call("UpdateAIModel", {**OF_CLOUDBASE, "Status": 2})
    assert environment.state.group("cloudbase").status == OFF
    assert (await chat()).status_code == 200
    environment.state.catch_up()
    assert (await chat()).status_code == 423


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"GroupName": "custom-none"}, "ResourceNotFound.ResourceNotExist"),
        ({"Status": 3}, "InvalidParameterValue"),
        ({"Models": [{"Model": "GLM-5.1"}]}, "InvalidParameterValue"),
        ({"Secret": {}}, "InvalidParameterValue"),
    ],
)
async def test_an_update_that_makes_no_sense_is_refused(changes, code, refused):
    assert await refused("UpdateAIModel", OF_CLOUDBASE | changes) == code


async def test_a_custom_group_lives_and_its_key_is_shown_masked(call, chat, environment):
    await call("CreateAIModel", LAB)
    assert (await chat("custom-lab", model="lab-7b")).status_code == 200
    groups = (await call("DescribeAIModels", OF_ENV))["AIModels"]
    assert groups[-1]["Secret"]["ApiKey"] == "sk-012*******abcdef"
    assert groups[-1]["Type"] == "custom"
    deleted = await call("DeleteAIModel", {**OF_ENV, "GroupNames": ["custom-lab"]})
    assert deleted["Count"] == 1
    assert (await chat("custom-lab", model="lab-7b")).status_code == 404


@pytest.mark.parametrize(
    ("plan", "changes", "code"),
    [
        ("free", {}, "OperationDenied.FreePackageDenied"),
        ("personal", {}, "FailedOperation.PackageUnsupported"),
        ("standard", {"GroupName": "cloudbase-x"}, "InvalidParameterValue"),
        ("standard", {"GroupName": "hunyuan-exp"}, "ResourceInUse"),
        ("standard", {"BaseUrl": "https://down.example/v1"}, "FailedOperation.ThirdServiceError"),
    ],
)
async def test_a_group_that_may_not_be_made_is_refused(plan, changes, code, refused, environment):
    environment.state.plan = plan
    environment.state.unreachable_urls.add("https://down.example/v1")
    assert await refused("CreateAIModel", LAB | changes) == code


async def test_a_small_plan_can_also_forbid_updates(refused, environment):
    environment.state.plan = "free"
    environment.quirks.updates_need_the_standard_plan = True
    assert await refused("UpdateAIModel", OF_CLOUDBASE) == "OperationDenied.FreePackageDenied"


async def test_builtin_groups_cannot_be_deleted(refused):
    doomed = {**OF_ENV, "GroupNames": ["cloudbase"]}
    assert await refused("DeleteAIModel", doomed) == "OperationDenied"


async def test_a_builtin_group_can_become_custom_and_back(call, environment):
    group = environment.state.group("hunyuan-exp")
    address = {**OF_ENV, "GroupName": "hunyuan-exp", "BaseUrl": "https://llm.example/v1"}
    await call("UpdateAIModel", address | {"Secret": {"ApiKey": "sk-0123456789abcdef"}})
    assert group.type == "custom"
    await call("UpdateAIModel", address | {"BaseUrl": "http://default.tcb"})
    assert (group.type, group.secret) == ("builtin", None)


async def test_single_models_can_be_switched(call, environment):
    changes = [
        {"Model": "glm-5.1", "Status": "ENABLE"},
        {"Model": "deepseek-v4-flash", "Status": "DISABLE"},
    ]
    assert (await call("ModifyAIModelStatus", {**OF_CLOUDBASE, "Models": changes}))["Count"] == 2
    assert environment.state.group("cloudbase").models == ["glm-5.1"]


async def test_empty_lists_are_null(call, environment):
    environment.state.catalogue = []
    environment.state.packs = []
    environment.state.group("cloudbase").models = []
    groups = (await call("DescribeAIModels", OF_ENV))["AIModels"]
    assert groups[0]["Models"] is None
    assert (await call("DescribeManagedAIModelList", OF_ENV))["ManagedAIModelList"] is None
    packs = await call("DescribeEnvPostpayPackage", OF_ENV)
    assert packs["envPostpayPackageInfoList"] == []


async def test_the_catalogue_has_specifications_and_prices_in_text(call):
    offered = (await call("DescribeManagedAIModelList", OF_ENV))["ManagedAIModelList"][0]["Models"]
    assert offered[1]["ModelSpec"]["ContextLength"] == "128k"
    assert [price["Name"] for price in offered[1]["ModelChargingInfo"]] == ["0-32k", "32k-128k"]
    assert offered[0]["ModelChargingInfo"][0]["InputPrice"] == "1"


async def test_environments_and_credits(call, refused, environment):
    environment.state.other_env_ids = ["env-two"]
    assert (await call("DescribeEnvs", {"Limit": 1}))["Total"] == 2
    assert (await call("DescribeEnvInfo", OF_ENV))["EnvInfo"]["EnvBaseInfo"]["EnvId"] == "env-demo"
    days = {**OF_ENV, "StartDate": "2026-06-01", "EndDate": "2026-06-30"}
    assert await refused("DescribeCreditsUsage", days) == "UnsupportedOperation"
    environment.state.credits = {"DeductValue": 1.5}
    assert (await call("DescribeCreditsUsage", days))["DeductValue"] == 1.5


async def test_an_api_key_is_shown_once_and_opens_the_data_plane(call, refused, http, chat):
    made = await call("CreateApiKey", {**OF_ENV, "KeyType": "api_key", "KeyName": "mine"})
    http.headers["authorization"] = f"Bearer {made['ApiKey']}"
    assert (await chat()).status_code == 200
    listed = await call("DescribeApiKeyList", OF_ENV)
    assert listed["Total"] == 2
    assert made["ApiKey"] not in json.dumps(listed)
    await call("DeleteApiKey", {**OF_ENV, "KeyId": made["KeyId"]})
    assert (await chat()).status_code == 401
    short = {**OF_ENV, "KeyType": "api_key", "ExpireIn": 60}
    assert await refused("CreateApiKey", short) == "InvalidParameterValue"


async def test_an_environment_has_at_most_five_api_keys(call, refused):
    wanted = {**OF_ENV, "KeyType": "api_key"}
    for _ in range(4):
        await call("CreateApiKey", wanted)
    assert await refused("CreateApiKey", wanted) == "LimitExceeded"

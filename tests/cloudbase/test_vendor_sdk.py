"""The vendor's Python SDK and our client before the same control plane: they see the same."""

import asyncio
import json

import pytest
from tencentcloud.common.common_client_async import CommonClient
from tencentcloud.common.credential import Credential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.tcb.v20180608 import models, tcb_client, tcb_client_async

from chat.cloudbase import CloudBase, errors
from chat.cloudbase.control_plane import AIModelEntry
from tests.fakes.environment import CloudBaseEnvironment, running_in_thread
from tests.fakes.environment_state import SECRET_ID, SECRET_KEY

ACTIVITY = "ai_miniprogram_inspire_plan"


def vendors(environment: CloudBaseEnvironment, secret_key=SECRET_KEY):
    """The arguments of every client of the vendor's."""
    http = HttpProfile(protocol="http", endpoint=environment.control_url.removeprefix("http://"))
    credential = Credential(SECRET_ID, secret_key)
    return credential, "ap-shanghai", ClientProfile(httpProfile=http)


def ours(environment: CloudBaseEnvironment, secret_key=SECRET_KEY):
    return CloudBase(
        env="env-demo",
        secret_id=SECRET_ID,
        secret_key=secret_key,
        control_url=environment.control_url,
    )


def asking(kind, **members):
    request = kind()
    request.from_json_string(json.dumps({"EnvId": "env-demo", **members}))
    return request


def as_told(groups):
    """The vendor's groups as plain values, to compare with ours."""
    return [
        (group.GroupName, group.Status, group.Type, [entry.Model for entry in group.Models])
        for group in groups
    ]


def as_we_tell(groups):
    return [
        (group.group_name, group.status, group.type, [entry.model for entry in group.models])
        for group in groups
    ]


async def test_the_async_client_and_ours_see_the_same_groups(environment):
    async with (
        tcb_client_async.TcbClient(*vendors(environment)) as client,
        ours(environment) as app,
    ):
        theirs = await client.DescribeAIModels(asking(models.DescribeAIModelsRequest))
        own = await app.control_plane().describe_ai_models()
    assert as_we_tell(own.value) == as_told(theirs.AIModels)
    first, second = environment.control_calls
    assert (first.params, first.region) == (second.params, second.region)
    assert first.signed_headers == second.signed_headers


def test_the_sync_client_and_ours_see_the_same_catalogue():
    async def own():
        async with ours(environment) as app:
            return await app.control_plane().describe_managed_ai_model_list()

    with running_in_thread() as environment:
        request = asking(models.DescribeManagedAIModelListRequest)
        theirs = tcb_client.TcbClient(*vendors(environment)).DescribeManagedAIModelList(request)
        [group] = asyncio.run(own()).value
    [told] = theirs.ManagedAIModelList
    assert [(model.Model, model.ModelSpec.ContextLength) for model in told.Models] == [
        (model.model, model.spec.context_length) for model in group.models
    ]
    assert [price.InputPrice for model in told.Models for price in model.ModelChargingInfo] == [
        price.input_price for model in group.models for price in model.prices
    ]


async def test_what_one_changes_the_other_sees(environment):
    async with (
        tcb_client_async.TcbClient(*vendors(environment)) as client,
        ours(environment) as app,
    ):
        await app.control_plane().update_ai_model(
            "cloudbase", models=[AIModelEntry("glm-5.1", enable_mcp=True)]
        )
        theirs = await client.DescribeAIModels(asking(models.DescribeAIModelsRequest))
        entry = {"Model": "kimi-k2.6", "EnableMCP": False}
        await client.UpdateAIModel(
            asking(models.UpdateAIModelRequest, GroupName="cloudbase", Models=[entry])
        )
        own = await app.control_plane().describe_ai_models()
    assert [(entry.Model, entry.EnableMCP) for entry in theirs.AIModels[0].Models] == [
        ("glm-5.1", True)
    ]
    assert own.value[0].models == (AIModelEntry("kimi-k2.6"),)
    ours_sent, theirs_sent = (
        call.params for call in environment.control_calls if call.action == "UpdateAIModel"
    )
    assert ours_sent.keys() == theirs_sent.keys()


async def test_an_action_without_a_type_is_read_like_the_generic_client_reads_it(environment):
    async with (
        CommonClient("tcb", "2018-06-08", *vendors(environment)) as client,
        ours(environment) as app,
    ):
        theirs = await client.call_and_deserialize(
            "DescribeActivityInfo", {"ActivityNames": [ACTIVITY]}
        )
        own = await app.control_plane().describe_activity_info([ACTIVITY])
    assert [record.raw for record in own.value] == theirs["Response"]["attendRecords"]


async def test_both_are_refused_with_the_same_code(environment):
    async with (
        tcb_client_async.TcbClient(*vendors(environment, "other")) as client,
        ours(environment, "other") as app,
    ):
        with pytest.raises(TencentCloudSDKException) as theirs:
            await client.DescribeAIModels(asking(models.DescribeAIModelsRequest))
        with pytest.raises(errors.SecretPairRefused) as own:
            await app.control_plane().describe_ai_models()
    assert own.value.service_code == theirs.value.code
    assert own.value.detail == theirs.value.message

import re
from dataclasses import replace
from typing import Any

import httpx
import pytest

from chat import cloudbase
from chat.cloudbase import CloudBase, HttpPool, OpenAICompatible, errors
from chat.cloudbase.transport import Call
from tests.fakes.environment_state import SECRET_ID, SECRET_KEY

HOST = ".tcloudbasegateway.com"
PAIR: dict[str, Any] = {"secret_id": "AKID1", "secret_key": "secret-1", "token": "sts-1"}


@pytest.mark.parametrize(
    ("options", "base_url"),
    [
        ({}, f"https://env-demo.api{HOST}"),
        ({"region": "ap-guangzhou"}, f"https://env-demo.api{HOST}"),
        ({"region": "ap-singapore"}, f"https://env-demo.api.intl{HOST}"),
        ({"intl": True}, f"https://env-demo.api.intl{HOST}"),
        ({"base_url": "http://127.0.0.1:9/prefix/"}, "http://127.0.0.1:9/prefix"),
        ({"base_url": "http://127.0.0.1:9/prefix/v1"}, "http://127.0.0.1:9/prefix"),
    ],
)
def test_an_environment_has_its_gateway(options, base_url):
    app = CloudBase(env="env-demo", api_key="k", **options)
    assert app.base_url == base_url
    assert app.chat_endpoint("cloudbase").url == f"{base_url}/v1/ai/cloudbase/chat/completions"


@pytest.mark.parametrize(
    ("options", "host"),
    [
        ({}, "tcb.tencentcloudapi.com"),
        ({"region": "ap-singapore"}, "tcb.intl.tencentcloudapi.com"),
        ({"intl": True}, "tcb.intl.tencentcloudapi.com"),
        ({"control_url": "http://127.0.0.1:9"}, "127.0.0.1:9"),
    ],
)
async def test_an_environment_has_its_control_plane(options, host):
    seen = []

    def answer(request):
        seen.append(request)
        return httpx.Response(200, json={"Response": {"AIModels": None, "RequestId": "r1"}})

    async with HttpPool(transport=httpx.MockTransport(answer)) as pool:
        app = CloudBase(env="env-demo", api_key="k", **PAIR, **options, http=pool)
        await app.control_plane().describe_ai_models()
    assert (seen[0].headers["host"], seen[0].url.path) == (host, "/")


def test_managing_an_environment_takes_a_secret_pair():
    with pytest.raises(errors.SecretPairMissing):
        CloudBase(env="env-demo", api_key="k").control_plane()
    app = CloudBase(env="env-demo", **PAIR)
    assert app.control_plane() is app.control_plane()  # what it learnt is kept


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ({}, errors.KeyMissing),
        ({"api_key": "k", "access_token": "t"}, errors.KeysContradict),
        ({"secret_id": "AKID1"}, errors.SecretPairIncomplete),
        ({"api_key": "k", "token": "sts-1"}, errors.SecretPairIncomplete),
        ({"api_key": "k", "control_url": "tcb"}, errors.IllegalBaseUrl),
    ],
)
def test_who_calls_must_be_clear(given, kind):
    with pytest.raises(kind):
        CloudBase(env="env-demo", **given)


async def test_a_secret_pair_without_a_key_signs_the_calls_of_models(server, question):
    async with CloudBase(env="env-demo", **PAIR, base_url=server.gateway_url) as app:
        await app.ai().create_model("cloudbase").complete(question)
    sent = server.requests[0].headers
    assert re.fullmatch(
        r"TC3-HMAC-SHA256 Credential=AKID1/[0-9-]{10}/tcb/tc3_request, "
        r"SignedHeaders=content-type;host, Signature=[0-9a-f]{64}, Timestamp=\d+, Token=sts-1",
        sent["Authorization"],
    )
    assert server.gateway_url.endswith(sent["Host"])


async def test_the_gateway_takes_the_signature_of_every_kind_of_call(environment, question):
    async with CloudBase(
        env="env-demo",
        secret_id=SECRET_ID,
        secret_key=SECRET_KEY,
        base_url=environment.gateway_url,
    ) as app:
        asked = replace(question, model="deepseek-v4-flash")
        assert (await app.ai().create_model("cloudbase").complete(asked)).text
        listing = Call(method="GET", query={"pageNumber": 1, "name": "a b/é"})
        await app.http.call(app.bots_endpoint().at("bots"), listing)
    assert [call.error for call in environment.data_calls] == [None, None]


def test_an_app_shows_no_secret():
    app = CloudBase(env="env-demo", api_key="key-1", **PAIR)
    shown = repr((app, app.ai(), app.control_plane(), app.chat_endpoint("cloudbase")))
    assert not [secret for secret in ("key-1", *PAIR.values()) if secret in shown]


@pytest.mark.parametrize("env", ["", "Env", "a" * 41, "a.b", "a/../b", "a\n", "环境"])
def test_what_is_no_environment_never_gets_into_a_host_name(env):
    with pytest.raises(errors.IllegalEnvironment):
        CloudBase(env=env, api_key="k")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:80",
        "ftp://h/v1",
        "file:///etc/passwd",
        "http://",
        "http://u:p@h/v1",
        "http://h/v1?key=1",
        "http://h/v1#x",
        "http://h:port/v1",
        "http://[::1/v1",
    ],
)
def test_an_illegal_address_is_refused(url):
    with pytest.raises(errors.IllegalBaseUrl):
        OpenAICompatible(base_url=url)


@pytest.mark.parametrize("key", ["a\nb", "a b", "ａｂ", "a\x00b"])
def test_a_key_that_fits_into_no_header_is_refused(key):
    with pytest.raises(errors.KeyMalformed) as caught:
        OpenAICompatible(base_url="http://h/v1", api_key=key)
    assert key not in repr(caught.value)


def test_white_space_around_a_pasted_key_is_not_part_of_it():
    app = OpenAICompatible(base_url="http://h/v1", api_key=" key-1\n")
    assert app.chat_endpoint("cloudbase").secrets == ("key-1",)


def test_every_group_of_an_endpoint_is_at_one_address():
    app = OpenAICompatible(base_url="http://h:1234/v1/")
    assert app.chat_endpoint("custom-lab").url == "http://h:1234/v1/chat/completions"


def test_an_illegal_group_is_refused_with_the_reason():
    app = CloudBase(env="env-demo", api_key="k")
    with pytest.raises(errors.GroupNameIsVendor, match="deepseek"):
        app.ai().create_model("deepseek")


async def test_a_lent_pool_stays_open(server, question):
    async with HttpPool() as pool:
        for _ in range(2):
            async with OpenAICompatible(base_url=server.base_url, http=pool) as app:
                answer = await app.ai().create_model("custom-lab").complete(question)
                assert answer.text == "Hello there"


async def test_both_ways_in_reach_their_path_with_their_key(server, question):
    async with HttpPool() as pool:
        environment = CloudBase(
            env="env-demo", api_key="key-1", base_url=server.gateway_url, http=pool
        )
        endpoint = OpenAICompatible(base_url=server.base_url, http=pool)
        for app in (environment, endpoint):
            await app.ai().create_model("hunyuan-exp").complete(question)
    first, second = server.requests
    assert first.path == "/v1/ai/hunyuan-exp/chat/completions"
    assert first.headers["Authorization"] == "Bearer key-1"
    assert second.path == "/v1/chat/completions"
    assert "Authorization" not in second.headers


def test_everything_the_client_offers_can_be_imported_from_it():
    assert [name for name in cloudbase.__all__ if not hasattr(cloudbase, name)] == []
    assert set(cloudbase._AT_FIRST_USE) < set(cloudbase.__all__)
    assert not hasattr(cloudbase, "nothing_of_that_name")

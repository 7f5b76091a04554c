import pytest

from chat.cloudbase import CloudBase, HttpPool, OpenAICompatible, errors

HOST = ".tcloudbasegateway.com"


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
        cloudbase = CloudBase(
            env="env-demo", api_key="key-1", base_url=server.gateway_url, http=pool
        )
        endpoint = OpenAICompatible(base_url=server.base_url, http=pool)
        for app in (cloudbase, endpoint):
            await app.ai().create_model("hunyuan-exp").complete(question)
    first, second = server.requests
    assert first.path == "/v1/ai/hunyuan-exp/chat/completions"
    assert first.headers["Authorization"] == "Bearer key-1"
    assert second.path == "/v1/chat/completions"
    assert "Authorization" not in second.headers

"""The models that an endpoint lists, in every shape that is about."""

import httpx
import pytest

from chat.cloudbase import HttpPool, OpenAICompatible, errors
from tests.cloudbase.conftest import QUICK


async def listed(*answers):
    """What is made of an endpoint's answer, and the request that was sent."""
    left, requests = list(answers), []

    def answer(request):
        requests.append(request)
        return left.pop(0)

    async with HttpPool(transport=httpx.MockTransport(answer), backoff=0.01) as pool:
        app = OpenAICompatible(
            base_url="http://model/v1", api_key="key-1", http=pool, patience=QUICK
        )
        return await app.list_models(), requests[-1]


ENTRY = {"id": "m1", "object": "model", "created": 1760000000, "owned_by": "lab", "max_len": 8192}


async def test_the_models_of_an_endpoint_are_listed_in_its_order(server):
    server.models = ["m2", "m1"]
    async with OpenAICompatible(base_url=server.base_url, patience=QUICK) as app:
        assert [model.id for model in await app.list_models()] == ["m2", "m1"]


async def test_it_is_asked_with_the_key_at_models():
    (model,), sent = await listed(httpx.Response(200, json={"object": "list", "data": [ENTRY]}))
    assert (sent.method, str(sent.url)) == ("GET", "http://model/v1/models")
    assert sent.headers["authorization"] == "Bearer key-1"
    assert (model.id, model.owned_by, model.created) == ("m1", "lab", 1760000000)
    assert model.raw["max_len"] == 8192


@pytest.mark.parametrize(
    ("body", "ids"),
    [
        ([ENTRY], ["m1"]),
        ({"data": [{"id": "m1"}, {"name": "nameless"}, "text", None, {"id": ""}]}, ["m1"]),
        ({"object": "list", "data": []}, []),
        ({"object": "list", "data": None}, []),
        ({"object": "list", "data": [ENTRY], "has_more": False, "code": 0}, ["m1"]),
    ],
)
async def test_every_list_that_is_about_is_read(body, ids):
    models, _ = await listed(httpx.Response(200, json=body))
    assert [model.id for model in models] == ids


@pytest.mark.parametrize(
    ("answer", "kind", "status"),
    [
        (httpx.Response(404, html="<title>Not here</title>"), errors.WrongAddress, 404),
        (httpx.Response(404, json={"error": {"message": "no"}}), errors.ModelNotFound, 404),
        (httpx.Response(401, json={"error": {"message": "no"}}), errors.KeyRefused, 401),
        (httpx.Response(200, json={"error": {"message": "no"}}), errors.ProviderFailed, 200),
        (httpx.Response(200, html="<h1>Welcome</h1>"), errors.ProviderSpokeGarbage, 200),
        (httpx.Response(200, json={"models": []}), errors.ProviderSpokeGarbage, 200),
        (httpx.Response(200, json={"data": None}), errors.ProviderSpokeGarbage, 200),
        (httpx.Response(200, json="m1"), errors.ProviderSpokeGarbage, 200),
        (httpx.Response(200), errors.ProviderSpokeGarbage, 200),
    ],
)
async def test_what_is_no_list_is_an_error(answer, kind, status):
    with pytest.raises(kind) as caught:
        await listed(answer)
    assert caught.value.status == status

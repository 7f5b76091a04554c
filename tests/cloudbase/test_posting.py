"""Posting to somebody who is no model service: once, guarded, and whatever the answer is."""

from __future__ import annotations

import time

import httpx
import pytest

from chat.cloudbase import HttpPool, addresses, errors
from chat.cloudbase.bodies import BEGINNING
from chat.cloudbase.credentials import Bearer
from tests.cloudbase.test_addresses import Names
from tests.fakes.receivers import Answer, WebhookReceiver


async def post(url: str, within: float = 5, **pool) -> tuple[int, bytes]:
    async with HttpPool(backoff=0.01, **pool) as http:
        return await http.post_json(url, b'{"a": 1}', Bearer("key"), within=within)


@pytest.fixture
async def hook():
    async with WebhookReceiver() as receiver:
        yield receiver


async def test_json_arrives_as_whoever_posts_it_and_the_answer_is_told(hook):
    hook.answers = [Answer("201 Made", body="fine")]
    assert await post(hook.url) == (201, b"fine")
    (request,) = hook.received
    assert request.line == "POST /hooks/room-1 HTTP/1.1"
    assert request.json == {"a": 1}
    assert request.headers["content-type"] == "application/json"
    assert request.headers["authorization"] == "Bearer key"


@pytest.mark.parametrize("status", ["204 No Content", "400 Bad", "503 Busy"])
async def test_any_status_is_an_answer_and_none_is_tried_again(hook, status):
    hook.answers = [Answer(status)]
    assert (await post(hook.url))[0] == int(status[:3])
    assert len(hook.received) == 1


async def test_a_redirection_is_not_followed(hook):
    async with WebhookReceiver() as elsewhere:
        hook.answers = [Answer("302 Found", headers=f"Location: {elsewhere.url}\r\n")]
        assert (await post(hook.url))[0] == 302
        assert elsewhere.received == []


async def test_who_does_not_answer_in_time_is_given_up(hook):
    hook.answers = [Answer(after=30)]
    began = time.monotonic()
    with pytest.raises(errors.ProviderTimedOut):
        await post(hook.url, within=0.4)
    assert time.monotonic() - began < 2


async def test_only_the_beginning_of_an_answer_is_kept(hook):
    hook.answers = [Answer("200 OK", body="x" * 500_000)]
    status, body = await post(hook.url)
    assert status == 200
    assert 0 < len(body) <= BEGINNING


async def test_an_address_that_may_not_be_called_is_not(hook):
    with pytest.raises(errors.AddressForbidden):
        await post(hook.url, allowed=addresses.allowing(()))
    assert hook.received == []


async def test_a_name_that_leads_to_a_private_address_is_not_called(hook):
    url = hook.url.replace("127.0.0.1", "hook.example")
    names = Names(["127.0.0.1"])
    with pytest.raises(errors.AddressForbidden):
        await post(url, allowed=addresses.allowing(()), resolver=names)
    assert hook.received == []
    assert (await post(url, allowed=addresses.allowing(["hook.example"]), resolver=names))[0] == 204


async def test_nobody_there_is_told_at_once():
    with pytest.raises(errors.ConnectionRefused):
        await post("http://127.0.0.1:9/")


async def test_a_pool_must_be_open():
    with pytest.raises(RuntimeError):
        await HttpPool(transport=httpx.MockTransport(lambda _: httpx.Response(200))).post_json(
            "http://a/", b"", Bearer(""), within=1
        )

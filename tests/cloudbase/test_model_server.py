"""The fake itself, in the two ways that the other tests here do not use."""

import asyncio
import json
import subprocess
import sys

import httpx
import pytest

from tests.fakes.model_server import running_in_thread

BODY = {"model": "m1", "messages": []}


def answer_of(url):
    message = httpx.post(f"{url}/chat/completions", json=BODY).json()["choices"][0]["message"]
    return message["content"]


def test_it_runs_in_a_thread():
    with running_in_thread() as server:
        server.say = ["from ", "a thread"]
        assert answer_of(server.base_url) == "from a thread"
        assert server.requests[0].body == BODY


def test_it_waits_in_a_thread_until_it_is_told():
    with running_in_thread() as server:
        server.pause()
        with httpx.Client() as client, pytest.raises(httpx.ReadTimeout):
            client.post(f"{server.base_url}/chat/completions", json=BODY, timeout=0.2)
        server.resume()
        assert answer_of(server.base_url) == "Hello there"


@pytest.mark.server
def test_it_runs_in_a_process_of_its_own_and_is_steered_over_http():
    command = [sys.executable, "-m", "tests.fakes.model_server", "--script", '{"say": ["Hi"]}']
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            urls = json.loads(process.stdout.readline())
            assert answer_of(urls["base_url"]) == "Hi"
            httpx.post(f"{urls['control_url']}/script", json={"say": ["Changed"]})
            httpx.post(f"{urls['control_url']}/script", json=[{"say": ["Once"]}])
            assert [answer_of(urls["base_url"]) for _ in range(2)] == ["Once", "Changed"]
            seen = httpx.get(f"{urls['control_url']}/requests").json()
            assert [request["body"] for request in seen] == [BODY] * 3
            models = httpx.get(f"{urls['base_url']}/models").json()
            assert models["data"][0]["id"] == "fake-model"
        finally:
            process.terminate()


async def test_a_client_that_hangs_up_is_noticed(server):
    server.tell(silence=30)
    async with httpx.AsyncClient() as client:
        call = client.post(f"{server.base_url}/chat/completions", json=BODY)
        task = asyncio.create_task(call)
        seen = await server.seen()
        task.cancel()
        await asyncio.wait_for(seen.disconnected.wait(), 1)

"""A canary for a key: whatever fails, it is in nothing that can be read afterwards."""

import asyncio
import logging
import traceback

import pytest

from chat.cloudbase import CloudBase, HttpPool, OpenAICompatible, errors
from tests.cloudbase.conftest import QUICK, gathered
from tests.fakes.model_server import Script

CANARY = "canary-5f0e2b77c1"  # like no vendor's key, so that its shape gives nothing away


def echo_frame(text):
    return f'data: {{"code": "X", "message": "{text}"}}\n\n'


FAILURES = {
    "401 json": Script(status=401, body='{"error": {"message": "bad {authorization}"}}'),
    "401 text": Script(status=401, body="bad {authorization}", content_type="text/plain"),
    "403 html": Script(status=403, body="<title>bad {authorization}</title>"),
    "200 code": Script(body='{"code": "X{authorization}", "requestId": "{authorization}"}'),
    "200 no answer": Script(
        body='{"choices": [], "note": "{authorization}"}', content_type="application/json"
    ),
    "400 cut": Script(status=400, body="x" * 490 + "{authorization}", content_type="text/plain"),
    "503": Script(status=503, body="{authorization}", headers={"X-Request-Id": CANARY}),
    "error frame": Script(frames=[echo_frame(f"bad {CANARY}")], finish_reason=None),
    "garbage": Script(frames=[f"data: {CANARY}\n\n"], finish_reason=None),
    "reset": Script(ending="reset", finish_reason=None, usage="none"),
    "truncated": Script(ending="truncated", finish_reason=None, usage="none"),
    "hang": Script(ending="hang", finish_reason=None, usage="none"),
    "silence": Script(silence=30),
}


def everything_in(error):
    """All that a log, an error page or a collector of crashes could show of an error."""
    seen = []
    while error is not None:
        seen += [repr(error), str(error), repr(error.args), repr(vars(error))]
        seen += traceback.TracebackException.from_exception(error, capture_locals=True).format()
        error = error.__cause__ or error.__context__
    return "\n".join(seen)


def is_silent(error, caplog):
    assert isinstance(error, errors.CloudBaseError)
    assert CANARY not in everything_in(error)
    assert CANARY not in str(error.as_dict())
    assert CANARY not in "\n".join(
        f"{record.getMessage()} {vars(record)}" for record in logged(caplog)
    )
    return True


def logged(caplog):
    return [record for record in caplog.records if not record.name.startswith("aiohttp.")]


@pytest.fixture
async def app(server):
    async with (
        HttpPool(backoff=0.01) as pool,
        OpenAICompatible(
            base_url=server.base_url, api_key=CANARY, http=pool, patience=QUICK
        ) as running,
    ):
        yield running


@pytest.mark.parametrize("failure", FAILURES)
async def test_a_failed_stream_does_not_tell_the_key(failure, server, app, question, caplog):
    caplog.set_level(logging.DEBUG)
    server.script = FAILURES[failure]
    _, error = await gathered(app.ai().create_model("custom-lab"), question)
    assert server.requests[0].headers["Authorization"].endswith(CANARY)
    assert is_silent(error, caplog)


@pytest.mark.parametrize("failure", [name for name, script in FAILURES.items() if script.refuses])
async def test_a_failed_call_does_not_tell_the_key(failure, server, app, question, caplog):
    caplog.set_level(logging.DEBUG)
    server.script = FAILURES[failure]
    with pytest.raises(errors.CloudBaseError) as caught:
        await app.ai().create_model("custom-lab").complete(question)
    assert is_silent(caught.value, caplog)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/v1", "http://nowhere.invalid/v1", "https://127.0.0.1:1/v1"]
)
async def test_no_connection_does_not_tell_the_key(url, question, caplog):
    caplog.set_level(logging.DEBUG)
    async with (
        HttpPool(backoff=0.01) as pool,
        OpenAICompatible(base_url=url, api_key=CANARY, http=pool, patience=QUICK) as app,
    ):
        _, error = await gathered(app.ai().create_model("custom-lab"), question)
    assert is_silent(error, caplog)


async def test_another_protocol_does_not_tell_the_key(question, caplog):
    # aiohttp's exception for this one holds the headers of the request.
    caplog.set_level(logging.DEBUG)

    async def greet(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"220 mail.example ESMTP\r\n")
        writer.close()

    listener = await asyncio.start_server(greet, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/v1"
    async with OpenAICompatible(base_url=url, api_key=CANARY, patience=QUICK) as app:
        _, error = await gathered(app.ai().create_model("custom-lab"), question)
    listener.close()
    await listener.wait_closed()
    assert is_silent(error, caplog)


def test_nothing_that_holds_the_key_shows_it():
    app = CloudBase(env="env-demo", api_key=CANARY)
    model = app.ai().create_model("cloudbase")
    for holder in (app, app.ai(), model, app.chat_endpoint("cloudbase")):
        assert CANARY not in repr(holder)


def test_a_key_in_the_wrong_field_is_not_repeated():
    key = "sk-abcdef1234567890"
    with pytest.raises(errors.IllegalGroupName) as caught:
        CloudBase(env="env-demo", api_key="k").ai().create_model(key)
    assert key not in str(caught.value.as_dict())
    with pytest.raises(errors.IllegalEnvironment) as refused:
        CloudBase(env=f"{key}!", api_key="k")
    assert key not in str(refused.value.as_dict())

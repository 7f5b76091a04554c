"""A canary for a key: whatever call fails, however it fails, it is in nothing that can be read."""

import asyncio
import gc
import logging
import re
import socket
import warnings
from contextlib import asynccontextmanager

import pytest

from chat.cloudbase import (
    CloudBase,
    GroupSecret,
    HttpPool,
    OpenAICompatible,
    Patience,
    control_plane,
    errors,
)
from chat.cloudbase.transport import Call
from tests.cloudbase import secret_calls
from tests.cloudbase.secret_calls import (
    API_KEY,
    CHAT_CALLS,
    COMPATIBLE_CALLS,
    CONTROL_CALLS,
    GATEWAY_CALLS,
    GROUP_KEY,
    PAIR,
)
from tests.cloudbase.telling import CANARY, everything_in
from tests.fakes.telltale import Failure, Telltale

HURRIED = Patience(connect=0.5, first_byte=0.3, idle=0.2, after_finish=0.1)
CALLER_WAITS = 1.5
"""Seconds; then the caller gives up, as on a picture, for which the client waits for minutes."""

GIVEN = re.compile(r" +(_|event) = (ServerSentEvent|AgentChunk)\(")
"""A local variable with an item of a raw stream."""

PADDING = "x" * 300
STREAM = "text/event-stream"
FAILURES = {
    "401 json": Failure("401 No", '{"error": {"message": "bad {echo}", "code": "{echo}"}}'),
    "401 envelope": Failure("401 No", '{"code": "X{echo}", "message": "", "requestId": "{echo}"}'),
    "403 html": Failure("403 No", "<title>bad {echo}</title>", "text/html"),
    "400 text": Failure("400 No", "{echo}", "text/plain"),
    "400 cut": Failure("400 No", PADDING + "{echo}" * 40, "text/plain"),
    "400 hanging": Failure("400 No", "{echo}", "text/plain", ending="hang"),
    "302": Failure("302 There", "{echo}", "text/html", "Location: /{echo}\r\n"),
    "429": Failure("429 Busy", "{echo}", "text/plain", "Retry-After: {echo}\r\n"),
    "503": Failure("503 Busy", "{echo}", "text/plain", "X-Request-Id: {echo}\r\n"),
    "200 code": Failure(body='{"code": "X{echo}", "requestId": "{echo}"}'),
    "200 error": Failure(body='{"error": {"note": "{echo}"}, "note": "{echo}"}'),
    "200 Error": Failure(
        body='{"Response": {"Error": {"Code": "InvalidParameter.{echo}", "Message": "{echo}"},'
        ' "RequestId": "{echo}"}, "code": "{echo}"}'
    ),
    "200 garbage": Failure(body="{echo}"),
    "200 hanging": Failure(body='{"note": "{echo}', ending="hang"),
    "200 reset": Failure(body='{"note": "{echo}', ending="reset"),
    "status line": Failure("401 bad {echo}"),
    "headers": Failure(
        "400 No", headers="Set-Cookie: {echo}\r\nWWW-Authenticate: {echo}\r\nX-A: {echo}\r\n"
    ),
    "bad header": Failure(headers="{echo} \0 : x\r\n"),
    "bad coding": Failure(body="{echo}", headers="Content-Encoding: gzip\r\n"),
    "bad length": Failure(body="{echo}", headers="Content-Length: {echo}\r\n"),
    "bad chunks": Failure(body="{echo}\r\n", headers="Transfer-Encoding: chunked\r\n"),
    "long line": Failure(headers="X-A: {echo}" + "x" * 10000 + "\r\n"),
    "error frame": Failure(body='data: {"code": "X", "message": "{echo}"}\n\n', kind=STREAM),
    "agent frame": Failure(
        body='data: {"finish_reason": "error", "error": {"message": {"a": "{echo}"}}}\n\n',
        kind=STREAM,
    ),
    "garbage frame": Failure(body="data: {echo}\n\n", kind=STREAM),
    "stream ends": Failure(body=": {echo}\n\n", kind=STREAM),
    "stream hangs": Failure(body=": {echo}\n\n", kind=STREAM, ending="hang"),
    "stream resets": Failure(body=": {echo}\n\n", kind=STREAM, ending="reset"),
    "stream truncated": Failure(
        body="fff\r\ndata: {echo}", kind=STREAM, headers="Transfer-Encoding: chunked\r\n"
    ),
    "silence": Failure(protocol="", ending="hang"),
    "reset": Failure(protocol="", ending="reset"),
    "nothing": Failure(protocol=""),
    "wrong protocol": Failure("{echo}", protocol="220"),
}


@asynccontextmanager
async def app_at(url, kind=CloudBase, patience=HURRIED, **keys):
    """A client, by itself with little patience; both planes are at the address."""
    where = {"base_url": url}
    if kind is CloudBase:
        where |= {"env": "env-demo", "control_url": url}
    async with (
        HttpPool(backoff=0.001) as pool,
        kind(**where, **keys, http=pool, patience=patience) as app,
    ):
        app.ai().register_function_tool(secret_calls.look_of(keys))
        yield app


async def failure_of(call, app, seconds):
    """What a call raises, None if it does well; after so many seconds the caller gives up."""
    try:
        async with asyncio.timeout(seconds):
            await call(app)
    except (errors.CloudBaseError, TimeoutError) as error:
        return error
    return None


async def leaks_of(calls, app, seconds=CALLER_WAITS):
    """Make all calls at once; return what tells a key, by the name of its call."""
    failures = await asyncio.gather(*(failure_of(call, app, seconds) for call in calls.values()))
    leaks = {}
    for name, failure in zip(calls, failures, strict=True):
        assert failure is not None, f"{name} did not fail"
        if places := telling(everything_in(failure)):
            leaks[name] = places
    return leaks


def telling(text):
    """The lines that tell a key, or the signature made with it; but not what a stream has given,
    untouched, to whoever read it."""
    return [
        line
        for line in text.splitlines()
        if (CANARY in line or is_signature(line)) and not GIVEN.match(line)
    ]


def is_signature(line):
    _, _, signature = line.partition("Signature=")
    return signature[:8].isalnum()


def logged(caplog):
    """Every record, but the loopback servers' own."""
    written = logging.Formatter("%(name)s %(message)s")
    ours = [record for record in caplog.records if not record.name.startswith("aiohttp.server")]
    return "\n".join(f"{written.format(record)} {vars(record)}" for record in ours)


@pytest.fixture
def is_silent(caplog):
    """Whether nothing was logged or warned of, either."""
    caplog.set_level(logging.DEBUG)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")

        def check():
            gc.collect()  # what is left open warns now
            return telling(logged(caplog)) == [] == telling("\n".join(map(str, warned)))

        yield check


@pytest.mark.parametrize("name", FAILURES)
async def test_no_failing_call_tells_a_key(name, is_silent):
    async with Telltale(FAILURES[name]) as telltale:
        url = telltale.url
        async with (
            app_at(url, api_key=API_KEY, **PAIR) as by_key,
            app_at(url, **PAIR) as by_pair,
            app_at(url, OpenAICompatible, api_key=API_KEY) as compatible,
        ):
            leaks = await asyncio.gather(
                leaks_of(GATEWAY_CALLS | CONTROL_CALLS, by_key),
                leaks_of(GATEWAY_CALLS, by_pair),
                leaks_of(COMPATIBLE_CALLS, compatible),
            )
    assert not any(leaks)
    assert all(CANARY.encode() in request for request in telltale.heard)
    assert len(telltale.heard) >= 2 * len(GATEWAY_CALLS) + len(CONTROL_CALLS)
    assert is_silent()


@pytest.mark.parametrize("name", ["silence", "200 hanging", "stream hangs"])
async def test_a_caller_who_gives_up_learns_no_key(name, is_silent):
    # A cancellation has passed through the HTTP libraries, whose variables hold the headers.
    async with (
        Telltale(FAILURES[name]) as telltale,
        app_at(telltale.url, patience=Patience(), api_key=API_KEY, **PAIR) as app,
    ):
        assert await leaks_of(GATEWAY_CALLS | CONTROL_CALLS, app, seconds=0.5) == {}
    assert telltale.heard
    assert is_silent()


@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}", "https://127.0.0.1:{port}"])
async def test_no_connection_tells_no_key(url, is_silent):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # taken, but nobody listens
        where = url.format(port=nobody.getsockname()[1])
        async with app_at(where, api_key=API_KEY, **PAIR) as app, app_at(where, **PAIR) as by_pair:
            assert await leaks_of(GATEWAY_CALLS | CONTROL_CALLS, app) == {}
            assert await leaks_of(GATEWAY_CALLS, by_pair) == {}
    assert is_silent()


async def test_a_server_without_tls_is_told_no_key(is_silent):
    heard = []

    async def greet(reader, writer):
        heard.append(await reader.read(10000))
        writer.write(b"220 mail.example ESMTP\r\n")
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0, backlog=1000) as listener:
        url = f"https://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        async with app_at(url, api_key=API_KEY, **PAIR) as app:
            assert await leaks_of(GATEWAY_CALLS | CONTROL_CALLS, app) == {}
    assert heard
    assert CANARY.encode() not in b"".join(heard)
    assert is_silent()


async def test_what_a_tool_raises_tells_the_model_no_key():
    async with (
        Telltale(FAILURES["503"]) as telltale,
        app_at(telltale.url, api_key=API_KEY, **PAIR) as app,
    ):
        await failure_of(CHAT_CALLS["ChatModel.generate_text, next step"], app, CALLER_WAITS)
    told = [request.partition(b"\r\n\r\n")[2] for request in telltale.heard]
    assert b'"role":"tool"' in told[-1]
    assert not any(API_KEY.encode() in body for body in told)


def test_every_public_call_is_made_to_fail():
    calls = GATEWAY_CALLS | COMPATIBLE_CALLS | CONTROL_CALLS
    made = {name.partition(",")[0] for name in calls}
    assert made == set(secret_calls.public_calls())
    assert secret_calls.public_actions() == {f"ControlPlane.{name}" for name in actions()}


def actions():
    return {name.partition(",")[0].removeprefix("ControlPlane.") for name in CONTROL_CALLS}


async def test_nothing_that_holds_a_key_shows_it():
    async with (
        app_at("http://127.0.0.1:1", api_key=API_KEY, **PAIR) as by_key,
        app_at("http://127.0.0.1:1", **PAIR) as by_pair,
    ):
        held = [*secret_calls.holders(by_key), *secret_calls.holders(by_pair), GROUP_KEY]
    held += [control_plane.ApiKey(key_id="key-1", api_key=API_KEY), Call(body=API_KEY.encode())]
    assert telling("\n".join(f"{holder!r} {holder!s}" for holder in held)) == []


@pytest.mark.parametrize("wrong", [{"api_key": f"{API_KEY}é"}, {"access_token": API_KEY}])
def test_a_refused_key_is_not_repeated(wrong):
    # The locals of the traceback are left out: whoever gives a key holds it.
    with pytest.raises(errors.RequestError) as refused:
        CloudBase(**{"env": "env-demo", "api_key": API_KEY} | wrong)
    error = refused.value
    assert telling(f"{error!r} {error} {vars(error)} {error.as_dict()} {error.__context__!r}") == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"remark": "\ud800"},
        {"remark": object()},
        {"secret": GroupSecret(api_key=f"{CANARY}\ud800")},
    ],
)
async def test_what_cannot_be_written_as_json_tells_no_key(wrong):
    async with app_at("http://127.0.0.1:1", api_key=API_KEY, **PAIR) as app:
        with pytest.raises(errors.RequestError) as refused:
            await app.control_plane().update_ai_model("custom-a", **{"secret": GROUP_KEY} | wrong)
    # Without the first frame, which is ours and holds what we made it of.
    assert telling(everything_in(refused.value.with_traceback(refused.tb.tb_next))) == []


def test_a_key_in_the_wrong_field_is_not_repeated():
    key = "sk-abcdef1234567890"
    with pytest.raises(errors.IllegalGroupName) as caught:
        CloudBase(env="env-demo", api_key="k").ai().create_model(key)
    assert key not in str(caught.value.as_dict())
    with pytest.raises(errors.IllegalEnvironment) as refused:
        CloudBase(env=f"{key}!", api_key="k")
    assert key not in str(refused.value.as_dict())

"""Odd statuses without a network, and every way a connection can fail on a real one."""

import asyncio
import gzip
import time
from contextlib import asynccontextmanager
from email.utils import formatdate

import httpx
import pytest

from chat.cloudbase import HttpPool, OpenAICompatible, errors
from chat.cloudbase.credentials import Bearer
from chat.cloudbase.transport import Call, Endpoint
from tests.cloudbase.conftest import QUICK, gathered, text_of
from tests.fakes.model_server import Script, refusal

GOOD = {"choices": [{"message": {"content": "yes"}, "finish_reason": "stop"}]}
STREAM = (
    'data: {"choices": [{"delta": {"content": "yes"}}]}\n\n'
    'data: {"choices": [{"delta": {}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'
)
SSE = {"content-type": "text/event-stream"}


@asynccontextmanager
async def answering(*answers, base_url="http://model/v1"):
    """A model behind which there is no network: each request gets the next answer."""
    left = list(answers)
    requests = []

    async def answer(request):
        requests.append(request)
        following = left.pop(0)
        if isinstance(following, Exception):
            raise following
        return following

    async with HttpPool(transport=httpx.MockTransport(answer), backoff=0.01) as pool:
        app = OpenAICompatible(base_url=base_url, api_key="key-1", http=pool, patience=QUICK)
        yield app.ai().create_model("custom-lab"), requests


@asynccontextmanager
async def speaking(speak):
    """A model at the other end of a real socket, where `speak(reader, writer)` does as it likes."""
    ends = []

    async def serve(reader, writer):
        ends.append(ended := asyncio.Event())
        await speak(reader, writer)
        writer.close()
        ended.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with (
        HttpPool(backoff=0.01) as pool,
        OpenAICompatible(base_url=f"http://127.0.0.1:{port}/v1", http=pool, patience=QUICK) as app,
    ):
        yield app.ai().create_model("custom-lab")
    server.close()
    await server.wait_closed()
    await asyncio.gather(*(ended.wait() for ended in ends))


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
PIECE = b'data: {"choices": [{"delta": {"content": "yes"}}]}\n\n'


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


# ── statuses ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (httpx.Response(200, json={"code": "AI_MODEL_DISABLED"}), errors.ModelDisabled),
        (httpx.Response(200, json={"error": {"message": "m"}}), errors.ProviderFailed),
        (httpx.Response(200, html="<title>Welcome</title>"), errors.ProviderSpokeGarbage),
        (httpx.Response(200, text="hello"), errors.ProviderSpokeGarbage),
        (httpx.Response(204), errors.ProviderSpokeGarbage),
        (httpx.Response(302, headers={"location": "http://elsewhere"}), errors.WrongAddress),
        (httpx.Response(401, json={"code": "MISSING_CREDENTIALS"}), errors.KeyRefused),
        (httpx.Response(404, html="<h1>Not here</h1>"), errors.WrongAddress),
        (httpx.Response(500, content=b"x" * 1_000_000), errors.ProviderFailed),
        (
            httpx.Response(
                400, headers={"content-encoding": "gzip"}, stream=httpx.ByteStream(b"no gzip")
            ),
            errors.ProviderSpokeGarbage,
        ),
    ],
)
async def test_a_refused_stream_and_a_refused_call_end_the_same(answer, kind, question):
    async with answering(answer) as (model, _):
        events, failure = await gathered(model, question)
    assert (events, type(failure)) == ([], kind)


async def test_a_refused_call_raises_what_the_body_says(question):
    body = {"code": "AI_MODEL_NOT_SUPPORTED", "message": "m2 is not enabled", "requestId": "r1"}
    async with answering(httpx.Response(403, json=body)) as (model, _):
        with pytest.raises(errors.ModelNotEnabled) as caught:
            await model.complete(question)
    assert (caught.value.detail, caught.value.request_id) == ("m2 is not enabled", "r1")


async def test_a_normal_code_is_an_answer(question):
    async with answering(httpx.Response(200, json=GOOD | {"code": "NORMAL"})) as (model, _):
        assert (await model.complete(question)).text == "yes"


async def test_a_packed_stream_is_unpacked(question):
    packed = gzip.compress(STREAM.encode())
    answer = httpx.Response(200, headers=SSE | {"content-encoding": "gzip"}, content=packed)
    async with answering(answer) as (model, _):
        events, failure = await gathered(model, question)
    assert (text_of(events), failure) == ("yes", None)


async def test_an_endless_answer_is_not_kept(question):
    async with answering(httpx.Response(200, content=b" " * (17 << 20))) as (model, _):
        with pytest.raises(errors.ProviderSpokeGarbage):
            await model.complete(question)


async def test_an_answer_has_no_more_bytes_than_the_caller_allows(server, question):
    server.say = ["x" * 100] * 20
    where = {"base_url": server.base_url, "patience": QUICK}
    async with HttpPool() as pool:
        for limit, kind in ((50_000, type(None)), (1000, errors.AnswerTooLong)):
            app = OpenAICompatible(**where, http=pool, answer_limit=limit)
            model = app.ai().create_model("custom-lab")
            _, streamed = await gathered(model, question)
            assert type(streamed) is kind
        with pytest.raises(errors.AnswerTooLong):
            await model.complete(question)


async def test_whoever_answers_at_once_when_a_stream_was_wanted_does_not_stream(question):
    async with answering(httpx.Response(200, json=GOOD)) as (model, _):
        _, failure = await gathered(model, question)
    assert type(failure) is errors.NotStreamed


async def test_what_is_sent(question):
    async with answering(httpx.Response(200, headers=SSE, content=STREAM)) as (model, requests):
        await gathered(model, question)
    sent = requests[0]
    assert sent.headers["accept"] == "text/event-stream"
    assert sent.headers["accept-encoding"] == "identity"
    assert sent.headers["connection"] == "close"
    assert sent.headers["authorization"] == "Bearer key-1"
    assert str(sent.url) == "http://model/v1/chat/completions"


async def test_cookies_are_not_kept(question):
    answers = [httpx.Response(200, json=GOOD, headers={"set-cookie": "a=b"}) for _ in range(2)]
    async with answering(*answers) as (model, requests):
        await model.complete(question)
        await model.complete(question)
    assert "cookie" not in requests[1].headers


async def test_a_pool_that_is_not_open_says_so(question):
    app = OpenAICompatible(base_url="http://model/v1")
    with pytest.raises(RuntimeError, match="not open"):
        await app.ai().create_model("custom-lab").complete(question)


# ── trying again ────────────────────────────────────────────────────────────────────────────

BUSY = {"code": "EXCEED_CONCURRENT_REQUEST_LIMIT", "message": "busy"}


@pytest.mark.parametrize(
    "first",
    [
        httpx.ConnectError("refused"),
        httpx.ConnectTimeout("slow"),
        httpx.Response(429, json=BUSY),
        httpx.Response(502),
        httpx.Response(503, headers={"retry-after": "0.01"}),
        httpx.Response(504),
    ],
)
async def test_what_cost_nothing_is_tried_again(first, question):
    good = httpx.Response(200, headers=SSE, content=STREAM)
    async with answering(first, good) as (model, requests):
        events, failure = await gathered(model, question)
    assert (text_of(events), failure, len(requests)) == ("yes", None, 2)


@pytest.mark.parametrize(
    "first",
    [
        httpx.Response(400),
        httpx.Response(401),
        httpx.Response(429),
        httpx.Response(429, json={"code": "EXCEED_TOKEN_QUOTA_LIMIT"}),
        httpx.Response(500),
        httpx.Response(503, headers={"retry-after": "60"}),
        httpx.ReadTimeout("slow"),
        httpx.RemoteProtocolError("Server disconnected"),
    ],
)
async def test_anything_else_is_not_tried_again(first, question):
    async with answering(first) as (model, requests):
        _, failure = await gathered(model, question)
    assert isinstance(failure, errors.CloudBaseError)
    assert len(requests) == 1


async def test_a_pool_may_try_only_once(question):
    requests = []

    def answer(request):
        requests.append(request)
        return httpx.Response(503)

    async with HttpPool(transport=httpx.MockTransport(answer), tries=1) as pool:
        app = OpenAICompatible(base_url="http://model/v1", http=pool)
        _, failure = await gathered(app.ai().create_model("custom-lab"), question)
    assert (type(failure), len(requests)) == (errors.ProviderBusy, 1)


async def test_three_tries_are_enough(question):
    async with answering(*(httpx.Response(503) for _ in range(3))) as (model, requests):
        with pytest.raises(errors.ProviderBusy):
            await model.complete(question)
    assert len(requests) == 3


async def test_a_wish_to_wait_is_granted(question):
    first = httpx.Response(503, headers={"retry-after": "0.2"})
    async with answering(first, httpx.Response(200, json=GOOD)) as (model, _):
        started = time.monotonic()
        await model.complete(question)
    assert time.monotonic() - started >= 0.2


@pytest.mark.parametrize(("seconds", "requests_made"), [(-60, 2), (3600, 1)])
async def test_a_time_to_wait_for_is_awaited_or_too_far_off(seconds, requests_made, question):
    moment = formatdate(time.time() + seconds, usegmt=True)
    first = httpx.Response(429, json=BUSY, headers={"retry-after": moment})
    good = httpx.Response(200, headers=SSE, content=STREAM)
    async with answering(first, good) as (model, requests):
        await gathered(model, question)
    assert len(requests) == requests_made


async def test_a_wish_to_wait_is_no_reason_to_try_again(question):
    first = httpx.Response(500, headers={"retry-after": "0"})
    async with answering(first) as (model, requests):
        with pytest.raises(errors.ProviderFailed):
            await model.complete(question)
    assert len(requests) == 1


async def test_turned_away_with_a_good_status_is_tried_again(question):
    good = httpx.Response(200, json=GOOD)
    async with answering(httpx.Response(200, json=BUSY), good) as (model, requests):
        assert (await model.complete(question)).text == "yes"
    assert len(requests) == 2
    stream = httpx.Response(200, headers=SSE, content=STREAM)
    async with answering(httpx.Response(200, json=BUSY), stream) as (model, requests):
        events, _ = await gathered(model, question)
    assert (text_of(events), len(requests)) == ("yes", 2)


async def test_what_must_not_be_done_twice_is_done_once_when_nobody_knows():
    answers = [httpx.ConnectError("refused"), httpx.Response(503)]

    def answer(_):
        following = answers.pop(0)
        if isinstance(following, Exception):
            raise following
        return following

    async with HttpPool(transport=httpx.MockTransport(answer), backoff=0.01) as pool:
        with pytest.raises(errors.ProviderBusy):
            await pool.call(Endpoint("http://model/v1", Bearer("key-1")), Call(is_repeatable=False))
    assert answers == []


async def test_every_request_gets_more_headers_and_keeps_its_own():
    requests: list[httpx.Request] = []
    more = iter([{"traceparent": "one", "x-own": "another's"}, {"traceparent": "two"}])

    async def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, json={})

    pool = HttpPool(transport=httpx.MockTransport(answer), more_headers=lambda: next(more))
    async with pool:
        for _ in range(2):
            call = Call(headers={"x-own": "own"})
            await pool.call(Endpoint("http://model/v1", Bearer("key-1")), call)
    assert [request.headers["traceparent"] for request in requests] == ["one", "two"]
    assert {request.headers["x-own"] for request in requests} == {"own"}
    assert {request.headers["authorization"] for request in requests} == {"Bearer key-1"}


async def test_nothing_is_tried_again_after_the_first_byte(server, asked):
    server.tell(ending="reset", finish_reason=None, usage="none")
    events, failure = await asked()
    assert text_of(events) == "Hello there"
    assert isinstance(failure, errors.StreamBroken)
    assert len(server.requests) == 1


async def test_refused_twice_then_answered_on_a_real_socket(server, question):
    server.once(Script(status=503), refusal(429, "EXCEED_CONCURRENT_REQUEST_LIMIT"))
    async with (
        HttpPool(backoff=0.01) as pool,
        OpenAICompatible(base_url=server.base_url, http=pool) as app,
    ):
        events, failure = await gathered(app.ai().create_model("custom-lab"), question)
    assert (text_of(events), failure) == ("Hello there", None)


# ── real connections ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("http://127.0.0.1:1/v1", errors.ConnectionRefused),
        ("http://nowhere.invalid/v1", errors.ProviderUnreachable),
    ],
)
async def test_no_connection_is_unreachable(url, kind, question):
    async with (
        HttpPool(backoff=0.01) as pool,
        OpenAICompatible(base_url=url, http=pool, patience=QUICK) as app,
    ):
        _, failure = await gathered(app.ai().create_model("custom-lab"), question)
    assert type(failure) is kind


async def test_plain_text_where_tls_should_be_is_not_trusted(server, question):
    url = server.base_url.replace("http:", "https:")
    async with OpenAICompatible(base_url=url, patience=QUICK) as app:
        _, failure = await gathered(app.ai().create_model("custom-lab"), question)
    assert type(failure) is errors.ProviderNotTrusted


async def closes_at_once(_reader, _writer):
    pass


async def closes_after_the_request(reader, _writer):
    await reader.readuntil(b"\r\n\r\n")


async def resets_after_the_request(reader, writer):
    await reader.readuntil(b"\r\n\r\n")
    writer.transport.abort()


async def half_a_head(reader, writer):
    await reader.readuntil(b"\r\n\r\n")
    writer.write(HEAD[:30])
    await writer.drain()


async def another_protocol(_reader, writer):
    writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
    await writer.drain()


@pytest.mark.parametrize(
    ("speak", "kind"),
    [
        (closes_at_once, errors.ProviderHungUp),
        (closes_after_the_request, errors.ProviderHungUp),
        (resets_after_the_request, errors.ProviderHungUp),
        (half_a_head, errors.ProviderHungUp),
        (another_protocol, errors.ProviderSpokeGarbage),
    ],
)
async def test_a_connection_without_an_answer(speak, kind, question):
    async with speaking(speak) as model:
        events, failure = await gathered(model, question)
    assert (events, type(failure)) == ([], kind)


async def test_a_server_that_takes_the_call_and_says_nothing_has_timed_out(server, asked):
    server.tell(silence=30)
    started = time.monotonic()
    events, failure = await asked()
    assert (events, type(failure)) == ([], errors.ProviderTimedOut)
    assert time.monotonic() - started < 3


async def test_silence_in_the_middle_has_timed_out_after_what_was_said(server, asked):
    server.tell(delays=[0, 30])
    events, failure = await asked()
    assert (text_of(events), type(failure)) == ("Hello", errors.ProviderTimedOut)


@pytest.mark.parametrize(
    "end",
    [b"", b"40\r\ndata: {", b"nonsense\r\n", chunk(b'data: {"choices"')],
    ids=["closed", "truncated", "no chunk", "half an event"],
)
@pytest.mark.parametrize("is_reset", [False, True])
async def test_a_stream_that_dies_is_broken_after_what_was_said(end, is_reset, question):
    async def dies(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HEAD + chunk(PIECE))
        await writer.drain()
        await asyncio.sleep(0.02)
        writer.write(end)
        await writer.drain()
        if is_reset:
            writer.transport.abort()

    async with speaking(dies) as model:
        events, failure = await gathered(model, question)
    assert (text_of(events), type(failure)) == ("yes", errors.StreamBroken)


async def test_an_error_told_just_before_a_reset_is_heard(question):
    last = b'data: {"code": "EXCEED_TOKEN_QUOTA_LIMIT", "message": "used up"}\n\n'

    async def dies(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HEAD + chunk(PIECE))
        await writer.drain()
        await asyncio.sleep(0.02)  # so that the reader takes the piece, and rests
        writer.write(chunk(PIECE) + chunk(last))
        await writer.drain()
        writer.transport.abort()

    async with speaking(dies) as model:
        events, failure = await gathered(model, question, pace=0.2)
    assert (text_of(events), type(failure)) == ("yesyes", errors.QuotaExhausted)


async def test_a_connection_serves_one_request(question):
    connections = []

    async def once(reader, writer):
        connections.append(writer)
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"connection: close" in head.lower()
        body = STREAM.encode()
        writer.write(HEAD + chunk(body) + b"0\r\n\r\n")  # and the connection stays open
        await writer.drain()
        await reader.read()

    async with speaking(once) as model:
        for _ in range(5):
            _, failure = await gathered(model, question)
            assert failure is None
    assert len(connections) == 5


async def test_two_hundred_streams_at_once(server, model, question):
    server.tell(say=["a", "b"], delays=[0.3, 0])
    started = time.monotonic()
    answers = await asyncio.gather(*(gathered(model, question) for _ in range(200)))
    assert {text_of(events) for events, _ in answers} == {"ab"}
    assert time.monotonic() - started < 10

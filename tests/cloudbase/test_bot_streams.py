"""An agent's answer as three streams: who may read it when, and how it ends."""

import asyncio
import json
from contextlib import aclosing, asynccontextmanager

import httpx
import pytest

from chat.cloudbase import CloudBase, HttpPool, Patience, errors
from chat.cloudbase.events import UsageReported
from tests.cloudbase.telling import CANARY, everything_in
from tests.cloudbase.test_agent_chunks import GREETING, frame, sse
from tests.fakes.agents import BOT_ID
from tests.fakes.environment_state import API_KEY
from tests.fakes.quirks import Quirks

QUICK = Patience(connect=1, first_byte=1, idle=0.3, after_finish=0.1)


class Source(httpx.AsyncByteStream):
    """A body in pieces; an exception among them is raised, a number waited in seconds."""

    def __init__(self, *pieces):
        self.pieces = pieces
        self.given = 0
        self.is_closed = False

    async def __aiter__(self):
        for piece in self.pieces:
            if isinstance(piece, Exception):
                raise piece
            if isinstance(piece, float):
                await asyncio.sleep(piece)
            else:
                self.given += 1
                yield piece

    async def aclose(self):
        self.is_closed = True


@asynccontextmanager
async def said(*pieces, key="key-1"):
    """An agent that says these bytes, and the body they come from."""
    body = Source(*pieces)
    kind = {"content-type": "text/event-stream"}
    answer = httpx.Response(200, headers=kind, stream=body)
    async with HttpPool(transport=httpx.MockTransport(lambda _: answer)) as pool:
        app = CloudBase(env="env-demo", api_key=key, http=pool, patience=QUICK)
        yield await app.ai().bot.send_message(bot_id="b", msg="Hello"), body


async def all_of(stream):
    """What a stream yields, and what it raises in the end."""
    items, failure = [], None
    try:
        async with aclosing(stream):
            async for item in stream:
                items.append(item)
    except errors.CloudBaseError as error:
        failure = error
    return items, failure


# ── three streams ───────────────────────────────────────────────────────────────────────────


async def whole(stream):
    streams = (stream.text_stream, stream.data_stream, stream.event_stream)
    return [await all_of(one) for one in streams]


async def test_the_streams_can_be_read_one_after_the_other():
    async with said(sse(*GREETING)) as (stream, body):
        texts, chunks, events = await whole(stream)
        again = await whole(stream)
    assert texts == (["Good ", "day. 船"], None)
    assert [chunk.raw for chunk in chunks[0]] == GREETING
    assert [event.data for event in events[0]] == [*map(json.dumps, GREETING), "[DONE]"]
    assert [texts, chunks] == again[:2]
    assert body.is_closed


async def test_the_streams_can_be_read_at_once():
    pieces = [bytes([byte]) for byte in sse(*GREETING[2:])]
    async with said(*[b"".join(pieces[i : i + 60]) for i in range(0, len(pieces), 60)]) as (
        stream,
        _,
    ):
        texts, chunks, events = await asyncio.gather(
            all_of(stream.text_stream), all_of(stream.data_stream), all_of(stream.event_stream)
        )
    assert texts == (["Good ", "day. 船"], None)
    assert [len(chunks[0]), len(events[0])] == [3, 4]


async def test_events_keep_their_names_and_ids():
    told = b"event: message\nid: 7\ndata: {}\n\n" + sse(frame(finish_reason="stop"))
    async with said(told) as (stream, _):
        (first, *_, last), _ = await all_of(stream.event_stream)
    assert (first.event, first.id, first.data, last.data) == ("message", "7", "{}", "[DONE]")


async def test_the_answer_is_there_as_it_comes():
    async with (
        said(sse(*GREETING[:3], done=False), 0.2, sse(*GREETING[3:])) as (stream, body),
        aclosing(stream.text_stream) as texts,
    ):
        assert await anext(texts) == "Good "
        assert body.given == 1
        assert await anext(texts) == "day. 船"


async def test_questions_are_lines():
    told = frame(content="How do I start?\n\n What does it cost? \n", finish_reason="stop")
    async with said(sse(told)) as (stream, _):
        assert await stream.lines() == ["How do I start?", "What does it cost?"]


# ── leaving ─────────────────────────────────────────────────────────────────────────────────


LONG = [sse(*GREETING[:3], done=False), 30.0, sse(*GREETING[3:])]


@pytest.mark.parametrize("name", ["text_stream", "data_stream", "event_stream"])
async def test_leaving_a_stream_early_closes_the_connection(name):
    async with said(*LONG) as (stream, body):
        async for _ in getattr(stream, name):
            break
        await asyncio.sleep(0.01)  # Python closes a generator that was left in a task of its own
        assert body.is_closed
        _, failure = await all_of(stream.text_stream)
    assert isinstance(failure, errors.StreamLeft)


async def test_whoever_leaves_at_done_has_read_to_the_end():
    async with said(sse(*GREETING)) as (stream, _body):
        async for event in stream.event_stream:
            if event.data == "[DONE]":
                break
        await asyncio.sleep(0.01)
        assert await stream.text() == "Good day. 船"


async def test_leaving_the_block_closes_the_connection():
    async with said(*LONG) as (stream, body):
        async with stream:
            assert not body.is_closed
        assert body.is_closed
        await stream.aclose()


async def test_cancelling_the_reader_closes_the_connection():
    async with said(*LONG) as (stream, body):
        reader = asyncio.create_task(stream.text())
        await asyncio.sleep(0.01)
        reader.cancel()
        await asyncio.wait([reader])
        assert reader.cancelled()
        await asyncio.sleep(0)
        assert body.is_closed


async def test_an_answer_nobody_reads_is_closed_with_its_stream():
    async with said(*LONG) as (stream, body):
        await stream.aclose()
        assert body.is_closed


# ── endings ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("reason", ["stop", "length"])
@pytest.mark.parametrize(
    "ending", [[], [httpx.ReadError("reset")], [30.0], [b'data: {"type": "te'], [b": bye\n\n"]]
)
async def test_what_happens_after_a_complete_answer_is_no_trouble(reason, ending):
    told = sse(frame(content="Yes."), frame(finish_reason=reason), done=False)
    async with said(told, *ending) as (stream, body):
        assert await all_of(stream.text_stream) == (["Yes."], None)
        assert body.is_closed


async def test_done_without_a_reason_is_an_end_too():
    async with said(sse(frame(content="Yes."))) as (stream, _):
        assert await all_of(stream.text_stream) == (["Yes."], None)


async def test_nothing_is_read_after_done():
    async with said(sse(*GREETING) + sse(frame(content="more")), 30.0) as (stream, _):
        assert await stream.text() == "Good day. 船"


@pytest.mark.parametrize(
    ("ending", "kind"),
    [
        ([], errors.StreamBroken),
        ([b'data: {"type": "te'], errors.StreamBroken),
        ([httpx.ReadError("reset")], errors.StreamBroken),
        ([30.0], errors.ProviderTimedOut),
        ([b"data: {nonsense}\n\n"], errors.ProviderSpokeGarbage),
        ([b"data: 7\n\n"], errors.ProviderSpokeGarbage),
        ([b"data: " + b"x" * 1_100_000], errors.AnswerTooLong),
    ],
)
async def test_what_arrived_comes_before_the_trouble(ending, kind):
    told = sse(frame(content="Y"), frame(content="es", finish_reason="continue"), done=False)
    async with said(told, *ending) as (stream, body):
        texts, chunks, events = await whole(stream)
    assert texts[0] == ["Y", "es"]
    assert {type(failure) for _, failure in (texts, chunks, events)} == {kind}
    assert body.is_closed


@pytest.mark.parametrize(
    ("members", "kind", "detail"),
    [
        (
            {"error": {"code": "AGENT_REQUEST_LLM_ERROR", "message": "no"}},
            errors.AgentModelFailed,
            "no",
        ),
        (
            {"error": {"code": "AGENT_REQUEST_KNOWLEDGE_ERROR", "message": "no"}},
            errors.AgentKnowledgeFailed,
            "no",
        ),
        ({"error": {"code": "X", "message": "no"}}, errors.ProviderFailed, "no"),
        ({"error": {"message": {"toolCallId": "t1"}}}, errors.ProviderFailed, "t1"),
        ({"error": "boom"}, errors.ProviderFailed, "boom"),
        (
            {"finish_reason": "error", "error": {"code": "AGENT_SERVER_ERR", "message": "no"}},
            errors.AgentFailed,
            "no",
        ),
        ({"finish_reason": "error"}, errors.ProviderFailed, None),
        ({"finish_reasion": "error"}, errors.ProviderFailed, None),
        ({"finish_reason": "content_filter"}, errors.ContentBlocked, None),
        (
            {"finish_reason": "content_filter", "error": {"code": "X", "message": "no"}},
            errors.ContentBlocked,
            "no",
        ),
        ({"code": "AGENT_SERVER_ERR", "message": "no"}, errors.AgentFailed, "no"),
        ({"code": "EXCEED_TOKEN_QUOTA_LIMIT", "message": "no"}, errors.QuotaExhausted, "no"),
    ],
)
async def test_an_error_in_a_frame_ends_the_answer(members, kind, detail):
    told = sse(frame(content="Y"), frame(content="es", **members), frame(content="never"))
    async with said(told, 30.0) as (stream, body):
        texts, chunks, events = await whole(stream)
    assert texts[0] == ["Y", "es"]
    assert [len(chunks[0]), len(events[0])] == [2, 2]
    assert {type(failure) for _, failure in (texts, chunks, events)} == {kind}
    assert detail is None or detail in texts[1].detail
    assert body.is_closed


@pytest.mark.parametrize("members", [{"error": {}}, {"error": None}, {"code": "NORMAL"}])
async def test_an_empty_error_is_none(members):
    async with said(sse(frame(content="x", **members), frame(finish_reason="stop"))) as (stream, _):
        assert await stream.text() == "x"


@pytest.mark.parametrize("name", ["send_message", "get_recommend_questions"])
async def test_a_refused_question_is_known_before_the_stream(name):
    body = {"code": "AGENT_GET_INFO_ERROR", "message": "no agent b", "requestId": "r1"}
    for status in (200, 400):
        answer = httpx.Response(status, json=body)
        async with HttpPool(transport=httpx.MockTransport(lambda _, said=answer: said)) as pool:
            bot = CloudBase(env="env-demo", api_key="k", http=pool).ai().bot
            with pytest.raises(errors.AgentLookupFailed) as caught:
                await getattr(bot, name)(bot_id="b", msg="Hello")
        assert caught.value.detail == "no agent b"


# ── on a real network ───────────────────────────────────────────────────────────────────────


@pytest.fixture
async def bot(environment):
    url = environment.gateway_url
    async with CloudBase(env="env-demo", api_key=API_KEY, base_url=url, patience=QUICK) as app:
        yield app.ai().bot


@pytest.mark.parametrize(
    "quirks",
    [
        {},
        {"finish_reason_is_called": "finish_reasion"},
        {"agent_usage_is_camel_case": True, "times_are_text": True},
    ],
)
async def test_an_agent_answers_however_it_spells(quirks, environment, bot):
    environment.quirks = Quirks(**quirks)
    environment.agents.tell(think=["Hm."], ends_with_done=False)
    stream = await bot.send_message(bot_id=BOT_ID, msg="Hello")
    texts, chunks, _ = await whole(stream)
    assert texts == (["Good ", "day."], None)
    last = chunks[0][-1]
    assert (last.finish_reason, last.created) == ("stop", 1760000000)
    assert last.usage == UsageReported(12, 3, 15)
    questions = await bot.get_recommend_questions(bot_id=BOT_ID, msg="Hello")
    assert await questions.lines() == [*environment.agents.questions]


async def test_an_agent_that_fails_says_so_after_what_it_said(environment, bot):
    environment.agents.tell(error={"code": "AGENT_REQUEST_LLM_ERROR", "message": "no"})
    stream = await bot.send_message(bot_id=BOT_ID, msg="Hello")
    texts, failure = await all_of(stream.text_stream)
    assert (texts, type(failure)) == (["Good ", "day."], errors.AgentModelFailed)


async def test_an_agent_that_is_not_there_is_refused(bot):
    with pytest.raises(errors.AgentLookupFailed):
        await bot.send_message(bot_id="bot-nobody", msg="Hello")


# ── secrets ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "ending",
    [
        [sse(frame(error={"code": "X", "message": CANARY}))],
        [sse(frame(finish_reason="content_filter", error={"message": CANARY}))],
        [sse(frame(code=CANARY))],
        [sse(CANARY)],
        [httpx.ReadError(CANARY)],
        [b"data: " + CANARY.encode()],
        [(CANARY * 60_000).encode()],
        [30.0],
        [],
    ],
)
@pytest.mark.parametrize("name", ["text_stream", "data_stream", "event_stream"])
async def test_a_failed_stream_does_not_tell_the_key(name, ending):
    told = sse(frame(type="thinking", reasoning_content=CANARY), done=False)
    async with said(told, *ending, key=CANARY) as (stream, _):
        failure = await failure_of(getattr(stream, name))
    assert isinstance(failure, errors.CloudBaseError)
    assert CANARY not in everything_in(failure)


async def failure_of(stream):
    """What ends a stream; this frame is in the traceback and holds nothing that was said."""
    try:
        async for item in stream:
            del item
    except errors.CloudBaseError as error:
        return error

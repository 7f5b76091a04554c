"""What every call about agents sends, and what becomes of trouble."""

import asyncio
import json
import time
from contextlib import asynccontextmanager
from urllib.parse import parse_qsl

import httpx
import pytest

from chat.cloudbase import CloudBase, HttpPool, errors
from chat.cloudbase.bot_values import BotFile, UserFeedback
from tests.cloudbase.bot_calls import CALLS, EVERY_CALL
from tests.cloudbase.telling import CANARY, everything_in
from tests.fakes.agents import BOT_ID
from tests.fakes.environment_state import API_KEY

ROOT = "/v1/aibot"
DONE = httpx.Response(200, text="data: [DONE]\n\n", headers={"content-type": "text/event-stream"})


@asynccontextmanager
async def agents(*answers, key="key-1"):
    """The agents of an environment without a network: each request gets the next answer."""
    left, requests = list(answers), []

    async def answer(request):
        requests.append(request)
        return left.pop(0) if len(left) > 1 else left[0]

    async with HttpPool(transport=httpx.MockTransport(answer), backoff=0.001) as pool:
        app = CloudBase(env="env-demo", api_key=key, http=pool)
        yield app.ai().bot, requests


async def answered(name, answer, **parameters):
    async with agents(httpx.Response(200, json=answer)) as (bot, _):
        return await getattr(bot, name)(**parameters)


# ── requests ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("name", "parameters", "method", "path", "query", "body"), CALLS)
async def test_every_call_is_the_documented_request(name, parameters, method, path, query, body):
    answer = DONE if path.endswith(("send-message", "questions")) else httpx.Response(200, json={})
    async with agents(answer) as (bot, requests):
        result = await getattr(bot, name)(**parameters)
        if answer is DONE:
            await result.aclose()
    (sent,) = requests
    assert (sent.method, sent.url.path) == (method, f"{ROOT}/{path}")
    asked = parse_qsl(sent.url.query.decode(), keep_blank_values=True)
    assert sorted(asked) == sorted(query.items())
    assert (json.loads(sent.content) if sent.content else None) == body
    assert sent.headers["authorization"] == "Bearer key-1"
    assert sent.headers.get("content-type") == (None if body is None else "application/json")


@pytest.mark.parametrize(
    ("bot_id", "path"),
    [
        ("a/b", "a%2Fb"),
        ("a?b#c", "a%3Fb%23c"),
        ("译", "%E8%AF%91"),
        ("a b", "a%20b"),
        ("..a", "..a"),
    ],
)
async def test_an_id_stays_one_part_of_the_path(bot_id, path):
    async with agents(httpx.Response(200, json={})) as (bot, requests):
        await bot.get(bot_id=bot_id)
        await bot.delete_conversation(bot_id="b", conversation_id=bot_id)
    raw = [request.url.raw_path.decode() for request in requests]
    assert raw == [f"{ROOT}/bots/{path}", f"{ROOT}/bots/b/conversation/{path}"]


async def test_the_network_leaves_an_escaped_id_alone():
    seen = []

    async def serve(reader, writer):
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, CloudBase(env="env-demo", api_key="k", base_url=url) as app:
        await app.ai().bot.get_chat_records(bot_id="a/../b c", sort="asc", conversation_id="x&y z")
    target = seen[0].split(b" ")[1].decode()
    assert target == (
        f"{ROOT}/bots/a%2F..%2Fb%20c/records"
        "?sort=asc&pageNumber=1&pageSize=10&conversationId=x%26y+z"
    )


@pytest.mark.parametrize("bot_id", ["", ".", ".."])
async def test_what_would_lead_elsewhere_is_no_id(bot_id):
    async with agents(httpx.Response(200, json={})) as (bot, requests):
        for call, field in (
            (bot.get(bot_id=bot_id), "botId"),
            (bot.send_message(bot_id=bot_id, msg="x"), "botId"),
            (bot.delete_conversation(bot_id="b", conversation_id=bot_id), "conversationId"),
        ):
            with pytest.raises(errors.BotIdIllegal) as caught:
                await call
            assert caught.value.params == {"field": field}
    assert requests == []


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("list", {}),
        ("get_chat_records", {"bot_id": "b", "sort": "asc"}),
        ("get_feedback", {"bot_id": "b"}),
        ("get_conversation", {"bot_id": "b"}),
    ],
)
@pytest.mark.parametrize(
    ("page", "field"), [({"page_number": 0}, "pageNumber"), ({"page_size": 0}, "pageSize")]
)
async def test_pages_are_counted_from_one(name, more, page, field):
    async with agents(httpx.Response(200, json={})) as (bot, requests):
        with pytest.raises(errors.PageTooSmall) as caught:
            await getattr(bot, name)(**more, **page)
    assert caught.value.params == {"field": field, "value": 0, "minimum": 1}
    assert f'"{field}" is 0, but must be at least 1.' in str(caught.value)
    assert requests == []


async def test_a_page_has_at_most_a_hundred_conversations():
    async with agents(httpx.Response(200, json={})) as (bot, requests):
        with pytest.raises(errors.PageTooLarge) as caught:
            await bot.get_conversation(bot_id="b", page_size=101)
    assert caught.value.params == {"field": "pageSize", "value": 101, "maximum": 100}
    assert requests == []


# ── trouble ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", EVERY_CALL)
@pytest.mark.parametrize("status", [200, 400])
async def test_every_call_notices_an_error_whatever_its_status(name, status):
    body = {"code": "AGENT_INVALID_PARAM", "message": "no", "requestId": "r1"}
    async with agents(httpx.Response(status, json=body)) as (bot, requests):
        with pytest.raises(errors.AgentParameterRefused) as caught:
            await getattr(bot, name)(**EVERY_CALL[name])
    assert (caught.value.detail, caught.value.request_id) == ("no", "r1")
    assert len(requests) == 1


@pytest.mark.parametrize(
    ("name", "tries"),
    [
        ("get", 3),
        ("list", 3),
        ("get_chat_records", 3),
        ("get_feedback", 3),
        ("get_conversation", 3),
        ("get_text_to_speech_result", 3),
        ("delete_conversation", 3),
        ("send_message", 1),
        ("get_recommend_questions", 1),
        ("send_feedback", 1),
        ("upload_files", 1),
        ("create_conversation", 1),
        ("speech_to_text", 1),
        ("text_to_speech", 1),
    ],
)
async def test_what_would_count_twice_is_not_sent_again(name, tries):
    async with agents(httpx.Response(502)) as (bot, requests):
        with pytest.raises(errors.ProviderBusy):
            await getattr(bot, name)(**EVERY_CALL[name])
    assert len(requests) == tries


# ── waiting for speech ──────────────────────────────────────────────────────────────────────


def speeches(*statuses):
    return [
        httpx.Response(200, json={"TaskId": "t", "Status": status, "ResultUrl": "u"})
        for status in statuses
    ]


async def test_speech_is_waited_for():
    async with agents(*speeches(0, 1, None, 7, 2)) as (bot, requests):
        speech = await bot.wait_for_speech(bot_id="b", task_id="t", every=0.001)
    assert (speech.result_url, len(requests)) == ("u", 5)


async def test_speech_that_is_ready_is_not_waited_for():
    began = time.monotonic()
    async with agents(*speeches(2)) as (bot, _):
        await bot.wait_for_speech(bot_id="b", task_id="t", every=60)
    assert time.monotonic() - began < 1


async def test_speech_that_failed_is_not_waited_for():
    async with agents(*speeches(1, 3)) as (bot, requests):
        with pytest.raises(errors.SpeechFailed):
            await bot.wait_for_speech(bot_id="b", task_id="t", every=0.001)
    assert len(requests) == 2


async def test_waiting_for_speech_has_an_end():
    async with agents(*speeches(1)) as (bot, requests):
        with pytest.raises(errors.SpeechNotReady) as caught:
            await bot.wait_for_speech(bot_id="b", task_id="t", every=0.01, within=0.05)
    assert caught.value.params == {"seconds": "0.05"}
    assert 2 <= len(requests) <= 6


async def test_an_error_ends_the_waiting():
    failed = httpx.Response(200, json={"code": "AGENT_SERVER_ERR", "message": "no"})
    async with agents(failed) as (bot, _):
        with pytest.raises(errors.AgentFailed):
            await bot.wait_for_speech(bot_id="b", task_id="t")


# ── secrets ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", EVERY_CALL)
@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(401, json={"code": "INVALID_CREDENTIALS", "message": f"bad {CANARY}"}),
        httpx.Response(200, json={"code": CANARY, "requestId": CANARY}),
        httpx.Response(200, text=f"<p>{CANARY}</p>"),
        httpx.Response(400, text=f"bad Bearer {CANARY}"),
    ],
)
async def test_a_failed_call_does_not_tell_the_key(name, answer):
    async with agents(answer, key=CANARY) as (bot, _):
        failure = await failure_of(getattr(bot, name), EVERY_CALL[name])
    assert isinstance(failure, errors.CloudBaseError)
    assert CANARY not in everything_in(failure)


async def test_failed_speech_does_not_tell_the_key():
    failed = httpx.Response(200, json={"TaskId": CANARY, "Status": 3, "ResultUrl": CANARY})
    async with agents(failed, key=CANARY) as (bot, _):
        failure = await failure_of(bot.wait_for_speech, {"bot_id": "b", "task_id": "t"})
    assert isinstance(failure, errors.SpeechFailed)
    assert CANARY not in everything_in(failure)


async def failure_of(call, parameters):
    """What a call ends with; this frame is in the traceback and holds nothing that was said."""
    try:
        await call(**parameters)
    except errors.CloudBaseError as error:
        return error


# ── on a real network ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("bodies_are_empty", [False, True])
async def test_what_is_told_to_an_agent_can_be_asked_for_again(bodies_are_empty, environment):
    environment.quirks.agent_bodies_are_empty = bodies_are_empty
    url = environment.gateway_url
    async with CloudBase(env="env-demo", api_key=API_KEY, base_url=url) as app:
        bot = app.ai().bot
        assert [each.bot_id for each in (await bot.list()).bot_list] == [BOT_ID]
        assert (await bot.get(bot_id=BOT_ID)).name == "Translator"

        begun = await bot.create_conversation(bot_id=BOT_ID, title="译 & more")
        assert (await bot.get_conversation(bot_id=BOT_ID)).data[0].title == "译 & more"
        await bot.delete_conversation(bot_id=BOT_ID, conversation_id=begun.conversation_id)
        assert (await bot.get_conversation(bot_id=BOT_ID)).total == 0

        opinion = UserFeedback(record_id="record-2", type="upvote", bot_id=BOT_ID, rating=4)
        await bot.send_feedback(user_feedback=opinion)
        told = await bot.get_feedback(bot_id=BOT_ID, type="upvote", min_rating=4)
        assert told.feedback_list == (opinion,)

        await bot.upload_files(bot_id=BOT_ID, file_list=[BotFile("a.docx", "cloud://a.docx")])
        assert environment.agents.memory.files[0]["fileId"] == "cloud://a.docx"

        task = await bot.text_to_speech(bot_id=BOT_ID, voice_type=101004, text="Hello")
        speech = await bot.wait_for_speech(bot_id=BOT_ID, task_id=task.task_id, every=0.01)
        assert speech.result_url.endswith(f"{task.task_id}.mp3")

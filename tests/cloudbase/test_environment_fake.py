"""The data plane of the fake environment behaves as described; checked with plain HTTP."""

import json
import subprocess
import sys
import time
from functools import partial
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.cloudbase import plain_calls
from tests.cloudbase.plain_calls import QUESTION, signature
from tests.fakes.agents import BOT_ID
from tests.fakes.environment import running_in_thread
from tests.fakes.environment_state import API_KEY, OFF, ApiKey, Group, Pack
from tests.fakes.gateway import STATUSES

PICTURE = {"model": "hunyuan-image-v3.0-v1.0.4", "prompt": "A paper boat"}


@pytest_asyncio.fixture
async def http(environment):
    async with plain_calls.client(environment) as client:
        yield client


@pytest.fixture
def chat(http):
    return partial(plain_calls.chat, http)


# ── chat ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", ["chat/completions", "v1/chat/completions"])
async def test_an_enabled_model_answers(path, chat, environment):
    environment.say = ["Se", "ven."]
    answer = (await chat(path=path)).json()
    assert answer["choices"][0]["message"]["content"] == "Seven."
    assert environment.requests[0].body == QUESTION


REFUSED_QUESTIONS: dict[str, Any] = {
    "no such group": (lambda state: None, {"group": "custom-x"}, 404, "AI_MODEL_NOT_FOUND"),
    "not enabled": (lambda state: None, {"model": "glm-5.1"}, 403, "AI_MODEL_NOT_SUPPORTED"),
    "no model": (lambda state: None, {"model": None}, 400, "AI_MODEL_PARAM_REQUIRED"),
    "no messages": (lambda state: None, {"messages": []}, 400, "AI_MODEL_PARAM_INVALID"),
    "switched off": (
        lambda state: setattr(state.group("cloudbase"), "status", OFF),
        {},
        423,
        "AI_MODEL_DISABLED",
    ),
    "no key": (
        lambda state: state.groups.append(Group("custom-x", ["m"], type="custom")),
        {"group": "custom-x", "model": "m"},
        400,
        "AI_MODEL_CONFIG_MISSING",
    ),
    "growth plan": (
        lambda state: None,
        {"group": "hunyuan-exp", "model": "hunyuan-2.0-instruct-20251111"},
        403,
        "AI_CHANNEL_NOT_ALLOWED",
    ),
    "used up": (
        lambda state: setattr(state, "tokens_are_used_up", True),
        {},
        429,
        "EXCEED_TOKEN_QUOTA_LIMIT",
    ),
    "expired pack": (
        lambda state: setattr(state, "packs", [Pack(status=3)]),
        {},
        429,
        "EXCEED_TOKEN_QUOTA_LIMIT",
    ),
    "too many": (
        lambda state: setattr(state, "most_at_once", 0),
        {},
        429,
        "EXCEED_CONCURRENT_REQUEST_LIMIT",
    ),
    "suspended": (lambda state: setattr(state, "is_suspended", True), {}, 402, "ENV_SUSPENDED"),
}


@pytest.mark.parametrize("why", REFUSED_QUESTIONS)
async def test_a_question_that_may_not_be_asked_is_refused(why, chat, environment):
    change, asked, status, code = REFUSED_QUESTIONS[why]
    change(environment.state)
    answer = await chat(**asked)
    body = answer.json()
    assert (answer.status_code, body["code"]) == (status, code)
    assert body["requestId"] == answer.headers["X-Request-Id"]
    assert answer.headers["content-type"].startswith("application/json")
    assert environment.data_calls[-1].error == code
    assert environment.requests == []


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        ("", "MISSING_CREDENTIALS"),
        ("Bearer nobody", "INVALID_CREDENTIALS"),
        ("Bearer late", "ACCESS_TOKEN_EXPIRED"),
        ("Bearer public", "ACTION_FORBIDDEN"),
    ],
)
async def test_only_a_valid_key_comes_in(authorization, code, environment, http):
    late = ApiKey("key-2", "late", expires=time.time() - 1)
    public = ApiKey("key-3", "public", kind="publish_key")
    environment.state.api_keys += [late, public]
    http.headers["authorization"] = authorization
    answer = await http.get("/v1/aibot/bots")
    assert (answer.status_code, answer.json()["code"]) == (STATUSES[code], code)


@pytest.mark.parametrize("with_port", [True, False])
async def test_the_gateway_takes_a_signature_too(with_port, environment):
    path, body = "/v1/ai/cloudbase/chat/completions", json.dumps(QUESTION).encode()
    now = int(time.time())
    host = environment.gateway_url.removeprefix("http://") if with_port else "127.0.0.1"
    signed = f"{signature(host, body, now, path=path)}, Timestamp={now}"
    headers = {"authorization": signed, "content-type": "application/json"}
    async with httpx.AsyncClient(base_url=environment.gateway_url, headers=headers) as client:
        assert (await client.post(path, content=body)).status_code == 200
        assert (await client.post(path, content=body + b" ")).status_code == 401


async def test_refusals_can_be_ordered_and_can_hide(environment, chat):
    environment.refuse_next("EXCEED_CONCURRENT_REQUEST_LIMIT", times=2)
    assert [(await chat()).status_code for _ in range(3)] == [429, 429, 200]
    environment.refuse_next("SYS_ERR", times=2)
    environment.quirks.refusals_say_200 = True
    assert ((await chat()).status_code, (await chat()).json()["code"]) == (200, "SYS_ERR")
    environment.refuse_next("SYS_ERR")
    environment.quirks.refusals_are_openai_shaped = True
    assert (await chat()).json()["error"]["code"] == "SYS_ERR"


async def test_an_unknown_path_has_the_envelope_too(http):
    answer = await http.get("/v1/ai/cloudbase/nothing")
    assert (answer.status_code, answer.json()["code"]) == (404, "INVALID_PATH")


async def test_the_models_of_a_group_are_those_that_are_enabled(http):
    listed = (await http.get("/v1/ai/cloudbase/models")).json()
    assert [model["id"] for model in listed["data"]] == ["deepseek-v4-flash"]


async def test_a_user_who_signs_in_may_ask(http, chat):
    token = (await http.post("/auth/v1/signin/anonymously?client_id=env-demo")).json()
    http.headers["authorization"] = f"Bearer {token['access_token']}"
    assert (await chat()).status_code == 200
    assert (await http.get("/auth/v1/user/me")).json()["sub"] == "anonymous"
    refused = await http.post("/auth/v1/signin", json={"username": "user-1", "password": "no"})
    assert refused.json()["error"] == "invalid_grant"


# ── images ──────────────────────────────────────────────────────────────────


async def test_a_picture_is_drawn_and_can_be_loaded(http):
    drawn = (await http.post("/v1/ai/hunyuan-image/images/ar/generations", json=PICTURE)).json()
    assert drawn["data"][0]["revised_prompt"] != PICTURE["prompt"]
    picture = await http.get(drawn["data"][0]["url"])
    assert picture.content.startswith(b"\x89PNG")


async def test_a_prompt_that_is_not_to_be_rewritten_stays(http, environment):
    environment.quirks.times_are_text = True
    body = {"model": "hunyuan-image", "prompt": "A boat", "revise": False, "size": "1280x768"}
    drawn = (await http.post("/v1/ai/hunyuan-image/images/generations", json=body)).json()
    assert drawn["data"][0]["revised_prompt"] == "A boat"
    assert drawn["created"].isdigit()


@pytest.mark.parametrize(
    ("path", "changes"),
    [
        ("images/ar/generations", {"prompt": " "}),
        ("images/ar/generations", {"prompt": "x" * 8193}),
        ("images/ar/generations", {"size": "1280x1280"}),
        ("images/ar/generations", {"size": "500x512"}),
        ("images/ar/generations", {"size": "large"}),
        ("images/ar/generations", {"seed": 0}),
        ("images/ar/generations", {"seed": True}),
        ("images/ar/generations", {"footnote": "x" * 17}),
        ("images/ar/generations", {"n": 1}),
        ("images/ar/generations", {"revise": True}),
        ("images/ar/generations", {"model": "hunyuan-image"}),
        ("images/generations", {}),
        ("images/generations", {"model": "hunyuan-image", "size": "512x512"}),
        ("images/generations", {"model": "hunyuan-image", "style": "校园风格"}),
        ("images/generations", {"model": "hunyuan-image", "n": 2}),
        ("images/generations", {"model": "hunyuan-image", "revise": {"value": True}}),
        ("images/generations", {"model": "hunyuan-image", "enable_thinking": {"value": True}}),
    ],
)
async def test_a_picture_against_the_rules_is_refused(path, changes, http):
    answer = await http.post(f"/v1/ai/hunyuan-image/{path}", json=PICTURE | changes)
    assert (answer.status_code, answer.json()["code"]) == (400, "AI_MODEL_PARAM_INVALID")


# ── agents ──────────────────────────────────────────────────────────────────


def frames_of(answer):
    lines = [line.removeprefix("data: ") for line in answer.text.split("\n\n") if line]
    assert lines.pop() == "[DONE]"
    return [json.loads(line) for line in lines]


async def test_an_agent_answers_in_frames_and_keeps_records(http, environment):
    search = {"type": "search", "search_info": {"search_results": []}}
    environment.agents.tell(think=["Hm."], frames=[search])
    bot = f"/v1/aibot/bots/{BOT_ID}"
    frames = frames_of(await http.post(f"{bot}/send-message", json={"msg": "Hi"}))
    assert [frame["type"] for frame in frames] == ["search", "thinking", "text", "text"]
    assert [frame["finish_reason"] for frame in frames] == ["continue"] * 3 + ["stop"]
    assert frames[-1]["usage"]["total_tokens"] == 16
    records = (await http.get(f"{bot}/records?sort=asc")).json()["recordList"]
    assert [record["content"] for record in records] == ["Hi", "Good day."]
    assert records[1]["recordId"] == frames[0]["record_id"]
    assert environment.data_calls[0].body == {"msg": "Hi"}


async def test_the_other_spellings_of_agent_frames(http, environment):
    environment.quirks.finish_reason_is_called = "finish_reasion"
    environment.quirks.agent_usage_is_camel_case = True
    environment.quirks.times_are_text = True
    answer = await http.post(f"/v1/aibot/bots/{BOT_ID}/send-message", json={"msg": "Hi"})
    frame = frames_of(answer)[-1]
    assert (frame["finish_reasion"], frame["usage"]["totalTokens"]) == ("stop", 14)
    assert frame["created"] == "1760000000"


async def test_an_agent_can_fail_in_mid_answer(http, environment):
    environment.agents.tell(error={"code": "AGENT_REQUEST_LLM_ERROR", "message": "died"})
    answer = await http.post(f"/v1/aibot/bots/{BOT_ID}/send-message", json={"msg": "Hi"})
    last = frames_of(answer)[-1]
    assert (last["finish_reason"], last["error"]["message"]) == ("error", "died")


async def test_the_calls_about_agents(http):
    bot = f"/v1/aibot/bots/{BOT_ID}"
    assert (await http.get("/v1/aibot/bots?name=Trans")).json()["total"] == 1
    assert (await http.get(f"{bot}/")).json()["botId"] == BOT_ID
    questions = frames_of(await http.post(f"{bot}/recommend-questions", json={"msg": "Hi"}))
    assert questions[0]["content"].splitlines() == ["How do I start?", "What does it cost?"]
    files = {"fileList": [{"fileName": "a", "fileId": "cloud://a", "type": "file"}]}
    assert (await http.post(f"{bot}/files", json=files)).json() == {}


async def test_feedback_is_kept_and_found_by_its_rating(http):
    bot = f"/v1/aibot/bots/{BOT_ID}"
    vote = {"recordId": "record-2", "type": "upvote", "rating": 5}
    assert (await http.post(f"{bot}/feedback", json=vote)).json() == {"status": "success"}
    found = [
        (await http.get(f"{bot}/feedback", params={"minRating": least})).json()["total"]
        for least in (5, 5.5)
    ]
    assert found == [1, 0]


async def test_conversations_come_and_go(http, environment):
    where = f"/v1/aibot/bots/{BOT_ID}/conversation"
    made = await http.post(where, json={"title": "Mine"})
    assert made.status_code == 201
    assert (await http.get(f"{where}/?limit=10&offset=0")).json()["data"][0]["title"] == "Mine"
    environment.quirks.agent_bodies_are_empty = True
    gone = await http.request("DELETE", f"{where}/{made.json()['conversationId']}", json={})
    assert (gone.status_code, gone.content) == (204, b"")
    assert (await http.get(f"{where}?limit=101")).json()["code"] == "AGENT_INVALID_PARAM"


async def test_agents_hear_and_speak(http, environment):
    bot = f"/v1/aibot/bots/{BOT_ID}"
    recording = {"engSerViceType": "16k_zh", "voiceFormat": "mp3", "url": "https://a.example/a.mp3"}
    heard = await http.post(f"{bot}/speech-to-text", json=recording)
    assert (heard.status_code, heard.json()) == (201, {"Result": environment.agents.speech.heard})
    task = (
        await http.post(f"{bot}/text-to-speech", json={"text": "Hi", "voiceType": 101004})
    ).json()
    asked = [await http.get(f"{bot}/text-to-speech?taskId={task['TaskId']}") for _ in range(2)]
    assert [answer.json()["Status"] for answer in asked] == [1, 2]


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("bot-none/send-message", {"msg": "Hi"}, "AGENT_GET_INFO_ERROR"),
        (f"{BOT_ID}/send-message", {}, "AGENT_INVALID_PARAM"),
        (f"{BOT_ID}/feedback", {"type": "shrug"}, "AGENT_INVALID_PARAM"),
        (f"{BOT_ID}/files", {"fileList": []}, "AGENT_INVALID_PARAM"),
        (f"{BOT_ID}/text-to-speech", {"text": "Hi", "voiceType": "101004"}, "AGENT_INVALID_PARAM"),
        (f"{BOT_ID}/speech-to-text", {"engSerViceType": "8k"}, "AGENT_INVALID_PARAM"),
    ],
)
async def test_a_bad_call_to_an_agent_is_refused(path, body, code, http):
    assert (await http.post(f"/v1/aibot/bots/{path}", json=body)).json()["code"] == code


# ── ways of running it ──────────────────────────────────────────────────────


def test_it_runs_in_a_thread():
    with running_in_thread() as environment:
        environment.say = ["from a thread"]
        answer = httpx.post(
            f"{environment.gateway_url}/v1/ai/cloudbase/chat/completions",
            json=QUESTION,
            headers={"authorization": f"Bearer {API_KEY}"},
        )
        assert answer.json()["choices"][0]["message"]["content"] == "from a thread"


@pytest.mark.server
def test_it_runs_in_a_process_of_its_own_and_is_steered_over_http():
    command = [sys.executable, "-m", "tests.fakes.environment", "--state", '{"plan": "free"}']
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            url = json.loads(process.stdout.readline())["control_url"]
            assert httpx.get(f"{url}/state").json()["plan"] == "free"
            told = httpx.post(f"{url}/state", json={"env_id": "env-two", "groups": []}).json()
            assert (told["env_id"], told["plan"], told["groups"]) == ("env-two", "free", [])
            quirks = httpx.post(f"{url}/quirks", json={"answers_in": "camel"}).json()
            assert quirks["answers_in"] == "camel"
            httpx.post(f"{url}/refuse", json={"code": "SYS_ERR"})
            assert httpx.get(f"{url}/v1/aibot/bots").status_code == 500
            calls = httpx.get(f"{url}/calls").json()
            assert [call["error"] for call in calls["data"]] == ["SYS_ERR"]
        finally:
            process.terminate()

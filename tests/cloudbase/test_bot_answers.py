"""What becomes of the answers about agents: typed, complete, and whatever shape they have."""

import json

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat.cloudbase.bot_values import (
    Bot,
    BotFile,
    ChatRecord,
    Conversation,
    FileInfo,
    Speech,
    UserFeedback,
    VoiceSettings,
)
from chat.cloudbase.members import Members
from tests.cloudbase.bot_calls import FEEDBACK
from tests.cloudbase.test_bots import agents

MEMBERS = (
    *("botId", "name", "enable", "tags", "voiceSettings", "initQuestions"),
    *("total", "botList", "recordList", "feedbackList", "data"),
    *("title", "createTime", "Result", "TaskId", "Status", "ResultUrl"),
)


async def answered(name, answer, **parameters):
    async with agents(httpx.Response(200, json=answer)) as (bot, _):
        return await getattr(bot, name)(**parameters)


async def test_a_bot_is_all_that_the_service_knows_of_it():
    raw = {
        "botId": "bot-2a9c",
        "name": "Translator",
        "introduction": "Chinese and English",
        "welcomeMessage": "Hello!",
        "avatar": "https://img.example/a.png",
        "background": "",
        "isNeedRecommend": True,
        "type": "text",
        "searchEnable": False,
        "initQuestions": ["Who are you?"],
        "agentSetting": "You translate.",
        "tags": ["a", "b"],
        "knowledgeBase": ["k"],
        "enable": True,
        "multiConversationEnable": True,
        "searchFileEnable": False,
        "voiceSettings": {"enable": True, "inputType": "16k_zh", "outputType": 101004},
        "colour": "blue",
    }
    bot = await answered("get", raw, bot_id="bot-2a9c")
    assert bot == Bot(
        bot_id="bot-2a9c",
        name="Translator",
        introduction="Chinese and English",
        welcome_message="Hello!",
        avatar="https://img.example/a.png",
        background="",
        type="text",
        agent_setting="You translate.",
        is_need_recommend=True,
        enable=True,
        search_enable=False,
        search_file_enable=False,
        multi_conversation_enable=True,
        tags=("a", "b"),
        knowledge_base=("k",),
        init_questions=("Who are you?",),
        voice_settings=VoiceSettings(enable=True, input_type="16k_zh", output_type="101004"),
    )
    assert bot.raw["colour"] == "blue"


async def test_bots_are_listed():
    bots = await answered("list", {"total": "12", "botList": [{"botId": "b1"}, None, "b2"]})
    assert (bots.total, [bot.bot_id for bot in bots.bot_list]) == (12, ["b1"])


async def test_what_was_said_is_listed():
    raw = {
        "botId": "bot-1",
        "recordId": "record-81",
        "role": "assistant",
        "content": "Good day.",
        "conversation": "user-1",
        "type": "text",
        "image": "",
        "triggerSrc": "TCB",
        "replyTo": "record-80",
        "createTime": "2026-01-02T03:04:06.000Z",
        "trace_id": "t1",
        "origin_msg": "{}",
        "fileInfos": [
            {"fileName": "a.docx", "type": "file", "cloudId": "cloud://a", "bytes": "17"}
        ],
    }
    records = await answered(
        "get_chat_records", {"total": 1, "recordList": [raw]}, bot_id="bot-1", sort="asc"
    )
    (record,) = records.record_list
    assert record == ChatRecord(
        bot_id="bot-1",
        record_id="record-81",
        role="assistant",
        content="Good day.",
        conversation="user-1",
        type="text",
        image="",
        trigger_src="TCB",
        reply_to="record-80",
        create_time="2026-01-02T03:04:06.000Z",
        trace_id="t1",
        origin_msg="{}",
        file_infos=(FileInfo(file_name="a.docx", type="file", cloud_id="cloud://a", size=17),),
    )
    assert (records.total, record.raw) == (1, raw)


async def test_feedback_comes_back_as_it_was_sent():
    answer = {"total": 1, "feedbackList": [FEEDBACK.members() | {"rating": "5"}]}
    feedback = await answered("get_feedback", answer, bot_id="bot-1")
    assert feedback.feedback_list == (FEEDBACK,)


async def test_feedback_without_stars_says_nothing_about_them():
    async with agents(httpx.Response(200, json={"status": "success"})) as (bot, requests):
        plain = UserFeedback(record_id="r", type="downvote", bot_id="b")
        assert await bot.send_feedback(user_feedback=plain) == {"status": "success"}
    assert "rating" not in json.loads(requests[0].content)


async def test_a_conversation_keeps_its_times_as_they_came():
    raw = {
        "conversationId": "conv-5",
        "title": "Mine",
        "createTime": "2026-01-02T03:04:05.000Z",
        "updateTime": 1767323045,
        "ownerUin": 100001,
    }
    begun = await answered("create_conversation", raw, bot_id="b", title="Mine")
    assert begun == Conversation(
        conversation_id="conv-5",
        title="Mine",
        id="",
        env_id="",
        owner_uin="100001",
        user_id="",
        start_time=None,
        create_time="2026-01-02T03:04:05.000Z",
        update_time=1767323045,
    )
    listed = await answered("get_conversation", {"data": [raw], "total": 1}, bot_id="b")
    assert (listed.total, listed.data) == (1, (begun,))


@pytest.mark.parametrize("status", [200, 201, 204])
@pytest.mark.parametrize("body", [b"", b"{}"])
async def test_whatever_succeeds_without_words_is_an_empty_object(status, body):
    async with agents(httpx.Response(status, content=body)) as (bot, _):
        files = [BotFile("a", "cloud://a")]
        assert await bot.upload_files(bot_id="b", file_list=files) == {}
        assert await bot.delete_conversation(bot_id="b", conversation_id="c") == {}


async def test_speech_is_heard_and_made():
    heard = await answered(
        "speech_to_text",
        {"Result": "what the weather is like"},
        bot_id="b",
        eng_service_type="16k_en",
        voice_format="mp3",
        url="u",
    )
    assert heard.result == "what the weather is like"
    task = await answered("text_to_speech", {"TaskId": "t1"}, bot_id="b", voice_type=1, text="x")
    assert task.task_id == "t1"
    speech = await answered(
        "get_text_to_speech_result",
        {"TaskId": "t1", "Status": "2", "ResultUrl": "u"},
        bot_id="b",
        task_id="t1",
    )
    assert speech == Speech(task_id="t1", status=2, result_url="u")


@pytest.mark.parametrize(
    "answer",
    [
        {"botId": "b", "isNeedRecommend": True},
        {"BotId": "b", "IsNeedRecommend": True},
        {"bot_id": "b", "is_need_recommend": True},
    ],
)
async def test_the_casing_of_members_does_not_matter(answer):
    bot = await answered("get", answer, bot_id="b")
    assert (bot.bot_id, bot.is_need_recommend, bot.raw) == ("b", True, answer)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("get", {"bot_id": "b"}),
        ("list", {}),
        ("get_chat_records", {"bot_id": "b", "sort": "asc"}),
        ("get_feedback", {"bot_id": "b"}),
        ("create_conversation", {"bot_id": "b"}),
        ("get_conversation", {"bot_id": "b"}),
        ("speech_to_text", {"bot_id": "b", "eng_service_type": "", "voice_format": "", "url": ""}),
        ("text_to_speech", {"bot_id": "b", "voice_type": 1, "text": "x"}),
        ("get_text_to_speech_result", {"bot_id": "b", "task_id": "t"}),
    ],
)
@pytest.mark.parametrize("junk", [None, 7, "text", ["x"], {"a": {}}, True, -0.5])
async def test_members_of_any_shape_or_none_are_no_trouble(name, parameters, junk):
    answer = dict.fromkeys(MEMBERS, junk)
    result = await answered(name, answer, **parameters)
    assert result.raw == answer
    await answered(name, {}, **parameters)


@settings(deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["a", "A", "_a", "b"]),
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(),
    )
)
def test_members_are_never_what_did_not_come(raw):
    members = Members(raw)
    came = [value for value in raw.values() if value is not None]
    for name in "ab":
        assert members.text(name) in ["", *map(str, came)]
        assert members.time(name) in [None, *came]
        assert members.flag(name) in [None, *(value for value in came if isinstance(value, bool))]


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("12", 12),
        ("-3", -3),
        ("4.5", 4.5),
        ("1e9", None),
        ("", None),
        (" 7", None),
        ("１", None),
        ("9" * 19, None),
        (4.5, 4.5),
        (True, None),
        ([], None),
    ],
)
def test_a_number_may_be_written_as_text(written, number):
    assert Members({"n": written}).number("n") == number

"""Frames of an agent's answer: what is in them, however the bytes are cut."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat.cloudbase.agent_chunks import (
    AgentReader,
    AgentToolCall,
    SearchInfo,
    SearchResult,
    chunk_from,
)
from chat.cloudbase.events import UsageReported
from tests.cloudbase.test_framing import split


def frame(**members):
    return {"type": "text", "role": "assistant", "content": "", **members}


def sse(*frames, done=True):
    events = [frame if isinstance(frame, str) else json.dumps(frame) for frame in frames]
    return "".join(f"data: {data}\n\n" for data in [*events, *["[DONE]"] * done]).encode()


GREETING = [
    frame(type="thinking", reasoning_content="The user greets me.", finish_reason="continue"),
    frame(type="search", content="3 pages", search_info={"search_results": []}),
    frame(content="Good ", finish_reason="continue"),
    frame(content=""),
    frame(content="day. 船", finish_reason="stop"),
]


# ── what is in a frame ──────────────────────────────────────────────────────────────────────


def test_a_chunk_is_all_that_a_frame_says():
    raw = {
        "created": 1760000001,
        "record_id": "record-81",
        "model": "hunyuan",
        "version": "1",
        "type": "text",
        "role": "assistant",
        "content": "Good ",
        "finish_reason": "continue",
        "reasoning_content": "Hm.",
        "usage": {"prompt_tokens": 12, "completion_tokens": 1, "total_tokens": 13},
        "knowledge_base": ["k1"],
        "search_info": {"search_results": [{"index": 1, "title": "t", "url": "u"}]},
        "tool_call": {"id": "c1", "function": {"name": "f", "arguments": '{"a": 1}'}},
        "toolCallId": "c1",
        "result": {"rows": 3},
        "search_results": {"relateTables": "2"},
        "knowledge_meta": ["m"],
    }
    chunk = chunk_from(raw)
    assert (chunk.type, chunk.role, chunk.content) == ("text", "assistant", "Good ")
    assert (chunk.reasoning_content, chunk.finish_reason) == ("Hm.", "continue")
    assert (chunk.created, chunk.record_id) == (1760000001, "record-81")
    assert (chunk.model, chunk.version) == ("hunyuan", "1")
    assert chunk.usage == UsageReported(12, 1, 13)
    assert chunk.knowledge_base == ("k1",)
    assert chunk.search_info == SearchInfo(
        (SearchResult("1", "t", "u"),), raw={"search_results": raw["search_info"]["search_results"]}
    )
    assert chunk.tool_call == AgentToolCall("c1", "f", '{"a": 1}')
    assert (chunk.tool_call_id, chunk.result, chunk.related_tables) == ("c1", {"rows": 3}, 2)
    assert chunk.error is None
    assert chunk.raw["knowledge_meta"] == ["m"]


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ({"finish_reason": "stop"}, "stop"),
        ({"finish_reasion": "stop"}, "stop"),
        ({"finishReason": "stop"}, "stop"),
        ({"finish_reason": "", "finish_reasion": "stop"}, "stop"),
        ({"finish_reason": None, "finish_reasion": "stop"}, "stop"),
        ({"finish_reason": "continue", "finish_reasion": "stop"}, "continue"),
        ({}, ""),
    ],
)
def test_both_spellings_of_the_finish_reason_are_read(raw, reason):
    assert chunk_from(raw).finish_reason == reason


@pytest.mark.parametrize(
    ("raw", "usage"),
    [
        (
            {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15},
            UsageReported(12, 3, 15),
        ),
        ({"promptTokens": 12, "completionTokens": 3, "totalTokens": 15}, UsageReported(12, 3, 15)),
        (
            {"promptTokens": "12", "completion_tokens": "3", "total_tokens": "15"},
            UsageReported(12, 3, 15),
        ),
        ({"prompt_tokens": 12}, UsageReported(12, 0, 12)),
        ({"completionTokens": 3}, UsageReported(0, 3, 3)),
        ({"total_tokens": 0}, UsageReported(0, 0, 0)),
        ({}, None),
        (None, None),
        ("many", None),
        ({"prompt_tokens": None, "promptTokens": "x"}, None),
    ],
)
def test_both_spellings_of_usage_are_read(raw, usage):
    assert chunk_from({"usage": raw}).usage == usage


@pytest.mark.parametrize(
    ("created", "seconds"), [(1, 1), ("1760000000", 1760000000), ("soon", None), (None, None)]
)
def test_the_time_may_be_text(created, seconds):
    assert chunk_from({"created": created}).created == seconds


@pytest.mark.parametrize("junk", [None, 7, "text", ["x"], {"a": {}}, True, [None], {"function": 1}])
def test_members_of_any_shape_are_no_trouble(junk):
    names = chunk_from({}).__slots__
    raw = dict.fromkeys(names, junk) | {"toolCallId": junk, "search_results": junk}
    assert chunk_from(raw).raw == raw


def test_arguments_that_came_as_an_object_are_json_text_too():
    call = {"id": "c1", "function": {"name": "f", "arguments": {"city": "北京"}}}
    assert chunk_from({"tool_call": call}).tool_call.arguments == '{"city":"北京"}'


@pytest.mark.parametrize(
    ("kind", "is_text"),
    [
        ({"type": "text"}, True),
        ({"type": "assistant"}, True),
        ({"type": ""}, True),
        ({"type": None}, True),
        ({}, True),
        *(
            ({"type": other}, False)
            for other in ("thinking", "search", "knowledge", "db", "tool-call", "tool-result")
        ),
    ],
)
def test_text_is_what_the_agent_answers_and_nothing_else(kind, is_text):
    assert chunk_from({"content": "x", **kind}).text == ("x" if is_text else "")


# ── however it is cut ───────────────────────────────────────────────────────────────────────


def read(pieces):
    reader = AgentReader()
    frames = [frame for piece in pieces if not reader.is_over for frame in reader.feed(piece)]
    if not reader.is_over:
        frames += reader.finish()
    chunks = [frame.chunk for frame in frames]
    return chunks, [frame.event.data for frame in frames], type(reader.failure)


STREAMS = {
    "whole": sse(*GREETING),
    "no done": sse(*GREETING, done=False),
    "crlf": sse(*GREETING).replace(b"\n", b"\r\n"),
    "no space, comments": b": hi\n\n" + sse(*GREETING).replace(b"data: ", b"id: 7\ndata:"),
    "error": sse(*GREETING[:3], frame(error={"code": "AGENT_SERVER_ERR", "message": "no"})),
    "garbage": sse(*GREETING[:3], "{"),
    "broken off": sse(*GREETING[:3], done=False),
    "cut in a frame": sse(*GREETING[:4])[:-40],
}


@settings(deadline=None)
@given(st.sampled_from(sorted(STREAMS)), st.lists(st.integers(min_value=0), max_size=8))
def test_any_split_of_a_stream_gives_the_same_chunks(name, places):
    stream = STREAMS[name]
    assert read(split(stream, places)) == read([stream])


TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@settings(max_examples=50, deadline=None)
@given(st.lists(TEXT), st.lists(st.integers(min_value=0), max_size=5))
def test_any_text_arrives_as_it_was_said(texts, places):
    stream = sse(*(frame(content=text) for text in texts), frame(finish_reason="stop"))
    chunks, _, failure = read(split(stream, places))
    assert "".join(chunk.text for chunk in chunks if chunk) == "".join(texts)
    assert failure is type(None)

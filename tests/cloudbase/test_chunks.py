import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.cloudbase import Completion, errors
from chat.cloudbase.chunks import ChunkReader, completion_from, usage_from
from chat.cloudbase.events import (
    Finished,
    ModelNamed,
    ReasoningDelta,
    TextDelta,
    UsageReported,
)
from tests.cloudbase.test_framing import split

DONE = "data: [DONE]\n\n"


def frame(**members):
    return f"data: {json.dumps(members, ensure_ascii=False)}\n\n"


def said(content, **members):
    return frame(choices=[{"index": 0, "delta": {"content": content}}], **members)


def stopped(reason="stop", **members):
    return frame(choices=[{"index": 0, "delta": {}, "finish_reason": reason}], **members)


def read(*pieces):
    """All events of a stream that arrives in these pieces, and what ended it."""
    reader = ChunkReader()
    events = []
    for piece in pieces:
        if not (reader.is_done or reader.failure):
            events += reader.feed(piece if isinstance(piece, bytes) else piece.encode())
    return events + reader.finish(), reader.failure


def test_an_answer_is_named_told_counted_and_finished():
    usage = {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}
    stream = said("Se", model="m") + said("ven.", model="m") + stopped() + frame(usage=usage) + DONE
    assert read(stream) == (
        [ModelNamed("m"), TextDelta("Seven."), UsageReported(9, 2, 11), Finished("stop")],
        None,
    )


def test_text_of_one_read_is_joined_and_keeps_its_place_among_the_thoughts():
    def thought(text, key="reasoning_content"):
        return frame(choices=[{"delta": {key: text, "content": None}}])

    stream = thought("a") + thought("b", "reasoning") + said("c") + said("d") + thought("e")
    events, _ = read(stream + stopped() + DONE)
    assert events[:-1] == [ReasoningDelta("ab"), TextDelta("cd"), ReasoningDelta("e")]


@pytest.mark.parametrize(
    "oddity",
    [
        frame(choices=[]),
        frame(choices=None),
        frame(id="c1"),
        frame(choices=[{"index": 0, "delta": {"content": None}, "finish_reason": ""}]),
        frame(choices=[{"index": 0, "delta": None}]),
        frame(choices=[{"index": None, "delta": {"role": "assistant"}}]),
        frame(choices=[{"index": 1, "delta": {"content": "another answer"}}]),
        frame(choices=[], usage=None),
        frame(choices=[], usage="none"),
        frame(choices=[], code="NORMAL"),
        frame(choices=[], error=None),
        frame(choices=[], created="1760000000", note="made up", timings={"n": 1}),
        ": keep-alive\n\n",
        "data: \n\n",
        "event: ping\nid: 1\n\n",
    ],
)
def test_an_oddity_changes_nothing(oddity):
    expected = [TextDelta("a"), Finished("stop")]
    assert read(said("a") + oddity + stopped() + DONE) == (expected, None)


def test_a_growing_report_is_told_once_a_read_and_the_last_one_counts():
    def usage(number):
        return {"prompt_tokens": 1, "completion_tokens": number}

    first = said("a", usage=usage(1)) + said("b", usage=usage(2))
    second = stopped(usage=usage(2)) + said("", usage=usage(3)) + DONE
    events, _ = read(first, second)
    reports = [event for event in events if isinstance(event, UsageReported)]
    assert reports == [UsageReported(1, 2, 3), UsageReported(1, 3, 4)]


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"prompt_tokens": "9", "completion_tokens": "2", "total_tokens": "11"}, (9, 2, 11)),
        ({"prompt_tokens": 9, "completion_tokens": 2}, (9, 2, 11)),
        ({"prompt_tokens": 9, "prompt_tokens_details": {"cached_tokens": 4}}, (9, 0, 9, 4)),
        ({"prompt_tokens": 9, "prompt_cache_hit_tokens": 4}, (9, 0, 9, 4)),
        (
            {"completion_tokens": 5, "completion_tokens_details": {"reasoning_tokens": 3}},
            (0, 5, 5, None, 3),
        ),
        ({"prompt_tokens": 1, "prompt_tokens_details": None}, (1, 0, 1)),
    ],
)
def test_usage_is_read_in_every_dialect(usage, expected):
    assert usage_from(json.dumps(usage).encode()) == UsageReported(*expected)


@pytest.mark.parametrize("usage", [b"null", b"{}", b"[]", b'{"prompt_tokens": "many"}'])
def test_a_report_that_says_nothing_is_none(usage):
    assert usage_from(usage) is None


@pytest.mark.parametrize("garbage", ["data: {nope\n\n", "data: [1]\n\n", 'data: "x"\n\n'])
def test_what_came_before_garbage_is_told_first(garbage):
    events, failure = read(said("a") + garbage + said("never"))
    assert events == [TextDelta("a")]
    assert isinstance(failure, errors.ProviderSpokeGarbage)


def test_bytes_that_are_no_text_are_garbage():
    _, failure = read(b'data: {"choices": [{"delta": {"content": "\xff"}}]}\n\n')
    assert isinstance(failure, errors.ProviderSpokeGarbage)


def test_an_endless_event_is_garbage_after_what_came_before():
    events, failure = read(said("a"), "data: " + "x" * 1_100_000)
    assert events == [TextDelta("a")]
    assert isinstance(failure, errors.ProviderSpokeGarbage)


@pytest.mark.parametrize(
    ("broken", "kind"),
    [
        (frame(error={"code": "AI_MODEL_REQUEST_FAILED", "message": "m"}), errors.ProviderFailed),
        (frame(code="EXCEED_TOKEN_QUOTA_LIMIT", message="m"), errors.QuotaExhausted),
        (frame(error="m"), errors.ProviderFailed),
        (stopped("error", error={"code": "X", "message": "m"}), errors.ProviderFailed),
        (stopped("error"), errors.ProviderFailed),
        (
            frame(error={"type": "exceed_context_size_error", "n_ctx": 8, "message": "m"}),
            errors.ContextTooLong,
        ),
    ],
)
def test_an_error_inside_the_stream_is_told_after_the_text(broken, kind):
    events, failure = read(said("a") + broken + DONE)
    assert events == [TextDelta("a")]
    assert type(failure) is kind


@pytest.mark.parametrize("end", ["", "data: {", 'data: {"choices": [', ": bye"])
def test_a_stream_that_ends_without_a_reason_is_broken(end):
    events, failure = read(said("a") + end)
    assert events == [TextDelta("a")]
    assert isinstance(failure, errors.StreamBroken)


def test_a_reason_makes_an_end_without_done_complete():
    assert read(said("a") + stopped("length")) == ([TextDelta("a"), Finished("length")], None)


def test_done_makes_an_end_without_a_reason_complete():
    assert read(said("a") + DONE) == ([TextDelta("a"), Finished("unknown")], None)


def test_done_needs_no_blank_line():
    assert read(said("a") + "data: [DONE]") == ([TextDelta("a"), Finished("unknown")], None)


def test_nothing_is_heard_after_done():
    assert read(said("a") + DONE + said("b"))[0] == [TextDelta("a"), Finished("unknown")]


@given(
    st.lists(st.text(st.characters(codec="utf-8")), max_size=6),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.lists(st.integers(0, 100_000), max_size=6),
)
def test_any_split_of_any_answer_adds_up_to_the_same(texts, ending, places):
    stream = "".join([*map(said, texts), stopped(), DONE]).replace("\n", ending)
    events, failure = read(*split(stream.encode(), places))
    assert failure is None
    assert "".join(e.text for e in events if isinstance(e, TextDelta)) == "".join(texts)
    assert events[-1] == Finished("stop")


def test_a_whole_answer_keeps_what_nobody_knows():
    body = {
        "model": "m",
        "choices": [
            {
                "message": {"content": "Seven.", "reasoning_content": "hm"},
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11},
        "note": "unknown",
    }
    answer = completion_from(json.dumps(body).encode())
    assert isinstance(answer, Completion)
    assert (answer.text, answer.reasoning, answer.finish_reason) == ("Seven.", "hm", "stop")
    assert (answer.model, answer.usage, answer.raw) == ("m", UsageReported(9, 2, 11), body)


@pytest.mark.parametrize("body", [b"{}", b'{"choices": []}', b'{"choices": [{}]}', b"<html>"])
def test_a_body_without_an_answer_is_garbage(body):
    assert isinstance(completion_from(body), errors.ProviderSpokeGarbage)

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.cloudbase import Completion, errors
from chat.cloudbase.answers import AnswerBuilder, completion_from
from chat.cloudbase.chunks import ChunkReader, usage_from
from chat.cloudbase.events import (
    Finished,
    ModelNamed,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    Usage,
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


def read(*pieces, **options):
    """All events of a stream that arrives in these pieces, and what ended it."""
    reader = ChunkReader(**options)
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


def piece(name=None, arguments=None, **members):
    """A piece of a call; what is not given is absent."""
    said = {"name": name, "arguments": arguments}
    return {**members, "function": {key: text for key, text in said.items() if text is not None}}


def called(*pieces, **members):
    """A chunk with pieces of calls."""
    return frame(choices=[{"index": 0, "delta": {"tool_calls": pieces, **members}}])


def answer_in(*pieces):
    events, _ = read(*pieces)
    built = AnswerBuilder()
    built.add(events)
    return built.answer


def calls_in(*pieces):
    return [
        (call["id"], call["function"]["name"], call["function"]["arguments"])
        for call in answer_in(*pieces).tool_calls
    ]


END = stopped("tool_calls") + DONE
SUN = ("a", "sun", '{"x":1}')
RAIN = ("b", "rain", "{}")


@pytest.mark.parametrize(
    "stream",
    [
        called(piece(index=0, id="a", name="sun", arguments='{"x":1}')),
        called(piece(index=0, id="a", name="sun", arguments=""), role="assistant", content="")
        + called(piece(index=0, arguments='{"x"'))
        + called(piece(index=0, arguments=":1}")),
        called(piece(index=0, id="a", name="sun"))
        + called(piece(index=0, id="a", name="sun", arguments='{"x":1}')),
        called(piece(index=0, id="?", name="?"))
        + called(piece(index=0, id="a", name="sun", arguments='{"x":1}')),
        called(piece(index=0, id="a", name="sun"))
        + called(piece(index=0, id="", name="", arguments='{"x":1}')),
        called(piece(id="a", name="sun", arguments='{"x"')) + called(piece(arguments=":1}")),
        called(piece(id="a", name="sun", arguments='{"x"'))
        + called(piece(id="a", arguments=":1}")),
        called(piece(index=None, id="a", name="sun", arguments='{"x":1}')),
        called(piece(index="0", id="a", name="sun", arguments='{"x":1}')),
    ],
)
def test_the_pieces_of_a_call_add_up(stream):
    assert calls_in(stream + END) == [SUN]


@pytest.mark.parametrize(
    "stream",
    [
        called(
            piece(index=0, id="a", name="sun", arguments='{"x":1}'),
            piece(index=1, id="b", name="rain", arguments="{}"),
        ),
        called(piece(index=1, id="b", name="rain", arguments="{}"))
        + called(piece(index=0, id="a", name="sun", arguments='{"x":1}')),
        called(piece(index=0, id="a", name="sun"), piece(index=1, id="b", name="rain"))
        + called(piece(index=1, arguments="{"), piece(index=0, arguments='{"x":'))
        + called(piece(index=0, arguments="1}"))
        + called(piece(index=1, arguments="}")),
        called(piece(id="a", name="sun", arguments='{"x":1}'))
        + called(piece(id="b", name="rain"))
        + called(piece(arguments="{}")),
        called(piece(id="a", name="sun"), piece(id="b", name="rain"))
        + called(piece(arguments='{"x":1}'), piece(arguments="{}")),
        called(piece(name="sun", arguments='{"x":1}'), piece(name="rain", arguments="{}")),
    ],
)
def test_calls_are_told_apart_by_their_index_or_what_stands_in_for_it(stream):
    found = calls_in(stream + END)
    assert [call[1:] for call in found] == [SUN[1:], RAIN[1:]]
    assert [call[0] for call in found] in (["a", "b"], ["", ""])


def test_pieces_of_one_call_in_one_read_are_joined_in_their_place():
    stream = (
        said("Let me ")
        + said("see.")
        + called(piece(index=0, id="a", name="sun", arguments="{"))
        + called(piece(index=0, arguments="}"))
        + called(piece(index=1, id="b", name="rain"))
    )
    assert read(stream + END)[0] == [
        TextDelta("Let me see."),
        ToolCallDelta(0, "a", "sun", "{}"),
        ToolCallDelta(1, "b", "rain", ""),
        Finished("tool_calls"),
    ]


def test_pieces_are_left_apart_if_that_is_wanted():
    usage = {"prompt_tokens": 1, "completion_tokens": 1}
    stream = said("a", usage=usage) + said("b", usage=usage) + stopped() + DONE
    assert read(stream, joins=False)[0] == [
        UsageReported(1, 1, 2),
        TextDelta("a"),
        TextDelta("b"),
        Finished("stop"),
    ]


@given(
    st.lists(
        st.one_of(
            st.text(st.characters(codec="utf-8"), min_size=1).map(said),
            st.builds(
                lambda index, text: called(piece(index=index, arguments=text)),
                st.integers(0, 2),
                st.text(st.characters(codec="utf-8")),
            ),
        ),
        max_size=6,
    ),
    st.lists(st.integers(0, 100_000), max_size=6),
)
def test_any_split_gives_the_same_pieces_and_the_same_calls(chunks, places):
    stream = "".join([*chunks, END]).encode()
    whole, pieces = read(stream, joins=False), read(*split(stream, places), joins=False)
    assert pieces == whole
    assert answer_in(*split(stream, places)) == answer_in(stream)


def test_thoughts_stay_out_of_the_message_unless_they_led_to_a_call():
    thought = frame(choices=[{"delta": {"reasoning_content": "Hm."}}])
    plain = answer_in(thought + said("a") + stopped() + DONE)
    assert (plain.reasoning, plain.message) == ("Hm.", {"role": "assistant", "content": "a"})
    calling = answer_in(thought + called(piece(index=0, id="a", name="sun")) + END)
    assert calling.message["reasoning_content"] == "Hm."


def test_of_each_number_of_a_report_the_last_that_is_not_0_counts():
    def report(prompt, completion):
        return frame(usage={"prompt_tokens": prompt, "completion_tokens": completion})

    built = AnswerBuilder()
    for stream in (report(9, 1), report(0, 3), report(0, 0)):
        built.add(read(stream)[0])
    assert built.usage == UsageReported(9, 3, 3)


def test_usage_adds_up_and_what_nobody_said_stays_unknown():
    assert Usage(1, 2, 3) + UsageReported(4, 5, 9) == Usage(5, 7, 12)
    assert Usage() + Usage(1, 1, 2, cached_tokens=3) == Usage(1, 1, 2, cached_tokens=3)
    assert Usage(reasoning_tokens=1) + Usage(reasoning_tokens=2) == Usage(reasoning_tokens=3)


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
    assert answer.message == {"role": "assistant", **body["choices"][0]["message"]}


def test_the_calls_of_a_whole_answer_may_lack_whatever_they_like():
    calls = [
        {"id": "a", "type": "function", "function": {"name": "sun", "arguments": '{"x":1}'}},
        {"index": 1, "function": {"name": "rain"}},
        {"id": None, "function": None},
    ]
    body = {"choices": [{"message": {"content": None, "tool_calls": calls}}]}
    answer = completion_from(json.dumps(body).encode())
    assert isinstance(answer, Completion)
    assert answer.tool_calls == (
        calls[0],
        {"id": "", "type": "function", "function": {"name": "rain", "arguments": ""}},
        {"id": "", "type": "function", "function": {"name": "", "arguments": ""}},
    )
    assert answer.message["tool_calls"] == calls


@pytest.mark.parametrize("body", [b"{}", b'{"choices": []}', b'{"choices": [{}]}', b"<html>"])
def test_a_body_without_an_answer_is_garbage(body):
    assert isinstance(completion_from(body), errors.ProviderSpokeGarbage)

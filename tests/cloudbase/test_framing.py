from itertools import pairwise

import httpx
import pytest
from httpx_sse import EventSource
from hypothesis import given
from hypothesis import strategies as st

from chat.cloudbase.framing import FRAME_LIMIT, EventDecoder, Frames, payloads


def cut(pieces):
    frames = Frames()
    found = []
    for piece in pieces:
        events, is_too_long = frames.cut(piece)
        assert not is_too_long
        found += payloads(events)
    return found + payloads(frames.rest())


def split(data, places):
    borders = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[a:b] for a, b in pairwise(borders)]


@pytest.mark.parametrize(
    "stream",
    [
        "data: a\n\ndata: b\n\n",
        "data:a\n\ndata:b\n\n",
        "data: a\r\n\r\ndata: b\r\n\r\n",
        "data: a\r\rdata: b\r\r",
        "data: a\r\n\rdata: b\n\r\n",
        "\ufeffdata: a\n\ndata: b\n\n",
        ": keep-alive\n\ndata: a\n\n: again\ndata: b\n\n",
        "event: message\nid: 7\nretry: 10\ndata: a\n\nid: 8\ndata: b\n\n",
        "\n\n\ndata: a\n\n\n\ndata: b\n\n",
        "data: a\n\ndata: b",
        "data: a\n\ndata: b\n",
        "datum: x\ndata: a\n\nevent: nothing\n\ndata: b\n\n",
    ],
)
def test_two_events_however_they_are_written(stream):
    data = stream.encode()
    assert cut([data]) == [b"a", b"b"]
    assert cut([bytes([byte]) for byte in data]) == [b"a", b"b"]


def test_the_lines_of_one_event_are_joined():
    assert cut([b"data: {\ndata: }\n\n"]) == [b"{\n}"]


def test_only_one_space_is_taken_from_the_front():
    assert cut([b"data:  a \n\n"]) == [b" a "]


def test_an_event_is_there_as_soon_as_its_blank_line_is():
    frames = Frames()
    assert frames.cut(b"data: a\r\r") == ([b"data: a"], False)
    assert frames.cut(b"\ndata: b\n\n") == ([b"data: b"], False)


def test_separators_of_unicode_do_not_end_a_line():
    assert cut(["data: a\u2028b\u0085c\u000bd\n\n".encode()]) == ["a\u2028b\u0085c\u000bd".encode()]


@pytest.mark.parametrize("size", [997, 65536, 2 * FRAME_LIMIT])
def test_an_endless_event_is_noticed_after_what_came_before(size):
    frames = Frames()
    stream = b"data: a\n\ndata: " + b"x" * (FRAME_LIMIT + 1)
    found = []
    for start in range(0, len(stream), size):
        events, is_too_long = frames.cut(stream[start : start + size])
        found += payloads(events)
    assert is_too_long
    assert found == [b"a"]


WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"))
LINES = st.one_of(
    st.builds("data: {}".format, WORDS),
    st.builds("data:{}".format, WORDS),
    st.sampled_from(
        [": comment", "event: x", "id: 1", "id: 2", "id: \0", "id", "retry: 10", "retry: soon"]
    ),
    st.sampled_from(["data", "unknown: y", "", ""]),
)
STREAMS = st.lists(st.tuples(LINES, st.sampled_from(["\n", "\r\n", "\r"])), max_size=12)


@given(STREAMS, st.lists(st.integers(0, 10_000), max_size=8))
def test_any_split_of_any_stream_gives_what_the_library_finds_in_the_whole(lines, places):
    stream, expected = with_what_the_library_finds(lines)
    assert [data.decode() for data in cut(split(stream, places))] == [sse.data for sse in expected]


@given(STREAMS, st.lists(st.integers(0, 10_000), max_size=8))
def test_any_split_of_any_stream_gives_the_events_of_the_library(lines, places):
    stream, expected = with_what_the_library_finds(lines)
    frames, decoder = Frames(), EventDecoder()
    whole = [frame for piece in split(stream, places) for frame in frames.cut(piece)[0]]
    found = [event for frame in whole if (event := decoder.decode(frame))]
    assert [repr(event) for event in found] == [repr(event) for event in expected]


def with_what_the_library_finds(lines):
    # Each event ends in a blank line here: what is left without one, the library drops.
    stream = ("".join(line + ending for line, ending in lines) + "\n\n").encode()
    response = httpx.Response(200, headers={"content-type": "text/event-stream"}, content=stream)
    return stream, [sse for sse in EventSource(response).iter_sse() if sse.data]

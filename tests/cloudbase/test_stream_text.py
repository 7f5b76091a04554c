import asyncio
import gc
import json
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.cloudbase import HttpPool, OpenAICompatible, errors
from chat.cloudbase.events import Usage
from tests.cloudbase.conftest import QUICK
from tests.cloudbase.test_chunks import DONE, said, stopped
from tests.cloudbase.test_framing import split
from tests.cloudbase.test_streams import as_far_as_it_comes
from tests.cloudbase.test_tool_loop import BEIJING, CALL, weather
from tests.fakes.model_server import Script, calling, refusal

QUESTION = [{"role": "user", "content": "hi"}]


@pytest.fixture
def ask(model):
    async def asked(**options):
        return await model.stream_text(**{"model": "m", "messages": QUESTION, **options})

    return asked


async def text_of(result):
    return [piece async for piece in result.text_stream]


async def data_of(result):
    return [chunk async for chunk in result.data_stream]


async def events_of(result):
    return [event.data async for event in result.event_stream]


async def test_text_comes_a_piece_for_each_chunk_that_has_some(server, ask):
    server.script = Script(think=["Hm"], say=["Se", "", "ven."])
    assert await text_of(await ask()) == ["Se", "ven."]


async def test_data_is_typed_and_holds_what_was_received(server, ask):
    server.script = Script(think=["Hm"], say=["Seven."], usage="last")
    thought, word, last = await data_of(await ask())
    assert thought.choices[0].delta.role == "assistant"
    assert thought.choices[0].delta.reasoning_content == "Hm"
    assert word.choices[0].delta.content == "Seven."
    assert (last.choices[0].finish_reason, last.usage) == ("stop", Usage(9, 2, 11, None, 1))
    assert (word.id, word.model, word.created) == ("chatcmpl-1", "m", 1760000000)
    assert word.raw_response["object"] == "chat.completion.chunk"
    assert last.usage.total_tokens == last.raw_response["usage"]["total_tokens"]


async def test_usage_without_choices_is_a_chunk_too(server, ask):
    chunks = await data_of(await ask())
    assert (chunks[-1].choices, chunks[-1].usage) == ((), Usage(9, 2, 11))


async def test_raw_events_end_with_done(server, ask):
    *chunks, done = await events_of(await ask())
    assert done == "[DONE]"
    assert json.loads(chunks[0])["choices"][0]["delta"]["content"] == "Hello"


async def test_the_streams_can_be_read_one_after_the_other(server, ask):
    result = await ask()
    assert await text_of(result) == ["Hello", " there"]
    assert len(await data_of(result)) == 4
    assert len(await events_of(result)) == 5
    assert await text_of(result) == ["Hello", " there"]
    assert len(server.requests) == 1


async def test_the_streams_can_be_read_at_once(server, ask):
    server.tell(say=["x"] * 20, delay=0.005)
    result = await ask()
    text, data, events = await asyncio.gather(text_of(result), data_of(result), events_of(result))
    assert (text, len(data), len(events)) == (["x"] * 20, 22, 23)


async def test_messages_and_usage_read_to_the_end_by_themselves(server, ask):
    result = await ask()
    assert await result.usage == Usage(9, 2, 11)
    assert await result.messages == [
        *QUESTION,
        {"role": "assistant", "content": "Hello there"},
    ]
    assert result.error is None
    assert await text_of(result) == ["Hello", " there"]


@pytest.mark.parametrize("usage", ["extra", "last", "each"])
async def test_every_habit_of_reporting_usage_is_counted_once(server, ask, usage):
    server.tell(usage=usage)
    assert await (await ask()).usage == Usage(9, 2, 11)


async def test_of_each_number_the_last_that_is_not_0_counts(server, ask):
    zeros = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    frame = f"data: {json.dumps({'choices': [], 'usage': zeros})}\n\n"
    server.tell(usage="last", frames=[frame])
    assert await (await ask()).usage == Usage(9, 2, 11)


async def test_a_stream_may_be_left_at_done_and_is_whole(server, ask):
    result = await ask()
    async for event in result.event_stream:
        if event.data == "[DONE]":
            break
    assert await text_of(result) == ["Hello", " there"]
    assert (await result.messages)[-1]["content"] == "Hello there"
    assert result.error is None


async def test_all_steps_follow_one_another_each_with_its_done(server, ask):
    server.once(calling(BEIJING, say=["Let me see. "]))
    result = await ask(tools=[weather()])
    assert await text_of(result) == ["Let me see. ", "Hello", " there"]
    assert (await events_of(result)).count("[DONE]") == 2
    reasons = [c.choices[0].finish_reason for c in await data_of(result) if c.choices]
    assert [reason for reason in reasons if reason] == ["tool_calls", "stop"]


async def test_pieces_of_calls_are_in_the_data(server, ask):
    server.script = calling(BEIJING)
    first, *pieces = await data_of(await ask(max_steps=1))
    assert first.choices[0].delta.tool_calls[0]["function"]["name"] == "get_weather"
    told = [chunk.choices[0].delta.tool_calls[0]["function"]["arguments"] for chunk in pieces]
    assert "".join(told) == '{"city": "Beijing"}'


async def test_text_of_a_step_is_there_before_its_tools_have_run(server, ask):
    gate = asyncio.Event()

    async def wait(_):
        await gate.wait()

    server.once(calling(BEIJING, say=["Let me see. "]))
    result = await ask(tools=[weather(wait)])
    stream = result.text_stream
    assert await asyncio.wait_for(anext(stream), 1) == "Let me see. "
    gate.set()
    assert [piece async for piece in stream] == ["Hello", " there"]


async def test_the_second_request_of_a_loop_is_exactly_this(server, ask):
    tool = weather()
    question = [{"role": "user", "content": "Weather in Beijing?"}]
    server.once(calling(("get_weather", '{"city":"Beijing"}')))
    result = await ask(messages=question, tools=[tool], stream_options=None)
    await result.messages
    assert server.requests[1].body == {
        "model": "m",
        "stream": True,
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "get_weather",
                    "description": "Weather of a city",
                    "parameters": {
                        "type": "object",
                        "properties": {"city": {"type": "string"}},
                        "required": ["city"],
                    },
                },
            }
        ],
        "messages": [
            {"role": "user", "content": "Weather in Beijing?"},
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [
                    {
                        "id": "call_1",
                        "type": "function",
                        "function": {"name": "get_weather", "arguments": '{"city":"Beijing"}'},
                    }
                ],
            },
            {"role": "tool", "tool_call_id": "call_1", "content": '"clear"'},
        ],
    }


async def test_unknown_parameters_pass_through(server, ask):
    await (await ask(temperature=0.5, thinking={"type": "enabled"}, stream_options={"x": 1})).usage
    body = server.requests[0].body
    assert (body["temperature"], body["thinking"]) == (0.5, {"type": "enabled"})
    assert body["stream_options"] == {"x": 1}


# Failures


async def test_a_refusal_is_raised_where_the_stream_was_asked_for(server, ask):
    server.script = refusal(403, "AI_CHANNEL_NOT_ALLOWED")
    with pytest.raises(errors.ChannelNotAllowed):
        await ask()


BREAKS: dict[str, tuple[dict[str, Any], Any]] = {
    "error frame": (
        {"frames": ['data: {"code": "ENV_ISOLATED", "message": "m"}\n\n']},
        errors.EnvironmentSuspended,
    ),
    "garbage": ({"frames": ["data: {nope\n\n"]}, errors.ProviderSpokeGarbage),
    "reset": ({"ending": "reset"}, errors.StreamBroken),
    "no end": ({"ending": "close"}, errors.StreamBroken),
    "silence": ({"ending": "hang"}, errors.ProviderTimedOut),
}


@pytest.mark.parametrize("kind", BREAKS)
async def test_a_break_is_raised_by_every_reader_after_what_came_before(server, ask, kind):
    members, error = BREAKS[kind]
    server.script = Script(usage="each", finish_reason=None, **members)
    result = await ask()
    for stream in (result.text_stream, result.data_stream, result.event_stream):
        seen, failure = await as_far_as_it_comes(stream)
        assert len(seen) >= 2
        assert failure is result.error
    assert isinstance(result.error, error)
    assert await result.messages == QUESTION
    assert await result.usage == Usage(9, 2, 11)


async def test_a_later_step_that_fails_is_raised_when_the_reader_gets_there(server, ask):
    server.once(calling(BEIJING, say=["Let me see. "]), refusal(503, "X"), refusal(503, "X"))
    server.script = refusal(503, "X")
    result = await ask(tools=[weather()])
    seen, failure = await as_far_as_it_comes(result.text_stream)
    assert seen == ["Let me see. "]
    assert isinstance(failure, errors.ProviderFailed)
    assert failure is result.error
    assert [message["role"] for message in await result.messages] == ["user", "assistant", "tool"]


# Leaving


async def left_by_break(result):
    async for _ in result.text_stream:
        break


async def left_by_closing(result):
    async with result:
        await anext(result.event_stream)


async def left_by_cancelling(result):
    task = asyncio.create_task(text_of(result))
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def left_by_giving_up_on_usage(result):
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(result.usage, 0.1)


async def left_by_not_reading_at_all(result):
    await result.aclose()


@pytest.mark.parametrize(
    "leave",
    [
        left_by_break,
        left_by_closing,
        left_by_cancelling,
        left_by_giving_up_on_usage,
        left_by_not_reading_at_all,
    ],
)
async def test_leaving_early_hangs_up_and_is_told_to_later_readers(server, ask, leave):
    server.tell(say=["x"] * 3, pause_after=1)
    result = await ask()
    await leave(result)
    await asyncio.wait_for((await server.seen()).disconnected.wait(), 1)
    with pytest.raises(errors.StreamLeft):
        await text_of(result)
    assert isinstance(result.error, errors.StreamLeft)
    assert await result.messages == QUESTION


async def test_a_result_that_is_forgotten_hangs_up(server, ask):
    server.tell(say=["x"] * 3, pause_after=1)
    await ask()
    gc.collect()
    await asyncio.wait_for((await server.seen()).disconnected.wait(), 1)


async def test_one_of_two_readers_may_leave(server, ask):
    server.tell(say=["x"] * 3, pause_after=1)
    result = await ask()
    stays = asyncio.create_task(text_of(result))
    await left_by_cancelling(result)
    server.resume()
    assert await stays == ["x"] * 3


async def test_leaving_while_a_tool_runs_cancels_it(server, ask):
    ended = asyncio.Event()

    async def patient(_):
        try:
            await asyncio.sleep(30)
        finally:
            ended.set()

    server.once(calling(BEIJING))
    result = await ask(tools=[weather(patient)])
    await left_by_cancelling(result)
    assert ended.is_set()


# Callbacks


async def test_callbacks_hear_everything_without_anybody_reading(server, ask):
    heard: list[Any] = []
    done = asyncio.Event()

    async def finish(text):
        heard.append(text)
        done.set()

    events: list[Any] = []
    await ask(on_text=heard.append, on_event=events.append, on_finish=finish)
    await asyncio.wait_for(done.wait(), 1)
    assert heard == ["Hello", " there", "Hello there"]
    assert events[-1].data == "[DONE]"


async def test_streams_can_be_read_beside_callbacks(server, ask):
    heard: list[Any] = []
    result = await ask(on_text=heard.append)
    await left_by_break(result)
    assert await text_of(result) == ["Hello", " there"]
    await result.usage
    assert heard == ["Hello", " there"]


async def test_closing_ends_the_callbacks(server, ask):
    server.tell(say=["x"] * 3, pause_after=1)
    heard = asyncio.Event()
    result = await ask(on_text=lambda _: heard.set(), on_finish=lambda _: pytest.fail("unfinished"))
    await heard.wait()
    await result.aclose()
    await asyncio.wait_for((await server.seen()).disconnected.wait(), 1)


async def test_a_callback_may_close_the_stream_itself(server, ask):
    server.tell(say=["x"] * 3, pause_after=1)
    heard: list[Any] = []

    async def enough(piece):
        heard.append(piece)
        await result.aclose()

    result = await ask(on_text=enough)
    await asyncio.wait_for((await server.seen()).disconnected.wait(), 1)
    assert heard == ["x"]


@pytest.mark.parametrize("callback", ["on_text", "on_event", "on_finish", "on_step_finish"])
async def test_what_a_callback_raises_comes_out_unchanged(server, ask, callback):
    raised = LookupError("mine")

    def disagree(_):
        raise raised

    result = await ask(**{callback: disagree})
    with pytest.raises(LookupError) as caught:
        await result.usage
    assert caught.value is raised
    assert result.error is raised
    with pytest.raises(LookupError):
        await text_of(result)


async def test_a_failure_of_the_service_reaches_callbacks_as_an_error(server, ask):
    server.script = Script(ending="close", finish_reason=None)
    heard: list[Any] = []
    result = await ask(on_text=heard.append, on_finish=lambda _: pytest.fail("unfinished"))
    await result.usage
    assert heard == ["Hello", " there"]
    assert isinstance(result.error, errors.StreamBroken)


# Chunk borders

ANSWER = (said("晴") + said("天") + stopped("tool_calls") + DONE).encode()
CALLS = (
    "".join(
        f"data: {json.dumps({'choices': [{'index': 0, 'delta': delta}]})}\r\n\r\n"
        for delta in [
            {"role": "assistant", "content": "看"},
            {"tool_calls": [{"index": 0, **CALL}]},
            {"tool_calls": [{"index": 1, **CALL, "id": "call_2"}]},
        ]
    )
    + stopped("tool_calls")
    + DONE
).encode()


@given(st.lists(st.integers(0, 10_000), max_size=8))
def test_wherever_the_reads_end_every_stream_is_the_same(places):
    assert asyncio.run(everything(split(CALLS, places), split(ANSWER, places))) == (
        ["看", "晴", "天"],
        7,
        9,
        ["user", "assistant", "tool", "tool", "assistant"],
    )


async def as_body(pieces):
    for piece in pieces:
        yield piece


async def everything(*answers):
    waiting = list(answers)

    async def answer(_request):
        body = as_body(waiting.pop(0))
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, content=body)

    async with (
        HttpPool(transport=httpx.MockTransport(answer)) as pool,
        OpenAICompatible(base_url="http://h/v1", http=pool, patience=QUICK) as app,
    ):
        result = (
            await app.ai()
            .create_model("custom-lab")
            .stream_text(model="m", messages=QUESTION, tools=[weather()])
        )
        roles = [message["role"] for message in await result.messages]
        data, events = len(await data_of(result)), len(await events_of(result))
        return await text_of(result), data, events, roles

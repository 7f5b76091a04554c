import asyncio
import time
from contextlib import aclosing
from itertools import pairwise

import pytest

from chat.cloudbase import ChatRequest, Message, OpenAICompatible, Patience, errors
from chat.cloudbase.events import (
    Finished,
    ModelNamed,
    ReasoningDelta,
    TextDelta,
    UsageReported,
)
from tests.cloudbase.conftest import gathered, text_of
from tests.fakes.model_server import Script


async def test_a_stream_is_told_as_events(server, asked):
    server.script = Script(think=["Hm", "."], say=["你", "好"], model="m1-2026", cached_tokens=4)
    assert await asked() == (
        [
            ModelNamed("m1-2026"),
            ReasoningDelta("Hm."),
            TextDelta("你好"),
            UsageReported(9, 4, 13, cached_tokens=4, reasoning_tokens=2),
            Finished("stop"),
        ],
        None,
    )


async def test_the_request_arrives_as_it_was_meant(server, model):
    request = ChatRequest("m1", (Message("user", "hi"),), {"temperature": 0.5})
    await gathered(model, request)
    assert server.requests[0].body == {
        "model": "m1",
        "messages": [{"role": "user", "content": "hi"}],
        "temperature": 0.5,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


@pytest.mark.parametrize("usage", ["extra", "last", "each"])
async def test_every_habit_of_reporting_usage_is_understood(server, asked, usage):
    server.tell(usage=usage)
    events, _ = await asked()
    assert events[-2:] == [UsageReported(9, 2, 11), Finished("stop")]


async def test_no_report_is_no_event(server, asked):
    server.tell(usage="none")
    events, _ = await asked()
    assert not [event for event in events if isinstance(event, UsageReported)]


@pytest.mark.parametrize("ending", ["done", "close", "reset", "truncated", "hang"])
async def test_a_complete_text_is_complete_however_the_stream_ends(server, asked, ending):
    server.tell(ending=ending)
    events, failure = await asked()
    assert (text_of(events), events[-1], failure) == ("Hello there", Finished("stop"), None)


@pytest.mark.parametrize("separator", ["\n\n", "\r\n\r\n", "\r\r"])
async def test_every_way_to_end_a_line_is_understood(server, asked, separator):
    server.tell(separator=separator, say=["a\u2028", "b\u0085"])
    events, failure = await asked()
    assert (text_of(events), failure) == ("a\u2028b\u0085", None)


async def test_an_error_frame_ends_the_stream_after_the_text(server, asked):
    server.tell(frames=['data: {"code": "ENV_ISOLATED", "message": "m"}\n\n'], finish_reason=None)
    events, failure = await asked()
    assert text_of(events) == "Hello there"
    assert isinstance(failure, errors.EnvironmentSuspended)


async def test_the_first_piece_comes_at_once_and_the_others_in_step(server, model, question):
    server.tell(say=["x"] * 50, delay=0.01)
    times = []
    async with aclosing(model.stream(question, pace=0.1)) as stream:
        async for _ in stream:
            times.append(time.monotonic())
    gaps = [after - before for before, after in pairwise(times)]
    assert 4 <= len(times) <= 9
    assert min(gaps[1:]) >= 0.09  # the first may be shorter: from then on all streams keep step


async def test_one_read_brings_everything_that_has_arrived(server, model, question):
    server.tell(say=["x"] * 20, delays=[0, 0.05])
    async with aclosing(model.stream(question, pace=0.3)) as stream:
        batches = [batch async for batch in stream]
    assert [text_of(batch) for batch in batches] == ["x", "x" * 19]
    assert len([event for event in batches[1] if isinstance(event, TextDelta)]) == 1


async def test_closing_early_hangs_up_at_once(server, model, question):
    server.tell(say=["x"] * 3, pause_after=1)
    async with aclosing(model.stream(question)) as stream:
        await anext(stream)
    closed = time.monotonic()
    seen = await server.seen()
    await asyncio.wait_for(seen.disconnected.wait(), 0.2)
    assert seen.disconnected_at - closed < 0.2
    assert seen.said == 1


async def test_a_cancelled_reader_hangs_up_at_once(server, model, question):
    server.tell(silence=30)
    task = asyncio.create_task(gathered(model, question))
    seen = await server.seen()
    task.cancel()
    await asyncio.wait_for(seen.disconnected.wait(), 0.2)
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_reader_who_rests_longer_than_a_silence_may_last_loses_nothing(
    server, model, question
):
    server.tell(delays=[0, 0.05])
    text = ""
    async with aclosing(model.stream(question)) as stream:
        async for batch in stream:
            text += text_of(batch)
            await asyncio.sleep(0.7)
    assert text == "Hello there"


async def test_a_gate_opens_in_mid_sentence(server, model, question):
    server.tell(pause_after=1)
    async with aclosing(model.stream(question)) as stream:
        assert text_of(await anext(stream)) == "Hello"
        server.resume()
        assert text_of([event async for batch in stream for event in batch]) == " there"


async def test_a_whole_answer(server, model, question):
    server.tell(think=["Hm"], model="m1-2026")
    answer = await model.complete(question)
    assert (answer.text, answer.reasoning, answer.finish_reason) == ("Hello there", "Hm", "stop")
    assert (answer.model, answer.usage) == ("m1-2026", UsageReported(9, 3, 12, None, 1))
    assert answer.raw["object"] == "chat.completion"
    assert server.requests[0].body["stream"] is False


async def test_patience_is_for_the_caller_to_set(server, question):
    server.tell(silence=0.3)
    patience = Patience(connect=0.05, first_byte=0.05)
    async with OpenAICompatible(base_url=server.base_url, patience=patience) as app:
        with pytest.raises(errors.ProviderTimedOut):
            await app.ai().create_model("custom-lab").complete(question)

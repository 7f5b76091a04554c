"""OpenAI's own client reads the same streams and answers as ours does."""

from types import SimpleNamespace

import openai
import pytest

from chat.cloudbase import errors
from chat.cloudbase.answers import AnswerBuilder
from tests.cloudbase.conftest import gathered
from tests.fakes.model_server import Script, calling

BEIJING = ("get_weather", {"city": "Beijing"})
WUHAN = ("get_weather", {"city": "武汉"})

SCRIPTS = {
    "text": Script(say=["Se", "ven", "。"]),
    "thoughts": Script(think=["Hm", "."], say=["Seven."]),
    "cut off": Script(finish_reason="length"),
    "nothing": Script(say=[]),
    "usage on the last chunk": Script(usage="last"),
    "usage on each chunk": Script(usage="each"),
    "no usage": Script(usage="none"),
    "cached": Script(cached_tokens=4),
    "carriage returns": Script(separator="\r\n\r\n"),
    "separators of Unicode": Script(say=["a\u2028b", "c\u0085d"]),
    "no end mark": Script(ending="close"),
    **{
        f"calls, {order}, usage {usage}": calling(BEIJING, WUHAN, tool_order=order, usage=usage)
        for order in ("cloudbase", "openai", "no_role")
        for usage in ("last", "extra")
    },
    "calls and text": calling(BEIJING, say=["Let me see."]),
}


@pytest.fixture
async def other(server):
    async with openai.AsyncOpenAI(
        base_url=server.base_url, api_key="key-1", max_retries=0
    ) as client:
        yield client


async def read_by_openai(client, **options):
    stream = await client.chat.completions.create(
        model="m1",
        messages=[{"role": "user", "content": "hi"}],
        stream=True,
        stream_options={"include_usage": True},
        **options,
    )
    read = SimpleNamespace(text="", calls={}, usage=None, finish_reason=None, model=None)
    async for chunk in stream:
        read.usage = chunk.usage or read.usage
        read.model = chunk.model
        for choice in chunk.choices:
            read.text += choice.delta.content or ""
            read.finish_reason = choice.finish_reason or read.finish_reason
            for call in choice.delta.tool_calls or ():
                merge(read.calls, call)
    return read


def merge(calls, delta):
    known = calls.setdefault(delta.index, {"id": "", "name": "", "arguments": ""})
    known["id"] = delta.id or known["id"]
    known["name"] = delta.function.name or known["name"]
    known["arguments"] += delta.function.arguments or ""


def plain(calls):
    return [{"id": call["id"], **call["function"]} for call in calls]


def numbers(usage):
    return usage and (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens)


@pytest.mark.parametrize("name", SCRIPTS)
async def test_a_stream(server, model, question, other, name):
    server.script = SCRIPTS[name]
    theirs = await read_by_openai(other)
    events, failure = await gathered(model, question)
    built = AnswerBuilder()
    built.add(events)
    ours = built.answer
    assert failure is None
    assert (ours.text, ours.finish_reason) == (theirs.text, theirs.finish_reason)
    assert ours.model == theirs.model == "m1"
    assert plain(ours.tool_calls) == list(theirs.calls.values())
    assert numbers(ours.usage) == numbers(theirs.usage)


@pytest.mark.parametrize("name", SCRIPTS)
async def test_the_text_and_the_chunks_of_a_stream(server, model, other, name):
    server.script = SCRIPTS[name]
    theirs = await read_by_openai(other)
    result = await model.stream_text(
        model="m1", messages=[{"role": "user", "content": "hi"}], max_steps=1
    )
    assert "".join([piece async for piece in result.text_stream]) == theirs.text
    data = [chunk async for chunk in result.data_stream]
    reasons = [choice.finish_reason for chunk in data for choice in chunk.choices]
    assert [reason for reason in reasons if reason] == [theirs.finish_reason]
    assert numbers(await result.usage) == (numbers(theirs.usage) or (0, 0, 0))


@pytest.mark.parametrize("name", SCRIPTS)
async def test_a_whole_answer(server, model, question, other, name):
    server.script = SCRIPTS[name]
    theirs = await other.chat.completions.create(
        model="m1", messages=[{"role": "user", "content": "hi"}]
    )
    ours = await model.complete(question)
    choice = theirs.choices[0]
    assert (ours.text, ours.finish_reason) == (choice.message.content, choice.finish_reason)
    calls = [
        {"id": call.id, "name": call.function.name, "arguments": call.function.arguments}
        for call in choice.message.tool_calls or ()
    ]
    assert plain(ours.tool_calls) == calls
    assert numbers(ours.usage) == numbers(theirs.usage)


async def test_an_error_inside_a_stream(server, model, question, other):
    frame = (
        'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "error"}], '
        '"error": {"code": "AI_MODEL_REQUEST_FAILED", "message": "upstream died"}}\n\n'
    )
    server.script = Script(frames=[frame], finish_reason=None)
    with pytest.raises(openai.APIError, match="upstream died"):
        await read_by_openai(other)
    _, failure = await gathered(model, question)
    assert isinstance(failure, errors.ProviderFailed)
    assert failure.detail == "upstream died"

"""The loop of tool calls, for whole answers and for streams alike."""

import asyncio
import json
import threading
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio

from chat.cloudbase import OpenAICompatible, errors
from chat.cloudbase.events import Usage
from chat.cloudbase.messages import Message
from chat.cloudbase.tools import RESULT_LIMIT, FunctionTool
from tests.cloudbase.conftest import QUICK
from tests.cloudbase.telling import everything_in
from tests.cloudbase.test_streams import as_far_as_it_comes
from tests.fakes.model_server import Script, calling, refusal

WEATHER = {
    "name": "get_weather",
    "description": "Weather of a city",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
}
QUESTION = [{"role": "user", "content": "Weather in Beijing?"}]
BEIJING = ("get_weather", {"city": "Beijing"})
CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "get_weather", "arguments": '{"city": "Beijing"}'},
}


def weather(fn=lambda arguments: "clear", **members):
    return FunctionTool(**{**WEATHER, **members}, fn=fn)


async def generated(chat, **options):
    result = await chat.generate_text(**options)
    return SimpleNamespace(
        text=result.text, messages=result.messages, usage=result.usage, error=result.error
    )


async def streamed(chat, **options):
    result = await chat.stream_text(**options)
    pieces, failure = await as_far_as_it_comes(result.text_stream)
    assert failure is result.error
    return SimpleNamespace(
        text="".join(pieces),
        messages=await result.messages,
        usage=await result.usage,
        error=result.error,
    )


@pytest_asyncio.fixture
async def ai(server):
    async with OpenAICompatible(base_url=server.base_url, api_key="key-1", patience=QUICK) as app:
        yield app.ai()


@pytest.fixture(params=[generated, streamed], ids=["generate_text", "stream_text"])
def ask(request, ai):
    """Ask in one mode or the other; both give what they have in common."""

    async def asked(**options):
        return await request.param(
            ai.create_model("custom-lab"),
            **{"model": "m", "messages": QUESTION, "tools": [weather()], **options},
        )

    return asked


@pytest.fixture
def told(server, ask):
    """What the model is told after it called the tool of that name with these arguments."""

    async def asked(tools, name="get_weather", arguments=BEIJING[1], **options):
        server.once(calling((name, arguments)))
        await ask(tools=tools, **options)
        return json.loads(server.requests[-1].body["messages"][-1]["content"])

    return asked


def sent(server):
    return [seen.body["messages"] for seen in server.requests]


@pytest.mark.parametrize("order", ["cloudbase", "openai", "no_role", "no_index"])
@pytest.mark.parametrize("usage", ["last", "extra", "each", "none"])
async def test_a_call_is_run_in_whatever_order_it_is_told(server, ask, order, usage):
    server.once(calling(BEIJING, tool_order=order, usage=usage))
    result = await ask()
    assert sent(server)[1] == [
        *QUESTION,
        {"role": "assistant", "content": "", "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "call_1", "content": '"clear"'},
    ]
    assert result.text == "Hello there"
    assert result.messages == [*sent(server)[1], {"role": "assistant", "content": "Hello there"}]
    assert result.error is None


async def test_every_tool_call_of_an_answer_runs_at_once_each_with_its_own_message(server, ask):
    both = threading.Barrier(2, timeout=2)

    def look(arguments):
        both.wait()
        return {"city": arguments["city"], "sky": "晴"}

    server.once(calling(BEIJING, ("get_weather", {"city": "Wuhan"})))
    await ask(tools=[weather(look)])
    assert sent(server)[1][2:] == [
        {"role": "tool", "tool_call_id": "call_1", "content": '{"city":"Beijing","sky":"晴"}'},
        {"role": "tool", "tool_call_id": "call_2", "content": '{"city":"Wuhan","sky":"晴"}'},
    ]


async def look_up(arguments):
    await asyncio.sleep(0)
    return arguments["city"]


class Lookup:
    async def __call__(self, arguments):
        return arguments["city"]


@pytest.mark.parametrize("fn", [look_up, Lookup(), lambda arguments: look_up(arguments)])
async def test_an_async_function_is_awaited_in_whatever_shape_it_comes(told, fn):
    assert await told([weather(fn)]) == "Beijing"


async def test_a_sync_function_runs_beside_the_loop(told):
    loop_thread = threading.get_ident()
    assert await told([weather(lambda _: threading.get_ident() != loop_thread)]) is True


@pytest.mark.parametrize(
    ("value", "content"),
    [("clear", '"clear"'), (None, "null"), ({"a": [1, 2.5]}, '{"a":[1,2.5]}'), (True, "true")],
)
async def test_a_result_is_told_as_json(told, value, content):
    assert await told([weather(lambda _: value)]) == json.loads(content)


async def test_a_model_with_nothing_to_say_may_leave_the_arguments_empty(told):
    assert await told([weather(lambda arguments: arguments)], arguments="") == {}


async def test_a_registered_function_runs_for_a_tool_that_is_ready_made(ai, server, told):
    ai.register_function_tool(weather())
    ready = {"type": "function", "function": WEATHER}
    assert await told([ready]) == "clear"
    assert server.requests[0].body["tools"] == [ready]


async def test_our_own_tools_are_sent_without_their_function(server, ask):
    await ask(tool_choice="auto")
    body = server.requests[0].body
    assert body["tools"] == [{"type": "function", "function": WEATHER}]
    assert body["tool_choice"] == "auto"


async def test_only_tools_offered_on_this_call_may_run(ai, told):
    ran: list[Any] = []
    ai.register_function_tool(weather(ran.append))
    ai.register_function_tool(weather(ran.append, name="other"))
    assert "other" in (await told([weather(ran.append)], name="other"))["error"]
    assert ran == []


async def test_a_tool_that_nobody_can_read_is_refused_before_anything_is_sent(server, ask):
    with pytest.raises(errors.ToolIllegal):
        await ask(tools=["get_weather"])
    assert server.requests == []


def broken(_):
    raise ValueError("no such city, Bearer abcd1234, key-1")


async def slow(_):
    await asyncio.sleep(30)


def half(_):
    raise ValueError("\ud800")


def exhausted(_):
    return next(iter([]))


async def cancelled(_):
    raise asyncio.CancelledError


FAILURES: dict[str, tuple[Any, Any, Any]] = {
    "unknown": ([weather(name="other")], BEIJING[1], errors.UnknownTool),
    "no json": ([weather()], '{"city": ', errors.ToolArgumentsInvalid),
    "no object": ([weather()], '["Beijing"]', errors.ToolArgumentsInvalid),
    "raised": ([weather(broken)], BEIJING[1], errors.ToolRaised),
    "raised half a character": ([weather(half)], BEIJING[1], errors.ToolRaised),
    "ran out": ([weather(exhausted)], BEIJING[1], errors.ToolRaised),
    "cancelled": ([weather(cancelled)], BEIJING[1], errors.ToolRaised),
    "too slow": ([weather(slow, timeout=0.05)], BEIJING[1], errors.ToolTimedOut),
    "no result": ([weather(lambda _: object())], BEIJING[1], errors.ToolResultUnusable),
    "half a character": ([weather(lambda _: "\ud800")], BEIJING[1], errors.ToolResultUnusable),
}


@pytest.mark.parametrize("failure", FAILURES)
async def test_a_failure_is_told_to_the_model_which_goes_on(server, ask, failure):
    tools, arguments, kind = FAILURES[failure]
    server.once(calling(("get_weather", arguments)))
    steps: list[Any] = []
    result = await ask(tools=tools, on_step_finish=steps.append)
    said = json.loads(sent(server)[1][-1]["content"])
    assert list(said) == ["error"]
    assert kind.code in said["error"]
    assert (result.text, result.error) == ("Hello there", None)
    assert type(steps[0].tool_result) is kind


async def test_what_a_function_raised_is_told_without_keys(told):
    said = (await told([weather(broken)]))["error"]
    assert "ValueError: no such city" in said
    assert "abcd1234" not in said
    assert "key-1" not in said


@pytest.mark.parametrize("failure", FAILURES)
async def test_a_failure_ends_the_call_if_that_is_wanted(server, ask, failure):
    tools, arguments, kind = FAILURES[failure]
    server.once(calling(("get_weather", arguments)))
    result = await ask(tools=tools, on_tool_error="stop")
    assert type(result.error) is kind
    assert len(server.requests) == 1
    assert result.messages[-1]["tool_calls"][0]["id"] == "call_1"
    assert result.usage.prompt_tokens == 9


async def test_a_function_that_times_out_by_itself_has_raised(told):
    def impatient(_):
        raise TimeoutError("of its own")

    assert "tool_raised" in (await told([weather(impatient)]))["error"]


@pytest.mark.parametrize(
    "value", ["x" * RESULT_LIMIT, ['"' * 9] * RESULT_LIMIT, "晴" * RESULT_LIMIT]
)
async def test_of_too_large_a_result_the_beginning_is_told(server, ask, value):
    server.once(calling(BEIJING))
    await ask(tools=[weather(lambda _: value)])
    content = sent(server)[1][-1]["content"]
    assert len(content.encode()) <= RESULT_LIMIT
    said = json.loads(content)
    assert said["cut"] is True
    assert said["bytes"] > RESULT_LIMIT
    assert json.dumps(value, ensure_ascii=False, separators=(",", ":")).startswith(
        said["beginning"]
    )


@pytest.mark.parametrize("max_steps", [1, 3])
async def test_a_model_that_never_stops_calling_is_stopped(server, ask, max_steps):
    server.script = calling(BEIJING)
    ran: list[Any] = []
    result = await ask(tools=[weather(ran.append)], max_steps=max_steps)
    assert len(server.requests) == max_steps
    assert len(ran) == max_steps - 1
    assert result.messages[-1] == {"role": "assistant", "content": "", "tool_calls": [CALL]}
    assert result.error is None


async def test_ten_steps_are_the_most_unless_told_otherwise(server, ask):
    server.script = calling(BEIJING)
    await ask()
    assert len(server.requests) == 10


@pytest.mark.parametrize("max_steps", [0, -1])
async def test_less_than_one_step_is_refused_with_the_rule(server, ask, max_steps):
    with pytest.raises(errors.StepsIllegal, match="at least one step"):
        await ask(max_steps=max_steps)
    assert server.requests == []


@pytest.mark.parametrize(
    ("reason", "runs"),
    [
        ("tool_calls", True),
        ("tool_call", True),
        ("stop", True),
        ("length", False),
        ("content_filter", False),
        (None, False),
    ],
)
async def test_a_call_is_run_only_if_it_is_surely_whole(server, ask, reason, runs):
    server.once(calling(BEIJING, finish_reason=reason))
    ran: list[Any] = []
    await ask(tools=[weather(ran.append)])
    assert bool(ran) is runs
    assert len(server.requests) == (2 if runs else 1)


async def test_each_step_is_told_with_what_it_used(server, ask):
    server.once(calling(BEIJING, say=["Let me see."]))
    steps: list[Any] = []
    result = await ask(on_step_finish=steps.append)
    tool_step, last = steps
    assert tool_step.messages == QUESTION
    assert (tool_step.text, tool_step.finish_reason) == ("Let me see.", "tool_calls")
    assert (tool_step.tool_call, tool_step.tool_calls) == (CALL, (CALL,))
    assert (tool_step.tool_result, tool_step.tool_results) == ("clear", ("clear",))
    assert last.messages == result.messages
    assert (last.text, last.finish_reason) == ("Hello there", "stop")
    assert (last.tool_call, last.tool_result) == (None, None)
    assert last.step_usage == Usage(9, 2, 11)
    assert tool_step.step_usage == tool_step.total_usage
    assert last.total_usage == tool_step.step_usage + last.step_usage == result.usage


async def test_the_call_that_is_left_when_the_steps_are_over_is_told(server, ask):
    server.script = calling(BEIJING)
    steps: list[Any] = []
    await ask(max_steps=1, on_step_finish=steps.append)
    assert (steps[0].text, steps[0].tool_call, steps[0].tool_results) == (None, CALL, ())


async def test_a_tool_whose_failure_ends_the_call_does_not_tell_the_key(server, ask, caplog):
    def tell(_):
        raise ValueError("the key is key-1")

    server.once(calling(BEIJING))
    result = await ask(tools=[weather(tell)], on_tool_error="stop")
    assert "key-1" not in everything_in(result.error)
    assert "key-1" not in caplog.text


async def test_a_later_request_that_fails_leaves_what_there_is(server, ask):
    server.once(calling(BEIJING), refusal(429, "EXCEED_TOKEN_QUOTA_LIMIT"))
    result = await ask()
    assert isinstance(result.error, errors.QuotaExhausted)
    assert [message["role"] for message in result.messages] == ["user", "assistant", "tool"]
    assert result.usage.prompt_tokens == 9


async def test_the_first_request_that_fails_is_raised(server, ask):
    server.script = refusal(403, "AI_MODEL_NOT_SUPPORTED")
    with pytest.raises(errors.ModelNotEnabled):
        await ask()


async def test_what_on_step_finish_raises_comes_out_unchanged(server, ask):
    async def disagree(_step):
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        await ask(on_step_finish=disagree)


async def test_an_error_of_ours_from_a_callback_comes_out_too(server, ask):
    def disagree(_step):
        raise errors.QuotaExhausted("of another call")

    server.once(calling(BEIJING))
    with pytest.raises(errors.QuotaExhausted):
        await ask(on_step_finish=disagree)


async def test_the_list_of_the_caller_is_not_touched(server, ask):
    messages = [Message("system", "Be brief."), *QUESTION]
    server.once(calling(BEIJING))
    result = await ask(messages=messages)
    assert messages == [Message("system", "Be brief."), *QUESTION]
    assert result.messages[0] == {"role": "system", "content": "Be brief."}
    assert len(result.messages) == 5


async def test_thoughts_go_back_with_the_call_they_led_to(server, ask):
    server.once(calling(BEIJING, think=["Hm", "."]))
    await ask()
    assert sent(server)[1][1]["reasoning_content"] == "Hm."


async def test_cancelling_a_call_cancels_the_tools_that_run(server, ask):
    started, ended = asyncio.Event(), asyncio.Event()

    async def patient(_):
        started.set()
        try:
            await asyncio.sleep(30)
        finally:
            ended.set()

    server.once(calling(BEIJING))
    task = asyncio.create_task(ask(tools=[weather(patient)]))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()
    assert len(server.requests) == 1


async def test_every_answer_of_a_script_is_told_apart(server, ask):
    server.once(
        calling(BEIJING), calling(("get_weather", {"city": "Wuhan"})), Script(say=["Fine."])
    )
    result = await ask()
    roles = [message["role"] for message in result.messages]
    assert roles == ["user", "assistant", "tool", "assistant", "tool", "assistant"]
    assert result.text == "Fine."

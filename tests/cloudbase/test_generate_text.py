import json

import pytest

from chat.cloudbase import errors
from chat.cloudbase.events import Usage
from chat.cloudbase.messages import Message
from tests.cloudbase.test_tool_loop import BEIJING, weather
from tests.fakes.model_server import Script, calling, refusal

QUESTION = [{"role": "user", "content": "hi", "name": "ann"}]


async def test_an_answer_with_everything_that_belongs_to_it(server, model):
    server.script = Script(think=["Hm"], say=["Sev", "en."], cached_tokens=4)
    result = await model.generate_text(model="m", messages=QUESTION)
    assert result.text == "Seven."
    assert result.messages == [
        *QUESTION,
        {"role": "assistant", "content": "Seven.", "reasoning_content": "Hm"},
    ]
    assert result.usage == Usage(9, 3, 12, cached_tokens=4, reasoning_tokens=1)
    assert [raw["object"] for raw in result.raw_responses] == ["chat.completion"]
    assert result.error is None


async def test_the_request_is_what_was_asked_and_nothing_else(server, model):
    await model.generate_text(
        model="m",
        messages=[Message("system", "Be brief."), *QUESTION],
        temperature=0.5,
        top_p=0.9,
        thinking={"type": "disabled"},
        stop=None,
    )
    assert server.requests[0].body == {
        "model": "m",
        "messages": [{"role": "system", "content": "Be brief."}, *QUESTION],
        "temperature": 0.5,
        "top_p": 0.9,
        "thinking": {"type": "disabled"},
        "stop": None,
        "stream": False,
    }


async def test_every_body_is_kept_untouched(server, model):
    body = {
        "id": "c1",
        "version": "202404011000",
        "choices": [{"message": {"content": None, "note": [1]}, "finish_reason": "stop"}],
        "search_info": {"results": []},
    }
    server.once(calling(BEIJING), Script(body=body))
    result = await model.generate_text(model="m", messages=QUESTION, tools=[weather()])
    assert result.raw_responses[1] == body
    assert result.raw_responses[0]["choices"][0]["finish_reason"] == "tool_calls"
    assert result.messages[-1] == {"role": "assistant", "content": None, "note": [1]}
    assert result.text == ""


async def test_the_message_of_a_call_is_sent_back_exactly_as_received(server, model):
    message = {
        "role": "assistant",
        "content": None,
        "refusal": None,
        "tool_calls": [
            {"id": "x", "index": 0, "function": {"name": "get_weather", "arguments": "{}"}}
        ],
    }
    body = {"choices": [{"message": message, "finish_reason": "tool_calls"}]}
    server.once(Script(body=body))
    await model.generate_text(model="m", messages=QUESTION, tools=[weather()])
    assert server.requests[1].body["messages"][1] == message


async def test_the_raw_answer_is_the_last_body(server, model):
    server.once(calling(BEIJING))
    raw = await model.generate_text(model="m", messages=QUESTION, tools=[weather()], raw=True)
    assert raw["choices"][0]["message"]["content"] == "Hello there"
    assert raw["usage"]["total_tokens"] == 11
    json.dumps(raw)


async def test_a_raw_answer_that_cannot_be_completed_is_raised(server, model):
    server.once(calling(BEIJING), refusal(429, "EXCEED_TOKEN_QUOTA_LIMIT"))
    with pytest.raises(errors.QuotaExhausted):
        await model.generate_text(model="m", messages=QUESTION, tools=[weather()], raw=True)


async def test_an_error_inside_a_successful_answer_is_raised(server, model):
    server.script = Script(body={"code": "AI_MODEL_DISABLED", "message": "off"})
    with pytest.raises(errors.ModelDisabled):
        await model.generate_text(model="m", messages=QUESTION)


async def test_usage_that_nobody_reports_counts_nothing(server, model):
    server.script = Script(usage="none")
    result = await model.generate_text(model="m", messages=QUESTION)
    assert result.usage == Usage()

import json

import pytest

from chat.cloudbase import ChatRequest, Message, errors
from chat.cloudbase.messages import as_dicts

USER = Message("user", "hi")


def body(*messages, stream=True, **parameters):
    request = ChatRequest(model="m1", messages=messages, parameters=parameters)
    return json.loads(request.body(stream=stream))


def test_a_stream_asks_for_a_usage_report():
    assert body(USER) == {
        "model": "m1",
        "messages": [{"role": "user", "content": "hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_a_whole_answer_has_its_report_anyway():
    assert body(USER, stream=False) == {
        "model": "m1",
        "messages": [{"role": "user", "content": "hi"}],
        "stream": False,
    }


def test_unknown_parameters_pass_through_untouched():
    sent = body(USER, temperature=0.5, thinking={"type": "disabled"}, top_k=None)
    assert sent["temperature"] == 0.5
    assert sent["thinking"] == {"type": "disabled"}
    assert sent["top_k"] is None


def test_the_wish_for_a_report_can_be_replaced_or_left_out():
    assert body(USER, stream_options={"x": 1})["stream_options"] == {"x": 1}
    assert "stream_options" not in body(USER, stream_options=None)


def test_parameters_do_not_replace_what_the_request_says():
    fixed = {"model": "other", "stream": False, "messages": []}
    sent = json.loads(ChatRequest("m1", (USER,), fixed).body(stream=True))
    assert (sent["model"], sent["stream"], len(sent["messages"])) == ("m1", True, 1)


def test_messages_of_tools_and_parts_are_sent_as_they_are():
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    parts = [{"type": "text", "text": "看"}]
    sent = body(
        Message("user", parts),
        Message("assistant", None, tool_calls=[call]),
        Message("tool", "42", tool_call_id="c1"),
    )["messages"]
    assert sent == [
        {"role": "user", "content": parts},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "content": "42", "tool_call_id": "c1"},
    ]


def test_plain_messages_pass_through_with_members_nobody_knows():
    plain = {"role": "user", "content": "hi", "name": "ann"}
    assert body(plain, USER)["messages"] == [plain, {"role": "user", "content": "hi"}]


def test_the_messages_of_a_caller_become_a_list_of_our_own():
    said = [USER]
    ours = as_dicts(said)
    ours.append({"role": "assistant", "content": "a"})
    assert said == [USER]
    assert ours[0] == {"role": "user", "content": "hi"}


@pytest.mark.parametrize("content", ["half \ud83d", object(), {"deep": [float, 1]}])
def test_what_json_cannot_hold_is_refused_before_anything_is_sent(content):
    with pytest.raises(errors.RequestUnwritable) as caught:
        body({"role": "user", "content": content})
    assert caught.value.fixable_by == "user"
    assert caught.value.__context__ is None

"""A line of the log tells programs what they need, and nobody what people wrote."""

from __future__ import annotations

import json
import logging
import sys
from contextvars import Context
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat import request_ids
from chat.cloudbase.errors import ProviderFailed
from chat.turns import about
from chat.turns.about import About
from chatsite.logs import JsonFormatter, TextFormatter
from tests import processes

CLOSED_LIST = {
    "time", "level", "logger", "message", "request_id", "turn", "user", "environment", "group",
    "model", "stage", "code", "exception", "traceback", "causes",
}  # fmt: skip


def record(message: str = "something happened", *arguments, error=None, **extra):
    trouble = (type(error), error, error.__traceback__) if error else None
    made = logging.LogRecord("chat.x", logging.WARNING, "x.py", 1, message, arguments, trouble)
    vars(made).update(extra)
    return made


def written(made: logging.LogRecord) -> dict[str, Any]:
    line = JsonFormatter().format(made)
    assert "\n" not in line
    found: dict[str, Any] = json.loads(line)
    assert set(found) <= CLOSED_LIST
    return found


def raised(error: Exception, cause: Exception | None = None) -> Exception:
    try:
        raise error from cause
    except Exception as caught:
        return caught


def test_a_line_says_when_how_bad_who_says_it_and_what():
    line = Context().run(written, record("reply %s failed", 5))
    assert line["message"] == "reply 5 failed"
    assert (line["level"], line["logger"]) == ("WARNING", "chat.x")
    assert str(line["time"]).endswith("+00:00")
    assert set(line) == {"time", "level", "logger", "message"}


def test_a_line_of_a_turn_says_of_which():
    tokens = request_ids.current.set("01ID"), about.current.set(About(5, 7, "env-1", "g", "m"))
    try:
        line = written(record())
        text = TextFormatter("{message}", style="{").format(record())
    finally:
        request_ids.current.reset(tokens[0])
        about.current.reset(tokens[1])
    assert (line["request_id"], line["turn"], line["user"]) == ("01ID", 5, 7)
    assert (line["environment"], line["group"], line["model"]) == ("env-1", "g", "m")
    assert text == "something happened [01ID]"


def test_what_else_a_caller_hangs_on_is_left_out():
    line = written(record(stage="call", code="refused", request="GET /?q=words", name_of="Alice"))
    assert (line["stage"], line["code"]) == ("call", "refused")
    assert "words" not in json.dumps(line)
    assert "Alice" not in json.dumps(line)


def test_an_exception_says_what_it_is_and_where_and_not_what_it_holds():
    cause = raised(KeyError("words of the cause"))
    line = written(record(error=raised(ValueError("words of somebody"), cause)))
    assert line["exception"] == "ValueError"
    assert line["causes"] == ["KeyError"]
    assert any("test_logs.py" in place and "raised" in place for place in line["traceback"])
    assert "words" not in json.dumps(line)


def test_an_error_of_the_tree_has_its_stage_and_code():
    error = raised(ProviderFailed("the service repeats the question"))
    line = written(record(error=error))
    assert (line["stage"], line["code"]) == ("call", "provider_failed")
    assert "question" not in json.dumps(line)


def test_asyncio_repeats_an_exception_below_its_first_line():
    error = raised(ValueError("words"))
    message = "Task exception was never retrieved\nfuture: <Task exception=ValueError('words')>"
    line = written(record(message, error=error))
    assert line["message"] == "Task exception was never retrieved"


def test_exceptions_that_lead_to_each_other_come_to_an_end():
    first, second = raised(ValueError()), raised(KeyError())
    first.__context__, second.__context__ = second, first
    assert written(record(error=first))["causes"] == ["KeyError", "ValueError"]


@given(st.text(), st.text(), st.text())
def test_whatever_is_said_is_one_line_of_json(message, code, model):
    token = about.current.set(About(model=model))
    try:
        line = written(record("%s", message, code=code))
    finally:
        about.current.reset(token)
    assert line["message"] == message
    assert line["code"] == code
    assert line.get("model", "") == model


def test_text_is_as_it_was_where_nobody_asked_for_anything():
    formatter = TextFormatter("{levelname} {message}", style="{")
    assert Context().run(formatter.format, record()) == "WARNING something happened"


@pytest.mark.server
def test_every_line_of_a_server_is_json(tmp_path):
    variables: processes.Variables = {"CHATSITE_LOG_FORMAT": "json", "LOG_LEVEL": "INFO"}
    with processes.server(tmp_path / "data", variables=variables) as site:
        answer = httpx.get(f"{site.url}nowhere/")
        said = site.output.splitlines()
    lines = [json.loads(line) for line in said if line.startswith("{")]
    assert any(line.get("request_id") == answer.headers["x-request-id"] for line in lines)
    assert all(set(line) <= CLOSED_LIST for line in lines)
    ours = ("Preparing", "  done", "Collecting", "Serving", "Create the first admin")
    assert [line for line in said if not line.startswith(("{", *ours))] == []


def test_a_format_that_there_is_not_is_told_at_the_start(tmp_path):
    variables: processes.Variables = {
        "CHATSITE_LOG_FORMAT": "xml",
        "CHATSITE_DATA_DIR": str(tmp_path),
    }
    command = [sys.executable, "-c", "import chatsite.settings"]
    with processes.running(command, tmp_path / "log", variables) as process:
        assert process.wait() != 0
        process.expect("CHATSITE_LOG_FORMAT is text or json, and not 'xml'")

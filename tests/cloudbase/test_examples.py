"""Every file in docs/examples runs, outside Django, and prints what it promises."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fakes.agents import BOT_ID
from tests.fakes.environment import CloudBaseEnvironment, running_in_thread
from tests.fakes.environment_state import API_KEY, SECRET_ID, SECRET_KEY
from tests.fakes.model_server import calling

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "docs" / "examples"


def nothing(_: CloudBaseEnvironment) -> None:
    """The environment is as it should be."""


def says_seven(environment: CloudBaseEnvironment) -> None:
    environment.say = ["Se", "ven."]


def calls_get_weather(environment: CloudBaseEnvironment) -> None:
    environment.once(calling(("get_weather", {"city": "Beijing"})))
    environment.say = ["Clear", " skies."]


def calls_get_time(environment: CloudBaseEnvironment) -> None:
    environment.once(calling(("get_time", {}), say=["Let me see. "]))
    environment.say = ["It is", " late."]


def told_the_weather(environment: CloudBaseEnvironment) -> None:
    *_, answer = environment.requests[1].body["messages"]
    assert answer["content"] == '"The weather in Beijing is: clear autumn skies!"'


def has_records(environment: CloudBaseEnvironment) -> None:
    environment.agents.remember(BOT_ID, "Hi", "Good day.")


def has_no_pack(environment: CloudBaseEnvironment) -> None:
    environment.state.packs = []


def kept_both_models(environment: CloudBaseEnvironment) -> None:
    assert environment.state.group("cloudbase").models == ["deepseek-v4-flash", "deepseek-v3.2"]


def left_no_group(environment: CloudBaseEnvironment) -> None:
    assert environment.state.group("custom-openai-compat") is None
    assert environment.requests[0].body["model"] == "gpt-4o-mini"


def asked_in_the_conversation(environment: CloudBaseEnvironment) -> None:
    questions = [call.body for call in environment.data_calls if call.path.endswith("message")]
    assert questions[0]["conversationId"] == "conv-1"
    assert environment.agents.memory.conversations == []


def remembered_the_first_answer(environment: CloudBaseEnvironment) -> None:
    said = [message["content"] for message in environment.requests[1].body["messages"]]
    assert said == ["Name a prime.", "Seven.", "Another."]


@dataclass(frozen=True)
class Example:
    """What an example is given, what it prints (in this order), and what it leaves behind."""

    prints: Sequence[str]
    types: str = ""
    before: Callable[[CloudBaseEnvironment], object] = nothing
    after: Callable[[CloudBaseEnvironment], object] = nothing


AGENTS = {
    "agent_list": Example(["1 agents\n", "bot-2a9c: Translator\n", "Hello!\n"]),
    "agent_chat": Example(["Good day.\n", "record-2 text continue\n", "record-2 text stop\n"]),
    "agent_records": Example(
        ["2 records\n", "user: Hi\n", "assistant: Good day.\n"], before=has_records
    ),
    "agent_feedback": Example(["5 stars for 'Good day.': Excellent\n"]),
    "agent_files": Example(["Good day.\n"]),
    "agent_questions": Example(["- How do I start?\n- What does it cost?\n"]),
    "agent_conversations": Example(
        ["Good day.\n", "['My Conversation']\n"], after=asked_in_the_conversation
    ),
    "agent_speech": Example(
        ["what the weather is like today\n", "https://audio.example/gz-0001.mp3\n"]
    ),
}

MODELS = {
    "initialize": Example(["chat through cloudbase, images through hunyuan-image", "1 agents"]),
    "generate_text": Example(
        ["Seven.\n", "11 tokens\n", "['user', 'assistant']\n"], before=says_seven
    ),
    "raw_response": Example(["Seven.\n", "'total_tokens': 11"], before=says_seven),
    "stream_text": Example(
        ["Seven.\n", "chatcmpl-1 deepseek-v4-flash", "'stop'", "11 tokens\n"], before=says_seven
    ),
    "event_stream": Example(
        ['Event: {"id": "chatcmpl-1"', '"ven."', "the stream is over\n"], before=says_seven
    ),
    "stream_callbacks": Example(
        ["Event: {", "New text: Se\n", "New text: ven.\n", "Done: Seven.\n"], before=says_seven
    ),
    "function_tools": Example(
        [
            "step: tool_calls The weather in Beijing is: clear autumn skies!\n",
            "step: stop None\n",
            "Clear skies.\n",
        ],
        before=calls_get_weather,
        after=told_the_weather,
    ),
    "stream_with_tools": Example(
        ["Let me see. It is late.\n", "['user', 'assistant', 'tool', 'assistant']\n"],
        before=calls_get_time,
    ),
    "draw_image": Example(["http://127.0.0.1:", "/pictures/1.png\n", "A small white paper boat"]),
    "draw_styled_image": Example(["/pictures/1.png\n", "not sent, because of style: image_"]),
    "handle_errors": Example(
        [
            "nothing was sent: group_name_is_vendor",
            "an administrator can enable it; request ",
            "group_not_found at the stage call, fixable by admin: trying again will not help\n",
            "Seven.\n",
        ],
        before=says_seven,
    ),
    "chat_page": Example(
        ["> Seven.\n", "> Seven.\n", "> "],
        types="Name a prime.\nAnother.\n\n",
        before=says_seven,
        after=remembered_the_first_answer,
    ),
}

CONTROL_PLANE = {
    "check_eligibility": Example(
        ["growth plan: yes\n", "token pack: none found; https://buy", "envId=env-demo"],
        before=has_no_pack,
    ),
    "list_groups": Example(["cloudbase (builtin, on): deepseek-v4-flash\n", "hunyuan-exp"]),
    "show_catalogue": Example(
        ["deepseek-v3.2 (128k): 0-32k 2/3 per 1k tokens; 32k-128k 4/6 per 1k tokens\n"]
    ),
    "enable_model": Example(
        ["enabled: deepseek-v4-flash, deepseek-v3.2\n"], after=kept_both_models
    ),
    "register_custom_group": Example(
        ["registered: True\n", "Seven.\n"], before=says_seven, after=left_no_group
    ),
}

EXAMPLES = MODELS | AGENTS | CONTROL_PLANE


@pytest.fixture
def environment():
    with running_in_thread() as running:
        yield running


def test_every_example_is_tested_here():
    assert {path.stem for path in FOLDER.glob("*.py")} == set(EXAMPLES)


def test_every_example_is_in_the_table():
    table = (FOLDER / "README.md").read_text()
    assert [name for name in EXAMPLES if f"`{name}`" not in table] == []


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_example_does_what_it_says(name, environment):
    example = EXAMPLES[name]
    example.before(environment)
    said = output_of(name, environment, example.types)
    for line in example.prints:
        before, found, said = said.partition(line)
        assert found, f"{line!r} is missing from {before!r}"
    example.after(environment)


def output_of(name: str, environment: CloudBaseEnvironment, types: str) -> str:
    """Run an example as its reader would; warnings are errors."""
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-m", f"docs.examples.{name}"],
        cwd=ROOT,
        env=variables(environment),
        input=types,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
    return ended.stdout


def variables(environment: CloudBaseEnvironment) -> dict[str, str]:
    """What docs/examples/README.md says an example may be told."""
    return {
        "PATH": os.environ["PATH"],
        "PYTHONIOENCODING": "utf-8",
        "CLOUDBASE_ENV": "env-demo",
        "CLOUDBASE_API_KEY": API_KEY,
        "CLOUDBASE_BASE_URL": environment.gateway_url,
        "CLOUDBASE_CONTROL_URL": environment.control_url,
        "CLOUDBASE_BOT_ID": BOT_ID,
        "TENCENTCLOUD_SECRET_ID": SECRET_ID,
        "TENCENTCLOUD_SECRET_KEY": SECRET_KEY,
        "VENDOR_API_KEY": "sk-of-a-vendor-0123456789",
    }

"""The local model's process and its supervisor; most with a stand-in that is quick to start."""

from __future__ import annotations

import json
import os
import platform
import signal
import sys
import threading
from pathlib import Path

import httpx
import pytest

from chatsite import local_model, local_model_server
from chatsite.local_model import Patience, Supervisor
from tests import processes

QUICK = Patience(ready_within=5, first_pause=0.05, longest_pause=0.2)

STAND_IN = """
import json, os, sys
base_url = f"http://127.0.0.1:{int(os.environ['LOCAL_MODEL_PORT']) or 4321}/v1"
print(json.dumps({"base_url": base_url, "name": "stand-in", "context_length": 10, "is_demo": True}))
sys.stdout.flush()
sys.stderr.write("key " + os.environ["LOCAL_MODEL_KEY"])
sys.stderr.flush()
os.read(0, 1)
"""


class Watch:
    """A supervisor of some command, and what it told us."""

    def __init__(self, program: str, log, patience: Patience = QUICK) -> None:
        self.endpoints: list[local_model.Endpoint] = []
        self.problems: list[str] = []
        self.supervisor = Supervisor(
            self.endpoints.append,
            self.problems.append,
            log,
            command=[sys.executable, "-c", program],
            patience=patience,
        )

    @property
    def pid(self) -> int:
        process = self.supervisor._process
        assert process
        return process.pid

    def wait_for_endpoints(self, number: int) -> None:
        processes.wait_until(lambda: len(self.endpoints) == number)

    def __enter__(self) -> Watch:
        self.supervisor.start()
        return self

    def __exit__(self, *_) -> None:
        self.supervisor.stop()


@pytest.fixture
def log(tmp_path):
    return tmp_path / "local-model.log"


def test_what_the_process_says_becomes_an_endpoint_that_hides_its_key(log):
    with Watch(STAND_IN, log) as watch:
        processes.wait_until(lambda: watch.endpoints)
        endpoint = watch.endpoints[0]
        processes.wait_until(lambda: "key " in log.read_text())
        pid = watch.pid
        command_line = Path(f"/proc/{pid}/cmdline").read_text()
    assert (endpoint.name, endpoint.context_length) == ("stand-in", 10)
    assert log.read_text() == f"key {endpoint.key}"
    assert endpoint.key not in repr(endpoint)
    assert endpoint.key not in command_line
    assert not processes.is_alive(pid)


def test_a_process_that_dies_is_started_again_with_the_same_key(log, caplog):
    with Watch(STAND_IN, log) as watch:
        for number in (1, 2, 3):
            watch.wait_for_endpoints(number)
            os.kill(watch.pid, signal.SIGKILL)
        watch.wait_for_endpoints(4)
    assert len(set(watch.endpoints)) == 1
    assert "starting it again" in caplog.text


def test_the_pauses_between_starts_grow_to_a_limit(log, caplog):
    with Watch("pass", log) as watch:
        processes.wait_until(lambda: caplog.text.count("starting it again") >= 5)
    pauses = [record.args[0] for record in caplog.records]
    assert pauses[:5] == [0.05, 0.1, 0.2, 0.2, 0.2]
    assert not watch.endpoints


def test_a_process_that_never_gets_ready_is_ended_and_started_again(log, caplog):
    patience = Patience(ready_within=0.2, first_pause=0.05)
    with Watch("import time; time.sleep(60)", log, patience):
        processes.wait_until(lambda: caplog.text.count("starting it again") >= 2)


def test_a_process_that_gives_up_is_not_started_again(log):
    program = f'import sys; print(\'{{"problem": "Too old."}}\'); sys.exit({3})'
    assert local_model_server.CANNOT_SERVE == 3
    with Watch(program, log) as watch:
        processes.wait_until(lambda: watch.problems)
        processes.wait_until(lambda: "local model" not in {t.name for t in threading.enumerate()})
    assert watch.problems == ["Too old."]


def test_a_process_that_does_not_listen_to_sigterm_is_killed(log):
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    with Watch(deaf + STAND_IN, log, Patience(stops_within=0.2)) as watch:
        processes.wait_until(lambda: watch.endpoints)
        pid = watch.pid
    assert not processes.is_alive(pid)


def test_stopping_before_it_is_ready_leaves_nothing(log):
    with Watch("import time; time.sleep(60)", log) as watch:
        processes.wait_until(lambda: watch.supervisor._process)
        pid = watch.pid
    assert not processes.is_alive(pid)


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        ("SmolLM2-135M-Instruct.Q4_1", "smollm2-135m-instruct.q4-1"),
        ("模型 7b (copy)", "7b-copy"),
        ("模型", "local-model"),
    ],
)
def test_a_file_name_becomes_a_model_name(stem, name):
    assert local_model_server.safe_name(stem) == name


@pytest.mark.skipif(platform.machine() != "x86_64", reason="flags are of x86")
def test_an_old_processor_is_told_so_before_the_runtime_is_loaded(tmp_path):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nflags\t\t: fpu sse4_2 avx fma\n")
    with pytest.raises(local_model_server.CannotServeError, match="AVX2, BMI2, F16C"):
        local_model_server._check_processor(cpuinfo)
    assert "xllamacpp" not in sys.modules


def problem_with(tmp_path: Path, **variables: str) -> str:
    """Start the real process with `variables`; return the problem that it gives up with."""
    changed: processes.Variables = {"LOCAL_MODEL_KEY": "sk-test", **variables}
    with processes.running(local_model.COMMAND, tmp_path / "log", changed) as process:
        assert process.wait() == local_model_server.CANNOT_SERVE
        line = next(line for line in process.output.splitlines() if line.startswith("{"))
    assert "Traceback" not in process.output
    return str(json.loads(line)["problem"])


@pytest.mark.model
@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "no readable file"), (b"MZ", "not a GGUF file"), (b"GGUF junk", "cannot be loaded")],
)
def test_a_bad_file_is_told_in_a_sentence(tmp_path, content, words):
    path = tmp_path / "bad.gguf"
    if content:
        path.write_bytes(content)
    assert words in problem_with(tmp_path, LOCAL_MODEL_GGUF=str(path))


@pytest.mark.model
def test_a_bad_number_is_told_in_a_sentence(tmp_path):
    assert "LOCAL_MODEL_THREADS" in problem_with(tmp_path, LOCAL_MODEL_THREADS="many")


@pytest.fixture
def endpoint(log):
    """The real model, running."""
    ready = threading.Event()
    found: list[local_model.Endpoint] = []
    problems: list[str] = []

    def note(endpoint: local_model.Endpoint) -> None:
        found.append(endpoint)
        ready.set()

    def give_up(problem: str) -> None:
        problems.append(problem)
        ready.set()

    supervisor = Supervisor(note, give_up, log)
    supervisor.start()
    assert ready.wait(60), log.read_text()
    assert found, problems
    yield found[0]
    supervisor.stop()


@pytest.mark.model
def test_the_real_model_streams_tokens_to_those_who_have_the_key(endpoint):
    body = {
        "model": endpoint.name,
        "stream": True,
        "max_tokens": 16,
        "messages": [{"role": "user", "content": "What is the capital of France?"}],
    }
    url = f"{endpoint.base_url}/chat/completions"
    assert httpx.post(url, json=body).status_code == 401
    headers = {"Authorization": f"Bearer {endpoint.key}"}
    with httpx.stream("POST", url, json=body, headers=headers, timeout=60) as response:
        assert response.status_code == 200
        lines = [line[6:] for line in response.iter_lines() if line.startswith("data: ")]
    assert lines[-1] == "[DONE]"
    pieces = [json.loads(line)["choices"][0]["delta"].get("content") for line in lines[:-1]]
    assert len([piece for piece in pieces if piece]) > 5
    assert endpoint.name == "smollm2-135m-instruct"
    assert endpoint.context_length == 2048


@pytest.mark.model
@pytest.mark.server
@pytest.mark.parametrize("way", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_model_goes_with_the_server_whatever_way_it_goes(tmp_path, way):
    with processes.server(tmp_path / "data", "--model") as site:
        site.expect("local model smollm2-135m-instruct is ready")
        (model,) = processes.children_of(site.pid)
        os.kill(site.pid, way)
        assert site.wait() in {0, -signal.SIGKILL}
        processes.wait_until(lambda: not processes.is_alive(model), within=2)
        assert "Traceback" not in site.output

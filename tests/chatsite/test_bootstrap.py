"""The environment that manage.py makes for itself: what it holds, and what can go wrong."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from chatsite import bootstrap
from chatsite.bootstrap import Environment, SetupError, Stamp
from tests.processes import PROJECT

BASE_PYTHON = getattr(sys, "_base_executable", sys.executable)


@pytest.mark.parametrize(
    ("words", "variables", "locks"),
    [
        ("", {}, ["base"]),
        ("migrate", {}, ["base"]),
        ("up", {}, ["base", "model", "model-weights"]),
        ("up", {"CHATSITE_NO_MODEL": "1"}, ["base"]),
        ("up", {"REDIS_URL": "redis://r"}, ["scale", "model", "model-weights"]),
        ("migrate", {"DATABASE_URL": "postgresql://p"}, ["scale"]),
        ("migrate", {"DATABASE_URL": "sqlite:///s"}, ["base"]),
        ("up", {"CHATSITE_TRACING": "1"}, ["base", "tracing", "model", "model-weights"]),
        ("migrate", {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c"}, ["base", "tracing"]),
        (
            "migrate",
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "REDIS_URL": "redis://r"},
            ["scale", "tracing"],
        ),
        (
            "migrate",
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "CHATSITE_TRACING": "off"},
            ["base"],
        ),
        ("test", {"CHATSITE_TRACING": "1", "CHATSITE_NO_MODEL": "1"}, ["dev"]),
        ("test -k x", {}, ["dev", "model-weights"]),
        ("test", {"CHATSITE_NO_MODEL": "1"}, ["dev"]),
        ("lock", {}, ["dev"]),
    ],
)
def test_a_command_gets_what_it_needs_and_no_more(words, variables, locks):
    assert bootstrap.needed_locks(["manage.py", *words.split()], variables) == locks


@pytest.mark.parametrize("words", [["--data", "here"], ["--data=here"]])
def test_the_data_folder_is_known_before_settings_are_read(monkeypatch, tmp_path, words):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHATSITE_DATA_DIR", "elsewhere")
    monkeypatch.setenv("CHATSITE_NO_MODEL", "")
    bootstrap._export_options(["manage.py", "up", "--port", "1", *words, "--no-model"])
    assert os.environ["CHATSITE_DATA_DIR"] == str(tmp_path / "here")
    assert os.environ["CHATSITE_NO_MODEL"]


def test_every_lock_file_is_known_by_its_name():
    names = {path.stem for path in (PROJECT / "requirements").glob("*.txt")}
    assert names == set(bootstrap.INCLUDES) == set(bootstrap.WHAT_IT_IS)


# A stand-in for an environment whose pip does what the test says.


def made(folder: Path, pip: str, stamp: Stamp | None = None) -> Environment:
    """Make an environment whose Python is the shell script `pip`."""
    (folder / "bin").mkdir(parents=True)
    python = folder / "bin" / "python"
    python.write_text(f"#!/bin/sh\n{pip}\n")
    python.chmod(0o755)
    stamp = stamp or Stamp(python=bootstrap._python_version())
    (folder / bootstrap.STAMP).write_text(json.dumps(vars(stamp)))
    return Environment(folder)


def stamp_of(environment: Environment) -> Stamp:
    return Stamp(**json.loads((environment.folder / bootstrap.STAMP).read_text()))


def test_what_is_installed_is_not_installed_again(tmp_path):
    environment = made(tmp_path / "venv", f'echo "$@" >> {tmp_path}/calls')
    assert environment.provide(["dev", "model-weights"])
    assert not environment.provide(["scale", "model", "base", "model-weights"])
    calls = (tmp_path / "calls").read_text().splitlines()
    assert len(calls) == 2
    assert all("--require-hashes" in call for call in calls)
    assert ["--no-deps" in call for call in calls] == [False, True]


def test_a_lock_file_that_changed_is_installed_again(tmp_path):
    held = {"base": "the hash of yesterday"}
    stamp = Stamp(bootstrap._python_version(), held)
    environment = made(tmp_path / "venv", "echo Installing collected packages", stamp)
    assert environment.provide(["base"])
    assert stamp_of(environment).locks["base"] == bootstrap._hash("base")


@pytest.mark.parametrize(
    ("output", "advice"),
    [
        ("ERROR: No matching distribution found for django", "check the connection"),
        ("OSError: [Errno 28] No space left on device", "disk is full"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES", "is not the one that was locked"),
        ("OSError: [Errno 13] Permission denied: '/x'", "Make the folder writable"),
    ],
)
def test_when_pip_fails_its_last_words_and_the_way_out_are_shown(tmp_path, output, advice):
    environment = made(tmp_path / "venv", f'echo "{output}"; exit 1')
    with pytest.raises(SetupError, match=advice) as failure:
        environment.provide(["base"])
    assert output in str(failure.value)
    # Nothing had been written, so the environment is as good as before.
    assert not stamp_of(environment).is_unfinished


def test_an_installation_that_broke_off_is_not_trusted(tmp_path):
    environment = made(tmp_path / "venv", 'echo "Installing collected packages: x"; exit 1')
    with pytest.raises(SetupError):
        environment.provide(["base"])
    assert stamp_of(environment).is_unfinished
    assert not environment._is_ready([])


def test_a_folder_that_is_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(SetupError, match="CHATSITE_VENV"):
        Environment(tmp_path).provide(["base"])
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_of_two_runs_at_once_the_second_waits_and_finds_it_done(tmp_path):
    made(tmp_path / "venv", f'echo "$@" >> {tmp_path}/calls; sleep 1')
    program = (
        "import pathlib, sys; from chatsite import bootstrap\n"
        "bootstrap.Environment(pathlib.Path(sys.argv[1])).provide(['base'])"
    )
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", program, tmp_path / "venv"],
            cwd=PROJECT,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    said = "".join(run.communicate()[1] for run in runs)
    assert [run.returncode for run in runs] == [0, 0]
    assert "waiting for it" in said
    assert len((tmp_path / "calls").read_text().splitlines()) == 1


# The real command line, from a Python that has nothing of ours.


def manage(*words: str, python: str = BASE_PYTHON, **variables: str):
    """Run manage.py with a Python outside of any environment."""
    clean = {name: value for name, value in os.environ.items() if name != "CHATSITE_ENTERED"}
    return subprocess.run(
        [python, "manage.py", *words],
        cwd=PROJECT,
        env=clean | variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_without_pythons_venv_the_one_missing_package_is_named(tmp_path):
    library = Path(os.__file__).parent
    copy = tmp_path / "lib" / library.name
    copy.mkdir(parents=True)
    for entry in library.iterdir():
        if entry.name != "ensurepip":  # what Debian's python3-venv brings
            (copy / entry.name).symlink_to(entry)
    run = manage("up", PYTHONHOME=str(tmp_path), CHATSITE_VENV=str(tmp_path / "venv"))
    assert run.returncode == 1
    assert run.stderr.strip().endswith("sudo apt-get install python3-venv")
    assert "Traceback" not in run.stderr


def test_an_environment_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    run = manage("up", CHATSITE_VENV=str(tmp_path / "file" / "venv"))
    assert run.returncode == 1
    assert "CHATSITE_VENV" in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize("version", ["3.9", "3.10"])
def test_an_old_python_is_told_what_it_takes(version):
    candidates = list(Path.home().glob(f".pyenv/versions/{version}.*/bin/python{version}"))
    python = next(map(str, candidates), None) or shutil.which(f"python{version}")
    # A version manager's stand-in can be on the path without the Python behind it.
    if python is None or subprocess.run([python, "-c", ""], check=False).returncode:
        pytest.skip(f"Python {version} is not installed")
    run = manage("up", python=python)
    assert run.returncode == 1
    assert run.stderr.startswith(f"chatsite needs Python 3.11 or newer; this is Python {version}.")


@pytest.mark.server
def test_manage_py_makes_its_environment_and_goes_on_inside(tmp_path):
    folder = tmp_path / "venv"
    # What a run that was killed leaves: it must not be built upon.
    half_made = made(folder, "exit 1", Stamp(bootstrap._python_version(), is_unfinished=True))
    (folder / "lib").mkdir()
    (folder / "lib" / "rubbish").touch()
    variables = {"CHATSITE_VENV": str(folder), "CHATSITE_DATA_DIR": str(tmp_path / "data")}
    variables |= {"DATABASE_URL": "sqlite:///:memory:", "REDIS_URL": ""}
    command = ("shell", "-v", "0", "-c", "import sys; print(sys.prefix)")

    first = manage(*command, **variables)
    assert first.returncode == 0, first.stderr
    assert first.stdout.strip() == str(folder)
    assert "installing the packages: done" in first.stderr
    assert not (folder / "lib" / "rubbish").exists()
    assert set(stamp_of(half_made).locks) == {"base"}

    started = time.monotonic()
    second = manage("version", **variables)
    assert second.returncode == 0
    assert second.stderr == ""
    assert time.monotonic() - started < 10  # seconds: nothing was installed

"""`manage.py test` itself: what counts as passed, failed and skipped, and what runs beside it."""

from __future__ import annotations

import io
import shutil
import socket
import sys
from urllib.parse import urlsplit

import pytest

from chatsite import throwaway
from chatsite.management.commands import test as command
from chatsite.management.commands.test import Check, Command


def outcome(check: Check):
    return Command(stdout=io.StringIO())._outcome(check)


def python(program: str, **services: str) -> Check:
    return Check("a check", (sys.executable, "-c", program), services=services)


def test_the_exit_code_decides():
    assert outcome(python("")).state == "passed"
    assert outcome(python("raise SystemExit(3)")).state == "failed"


@pytest.mark.parametrize(
    ("again", "state"), [((), "failed"), (("b",), "passed"), (("c",), "failed")]
)
def test_a_second_attempt_is_made_where_one_is_foreseen_and_has_to_pass(again, state):
    program = "import sys; sys.exit(sys.argv[1:] != ['a', 'b'])"
    check = Check("a check", (sys.executable, "-c", program, "a"), again=again)
    assert outcome(check).state == state


def test_a_check_sees_its_variables(tmp_path):
    program = f"import os; open({str(tmp_path / 'seen')!r}, 'w').write(os.environ['WORD'])"
    assert outcome(Check("a check", (sys.executable, "-c", program), {"WORD": "x"})).state
    assert (tmp_path / "seen").read_text() == "x"


@pytest.mark.parametrize(("ci", "state"), [("", "skipped"), ("true", "failed")])
def test_what_cannot_run_here_is_skipped_but_fails_in_ci(monkeypatch, ci, state):
    def nothing():
        raise throwaway.NotInstalledError("It is not installed: sudo apt-get install it")

    monkeypatch.setattr(throwaway, "redis", nothing)
    monkeypatch.setenv("CI", ci)
    result = outcome(python("", REDIS_URL="redis"))
    assert (result.state, "apt-get install it" in result.reason) == (state, True)


def test_every_check_has_a_program_that_is_there():
    for check in command._checks():
        assert check.command[0] == "the next Python" or shutil.which(check.command[0])


@pytest.mark.scale
@pytest.mark.parametrize("service", [throwaway.redis, throwaway.postgresql])
def test_a_service_runs_for_as_long_as_it_is_needed(service):
    with service() as url:
        address = (urlsplit(url).hostname, urlsplit(url).port)
        socket.create_connection(address).close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)

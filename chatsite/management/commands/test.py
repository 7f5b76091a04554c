"""`python3 manage.py test`: every check and every test; with arguments: pytest with these."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand

from chatsite import throwaway

NEXT_PYTHON = "3.13"  # also the first that gets the next Django
ON_NEXT_PYTHON = (
    # The interpreter matters little to a browser, a server process, a model or a database.
    *("-m", "not browser and not server and not model and not scale"),
    # What the next Django only calls old still has to be written so for the present one.
    *("-W", "default::DeprecationWarning", "-W", "default::PendingDeprecationWarning"),
)
# These do not touch the database that the tests run on.
ON_POSTGRESQL = "not server and not model and not browser"
PYTEST = ("-m", "pytest", "-n", "2")
# Browsers and processes that share two cores with tests are late at times: what fails is tried
# once more by itself, and both are told.
ALONE = ("--last-failed", "--last-failed-no-failures", "none", "-n", "0")


class SkippedError(Exception):
    """A check cannot run on this machine; the message says what is missing."""


@dataclass(frozen=True)
class Check:
    """One command that has to end well; `services` names what it needs to run beside it."""

    title: str
    command: Sequence[str]
    variables: Mapping[str, str] = field(default_factory=dict)
    services: Mapping[str, str] = field(default_factory=dict)
    again: Sequence[str] = ()
    """Words for a second attempt after a failure; none, where a failure is final."""


@dataclass(frozen=True)
class Outcome:
    """What became of a check: "passed", "failed" or "skipped", after how long, and why."""

    title: str
    state: str
    seconds: float
    reason: str = ""


class Command(BaseCommand):
    """Takes the place of Django's own command: our tests are run by pytest."""

    help = "Runs every check and every test; with arguments: pytest with these arguments."

    def run_from_argv(self, argv: list[str]) -> None:
        """Leave with 0 if all is well. The arguments are pytest's, so Django parses none."""
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # services must end with us
        words = argv[2:]
        if words in (["-h"], ["--help"]):
            self.stdout.write(f"{self.help}\npytest's own help: manage.py test --help-pytest")
            return
        # Never the data of a real installation.
        with tempfile.TemporaryDirectory(prefix="chatsite-test-") as folder:
            os.environ["CHATSITE_DATA_DIR"] = folder
            sys.exit(_pytest(words) if words else self._everything())

    def _everything(self) -> int:
        outcomes = [self._outcome(check) for check in _checks()]
        self._headline("Summary")
        for outcome in outcomes:
            line = f"{outcome.state:8}{outcome.seconds:7.1f} s  {outcome.title}"
            self.stdout.write(f"{line}  ({outcome.reason})" if outcome.reason else line)
        states = [outcome.state for outcome in outcomes]
        counts = ", ".join(f"{states.count(s)} {s}" for s in ("passed", "failed", "skipped"))
        self.stdout.write(f"checks: {counts}")
        return 1 if "failed" in states else 0

    def _outcome(self, check: Check) -> Outcome:
        self._headline(check.title)
        started = time.monotonic()
        state, reason = "passed", ""
        try:
            if not (_run(check) == 0 or self._passes_again(check)):
                state = "failed"
        except SkippedError as missing:
            state, reason = "skipped", str(missing)
        except throwaway.NotInstalledError as missing:
            state, reason = "failed" if _is_ci() else "skipped", str(missing)
        seconds = time.monotonic() - started
        self.stdout.write(f"{check.title}: {state} in {seconds:.1f} s {reason}".rstrip())
        return Outcome(check.title, state, seconds, reason)

    def _passes_again(self, check: Check) -> bool:
        if not check.again:
            return False
        self._headline(f"{check.title}: what failed, once more and alone")
        return _run(replace(check, command=(*check.command, *check.again))) == 0

    def _headline(self, title: str) -> None:
        self.stdout.write(f"\n=== {title}")
        self.stdout.flush()  # what follows is written by other processes


def _checks() -> Iterator[Check]:
    """Yield every check, the quick ones first."""
    manage = (sys.executable, "manage.py")
    sources = ("chatsite", "chat", "admin_models", "docs/examples", "tests", "manage.py")
    yield Check("formatting", (_tool("ruff"), "format", "--check", "."))
    yield Check("lint", (_tool("ruff"), "check", "."))
    yield Check("import contracts", (_tool("lint-imports"),))
    yield Check("types", (_tool("mypy"), *sources))
    yield Check("template formatting", (_tool("djlint"), "--check", "--quiet", "templates"))
    yield Check("template lint", (_tool("djlint"), "--lint", "--quiet", "templates"))
    yield Check("migrations", (*manage, "makemigrations", "--check", "--dry-run"))
    yield Check("translations", (*manage, "check_translations"))
    yield Check(
        "tests on SQLite",
        (sys.executable, *PYTEST, "-m", "not scale and not browser"),
        again=ALONE,
    )
    yield Check("tests in the browser", (sys.executable, *PYTEST, "-m", "browser"), again=ALONE)
    yield Check(
        "tests on PostgreSQL and Redis",
        (sys.executable, *PYTEST, "-m", ON_POSTGRESQL),
        services={"DATABASE_URL": "postgresql", "REDIS_URL": "redis"},
        again=ALONE,
    )
    yield Check(
        f"tests on Python {NEXT_PYTHON}",
        ("the next Python", "manage.py", "test", "-n", "2", *ON_NEXT_PYTHON),
        variables={
            "CHATSITE_VENV": str(settings.BASE_DIR / f".venv-{NEXT_PYTHON}"),
            "CHATSITE_NO_MODEL": "1",
        },
        again=ALONE,
    )


def _run(check: Check) -> int:
    """Run a check with the services it needs; return its exit code."""
    program, *words = check.command
    if program == "the next Python":
        program = _next_python()
    with ExitStack() as stack:
        services = {
            variable: stack.enter_context(getattr(throwaway, service)())
            for variable, service in check.services.items()
        }
        return subprocess.run(  # noqa: S603 - our own words
            [program, *words],
            cwd=settings.BASE_DIR,
            env=os.environ | check.variables | services,
            stdin=subprocess.DEVNULL,
            check=False,
        ).returncode


def _pytest(words: Sequence[str]) -> int:
    if words == ["--help-pytest"]:
        words = ["--help"]
    command = [sys.executable, "-m", "pytest", *words]
    return subprocess.run(command, cwd=settings.BASE_DIR, check=False).returncode  # noqa: S603


def _tool(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def _next_python() -> str:
    """Return the next Python's program; raise SkippedError where there is none."""
    name = f"python{NEXT_PYTHON}"
    candidates = [shutil.which(name)]
    candidates += map(str, Path.home().glob(f".pyenv/versions/{NEXT_PYTHON}*/bin/{name}"))
    for candidate in filter(None, candidates):
        # A version manager's stand-in can be on the path without the Python behind it.
        question = [candidate, "-c", "import ensurepip"]
        if subprocess.run(question, check=False, capture_output=True).returncode == 0:  # noqa: S603
            return candidate
    raise SkippedError(f"Python {NEXT_PYTHON} is not installed")


def _is_ci() -> bool:
    return os.environ.get("CI", "").lower() in {"1", "true"}

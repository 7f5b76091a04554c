"""Real server processes for tests: started in a folder of their own, stopped, killed.

    with processes.server(tmp_path / "data") as site:
        httpx.get(site.url)
        site.kill()

When the block fails, what the process wrote is printed, so that pytest shows it.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
SERVICES = "127.0.0.1"
"""Where the stand-ins for model services are: not public, so each process is told."""

FAST = "1000000/s"
"""How often somebody may ask or upload: nobody is as fast as a test."""

# Environment variables for a process, on top of our own; None removes one.
Variables = dict[str, str | None]


class Process:
    """A running command, and what it has written so far."""

    def __init__(
        self, command: Sequence[str], log: Path, variables: Variables | None = None
    ) -> None:
        self.log = log
        changed: Variables = {
            **os.environ,
            "CHATSITE_PRIVATE_HOSTS": SERVICES,
            "CHATSITE_SEND_RATE": FAST,
            "CHATSITE_UPLOAD_RATE": FAST,
            **(variables or {}),
        }
        with log.open("ab") as output:
            self._offset = output.tell()  # a second process may go on in the same file
            self._process = subprocess.Popen(
                command,
                cwd=PROJECT,
                env={name: value for name, value in changed.items() if value is not None},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def output(self) -> str:
        """All that this process wrote to stdout and stderr."""
        return self.log.read_bytes()[self._offset :].decode(errors="replace")

    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def expect(self, pattern: str, within: float = 60) -> re.Match[str]:
        """Wait until the output matches `pattern`, for `within` seconds at most."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            if match := re.search(pattern, self.output):
                return match
            if not self.is_running():
                break
            time.sleep(0.05)
        if match := re.search(pattern, self.output):
            return match
        raise AssertionError(f"no {pattern!r} in the output of the process:\n{self.output}")

    def stop(self, within: float = 30) -> int:
        """Send SIGTERM, wait, and return the exit code."""
        self._process.send_signal(signal.SIGTERM)
        return self.wait(within)

    def interrupt(self, within: float = 30) -> int:
        """Send SIGINT, as Ctrl-C does, wait, and return the exit code."""
        self._process.send_signal(signal.SIGINT)
        return self.wait(within)

    def kill(self) -> None:
        """Send SIGKILL and wait."""
        self._process.kill()
        self._process.wait()

    def wait(self, within: float = 30) -> int:
        """Return the exit code; kill the process and fail if it takes longer."""
        try:
            return self._process.wait(within)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"still running after {within} s:\n{self.output}") from None


class Site(Process):
    """A running `manage.py up`."""

    @property
    def url(self) -> str:
        """Where it serves, ending in a slash; waits until it does."""
        return self.expect(r"Serving on (\S+)")[1]

    @property
    def setup_link(self) -> str:
        """The link for the first admin."""
        return self.expect(r"Create the first admin: (\S+)")[1]


def manage(*words: str) -> list[str]:
    """Return the command line of `manage.py` in this very environment."""
    return [sys.executable, "manage.py", *words]


@contextmanager
def running(
    command: Sequence[str], log: Path, variables: Variables | None = None
) -> Iterator[Process]:
    """Run a command for as long as the block lasts."""
    process = Process(command, log, variables)
    with ended(process):
        yield process


@contextmanager
def server(data: Path, *options: str, variables: Variables | None = None) -> Iterator[Site]:
    """Run `manage.py up` on `data` for as long as the block lasts, on a port of its own choice.

    `data` may be the folder that another server left. It has no local model unless `options` has
    the word "--model". Ready when `.url` returns.
    """
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    words = ["--port", "0", "--data", str(data), *(word for word in options if word != "--model")]
    if "--model" not in options:
        words.append("--no-model")
    command = manage("up", *words)
    # Whatever database the tests themselves run on, the server's is in its own folder.
    changed: Variables = {"DATABASE_URL": None, **(variables or {})}
    site = Site(command, data.parent / f"{data.name}.log", changed)
    with ended(site):
        yield site


@contextmanager
def ended(process: Process) -> Iterator[None]:
    """End the process with the block, by force if need be; print its output if the block fails."""
    try:
        yield
    except BaseException:
        sys.stdout.write(f"--- {process.log}:\n{process.output}\n---\n")
        raise
    finally:
        if process.is_running():
            process.kill()


def wait_until(is_so: Callable[[], object], within: float = 10) -> None:
    """Return once `is_so` gives something true; fail when it takes longer than `within` seconds."""
    deadline = time.monotonic() + within
    while not is_so():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    """Whether there is a process with this id that is more than a zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def children_of(pid: int) -> list[int]:
    """Return the ids of the processes that this one started."""
    found: list[int] = []
    for thread in Path(f"/proc/{pid}/task").iterdir():
        found += map(int, (thread / "children").read_text().split())
    return found

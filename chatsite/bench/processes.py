"""The processes of a bench: started, watched, ended; and what one has used."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent.parent
BACKLOG = 1024
STOPS_WITHIN = 10.0
"""Seconds that a process may take to end by itself."""

_PR_SET_PDEATHSIG = 1


class ProcessFailed(Exception):
    """A process of the bench did not do its part; the message holds its last words."""


@dataclass(frozen=True, slots=True)
class Child:
    """A running process and the file that it writes to."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        """The process id."""
        return self.process.pid

    def expect(self, pattern: str, within: float) -> re.Match[str]:
        """Wait for a line; raises ProcessFailed if it does not come in so many seconds."""
        deadline = time.monotonic() + within
        while (found := re.search(pattern, self._said())) is None:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise ProcessFailed(f"A process of the bench did not start:\n{self._said()}")
            time.sleep(0.05)
        return found

    def _said(self) -> str:
        return self.log.read_text(errors="replace")


@contextmanager
def running(
    name: str,
    command: Sequence[str],
    folder: Path,
    *,
    variables: Mapping[str, str] | None = None,
    listener: socket.socket | None = None,
) -> Iterator[Child]:
    """Run a command for as long as the block lasts; it inherits `listener`, writes to a log."""
    log = folder / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603  # our own words
            command,
            cwd=PROJECT,
            env=os.environ | (variables or {}),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=[listener.fileno()] if listener else [],
            start_new_session=True,  # Ctrl-C is for the bench, which ends its processes
            preexec_fn=_end_with_the_bench,
        )
    try:
        yield Child(process, log)
    finally:
        _end(process)


def answer_of(
    command: Sequence[str], *, given: bytes = b"", variables: Mapping[str, str] | None = None
) -> bytes:
    """Run a command to its end; return what it wrote. Raises ProcessFailed."""
    process = subprocess.Popen(  # noqa: S603  # our own words
        command,
        cwd=PROJECT,
        env=os.environ | (variables or {}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=_end_with_the_bench,
    )
    try:
        output, complaints = process.communicate(given)
    finally:
        _end(process)
    if process.returncode:
        said = complaints.decode(errors="replace")
        raise ProcessFailed(f"A process of the bench failed ({' '.join(command)}):\n{said}")
    return output


def python(*words: str) -> list[str]:
    """A command line for the interpreter that runs us."""
    return [sys.executable, *words]


def listening() -> tuple[socket.socket, str]:
    """A listening loopback socket for a child, and its host and port."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
    return listener, "{}:{}".format(*listener.getsockname())


def cpu_seconds(pid: int) -> float:
    """Processor time that a process has used, in user and system mode, all threads together."""
    numbers = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(numbers[11]) + int(numbers[12])) / os.sysconf("SC_CLK_TCK")


def resident_kib(pid: int, *, is_peak: bool = False) -> int:
    """Memory that a process has in use, or the most it ever had, in KiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+)" if is_peak else r"VmRSS:\s+(\d+)", status)
    return int(found[1]) if found else 0


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOPS_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _end_with_the_bench() -> None:
    """Have the kernel end this new process when its parent dies, whatever way it dies."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)

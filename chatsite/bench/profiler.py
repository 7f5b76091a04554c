"""py-spy beside the server: where the time goes, as collapsed stacks."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chatsite.bench.processes import ProcessFailed

RATE = 250
"""Samples a second."""
ATTACHES_WITHIN = 2.0


def program() -> str:
    """Where py-spy is; raises ProcessFailed if it is not installed."""
    found = shutil.which("py-spy", path=f"{Path(sys.prefix) / 'bin'}")
    if found is None:
        raise ProcessFailed("py-spy is not installed; `python3 manage.py test` installs it.")
    return found


@contextmanager
def recording(pid: int, file: Path) -> Iterator[None]:
    """Write what process `pid` did inside the block to `file`: one stack and its samples a line.

    Raises ProcessFailed if that is not allowed here.
    """
    command = [program(), "record", "--format", "raw", "--rate", str(RATE), "--output", str(file)]
    profiler = subprocess.Popen(  # noqa: S603  # our own words
        [*command, "--pid", str(pid)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    time.sleep(ATTACHES_WITHIN)
    try:
        yield
    finally:
        profiler.send_signal(signal.SIGINT)
        _output, complaints = profiler.communicate()
    if profiler.returncode:
        raise ProcessFailed(f"py-spy failed:\n{complaints.decode(errors='replace')}")

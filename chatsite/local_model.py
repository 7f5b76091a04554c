"""Keeps the embedded model's process running, for as long as this server does."""

from __future__ import annotations

import json
import logging
import os
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from chatsite import local_model_server

logger = logging.getLogger(__name__)

# By its path, and with a clean module path (-P): it works from any folder and imports none of it.
COMMAND = (sys.executable, "-P", local_model_server.__file__)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the model answers. `is_demo` tells the packaged weights from an operator's own."""

    base_url: str
    name: str
    context_length: int
    is_demo: bool
    key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for what, in seconds."""

    ready_within: float = 120.0
    first_pause: float = 1.0
    longest_pause: float = 60.0
    # A process that lived this long was healthy: the next pause is short again.
    healthy_after: float = 60.0
    stops_within: float = 5.0


class _Unavailable(Exception):
    """The process says that it cannot serve, now or later."""


class Supervisor:
    """Starts the model's process, tells where it answers, and starts it again when it dies.

    `on_ready` is called with the endpoint after each start, `on_gone` with a sentence for people
    once it is given up. Both are called in the supervisor's own thread. What the process writes to
    stderr goes to the file `log`, which starts anew with each process.
    """

    def __init__(
        self,
        on_ready: Callable[[Endpoint], None],
        on_gone: Callable[[str], None],
        log: Path,
        *,
        command: Sequence[str] = COMMAND,
        patience: Patience | None = None,
    ) -> None:
        self._on_ready = on_ready
        self._on_gone = on_gone
        self._log = log
        self._command = command
        self._patience = patience or Patience()
        self._key = secrets.token_urlsafe(24)
        self._port = 0
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._keep_running, name="local model", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """End the process, with force where it takes too long; returns when it is gone."""
        with self._lock:
            self._stopping.set()
            if self._process:
                self._process.terminate()
        if self._thread.is_alive():
            self._thread.join(self._patience.stops_within)
            with self._lock:
                if self._process:
                    self._process.kill()
            self._thread.join()

    def _keep_running(self) -> None:
        # The kernel ends the process when the thread that started it ends (see
        # local_model_server), so this one thread starts every process and outlives them all.
        pause = self._patience.first_pause
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                self._run_once()
            except _Unavailable as unavailable:
                self._on_gone(str(unavailable))
                return
            except Exception:  # the edge of a thread: the model goes down, the server does not
                logger.exception("the local model could not be started")
            if time.monotonic() - began > self._patience.healthy_after:
                pause = self._patience.first_pause
            if not self._stopping.is_set():
                logger.warning("the local model ended; starting it again in %.0f s", pause)
            self._stopping.wait(pause)
            pause = min(pause * 2, self._patience.longest_pause)

    def _run_once(self) -> None:
        """Run one process to its end."""
        with self._log.open("w") as log:
            process = self._spawn(log.fileno())
        if process is None:
            return
        try:
            if endpoint := self._wait_until_ready(process):
                self._on_ready(endpoint)
                process.wait()
        finally:
            self._end(process)

    def _spawn(self, log: int) -> subprocess.Popen[str] | None:
        """Start the process and return it, unless we are stopping."""
        with self._lock:
            if self._stopping.is_set():
                return None
            self._process = subprocess.Popen(  # noqa: S603 - our own words
                self._command,
                # As long as we hold the other end of stdin, the process knows that we are here.
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                # The key is not on the command line, where everybody could read it.
                env=os.environ
                | {"LOCAL_MODEL_KEY": self._key, "LOCAL_MODEL_PORT": str(_usable(self._port))},
                # Ctrl-C in a terminal is for us alone: answers in flight still need the model.
                start_new_session=True,
            )
            return self._process

    def _wait_until_ready(self, process: subprocess.Popen[str]) -> Endpoint | None:
        """Return where it answers, or None if it died; raise _Unavailable if it gave up."""
        timer = threading.Timer(self._patience.ready_within, process.kill)
        timer.start()
        try:
            line = process.stdout.readline() if process.stdout else ""
        finally:
            timer.cancel()
        words = json.loads(line) if line else {}
        if "base_url" in words:
            self._port = urlsplit(words["base_url"]).port or 0
            return Endpoint(**words, key=self._key)
        if process.wait() == local_model_server.CANNOT_SERVE:
            raise _Unavailable(words.get("problem", "The local model cannot run here."))
        return None

    def _end(self, process: subprocess.Popen[str]) -> None:
        with self._lock:
            process.kill()
            process.wait()
            self._process = None
        for pipe in (process.stdin, process.stdout):
            if pipe:
                with suppress(BrokenPipeError):
                    pipe.close()


def _usable(port: int) -> int:
    """Return the port if it is free, else 0, for which the system chooses another."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return 0
    return port

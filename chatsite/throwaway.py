"""PostgreSQL and Redis for one test run: on free loopback ports, in folders that vanish."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

INITDB_OPTIONS = ("-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
POSTGRESQL_USER = "postgres"  # PostgreSQL refuses to run as root


class NotInstalledError(Exception):
    """The service is not on this machine; the message says how to get it."""


@contextmanager
def postgresql() -> Iterator[str]:
    """Run a PostgreSQL server; yield the URL of its database. Raises NotInstalledError."""
    programs = _postgresql_programs()
    user = POSTGRESQL_USER if os.geteuid() == 0 else None
    port = _free_port()
    with tempfile.TemporaryDirectory(prefix="chatsite-postgresql-") as folder:
        if user:
            shutil.chown(folder, user)
        data = f"{folder}/data"
        subprocess.run(  # noqa: S603 - our own words
            [programs / "initdb", "-D", data, "-U", "app", *INITDB_OPTIONS],
            **_as_user(user, folder),
            check=True,
            stdout=subprocess.DEVNULL,
        )
        command = [str(programs / "postgres"), "-D", data, "-p", str(port)]
        for setting in (
            "listen_addresses=127.0.0.1",
            f"unix_socket_directories={folder}",
            # What is lost in a crash is a test's.
            "fsync=off",
            "synchronous_commit=off",
            "full_page_writes=off",
        ):
            command += ["-c", setting]

        def is_ready() -> bool:
            ask = [str(programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
            return subprocess.run(ask, check=False).returncode == 0  # noqa: S603 - our own words

        with _running(command, user, folder, is_ready):
            yield f"postgresql://app@127.0.0.1:{port}/postgres"


@contextmanager
def redis() -> Iterator[str]:
    """Run a Redis server; yield its URL. Raises NotInstalledError."""
    program = shutil.which("redis-server")
    if program is None:
        raise NotInstalledError("Redis is not installed: sudo apt-get install redis-server")
    port = _free_port()
    with tempfile.TemporaryDirectory(prefix="chatsite-redis-") as folder:
        command = [program, "--bind", "127.0.0.1", "--port", str(port)]
        command += ["--save", "", "--appendonly", "no", "--dir", folder]
        with _running(command, None, folder, lambda: _answers(port)):
            yield f"redis://127.0.0.1:{port}/0"


def _postgresql_programs() -> Path:
    """Return the folder of initdb and postgres, which Debian keeps off the path."""
    folders = [Path(folder) for folder in os.get_exec_path()]
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in folders:
        if all((folder / name).exists() for name in ("initdb", "postgres", "pg_isready")):
            return folder
    raise NotInstalledError("PostgreSQL is not installed: sudo apt-get install postgresql")


def _as_user(user: str | None, folder: str) -> dict[str, Any]:
    """Return the arguments that make subprocess work in `folder`, as `user` where one is named."""
    change = {"user": user, "group": user, "extra_groups": []} if user else {}
    return {"cwd": folder, **change}


@contextmanager
def _running(
    command: Sequence[str], user: str | None, folder: str, is_ready: Callable[[], bool]
) -> Iterator[None]:
    """Run a service for as long as the block lasts, once it is ready."""
    log = Path(folder) / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own words
            command,
            **_as_user(user, folder),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C is for the tests first
        )
    try:
        deadline = time.monotonic() + 30
        while not is_ready():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{command[0]} did not start:\n{log.read_text()}")
            time.sleep(0.05)
        yield
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(7) == b"+PONG\r\n"
    except OSError:
        return False

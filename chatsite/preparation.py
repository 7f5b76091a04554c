"""What `up` does before it serves; each step finds out whether there is anything to do."""

from __future__ import annotations

import fcntl
import hashlib
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from chat.ledger import totals

Say = Callable[[str], None]

# The number by which processes that prepare the same PostgreSQL database know each other.
PREPARING = int.from_bytes(b"chatsite")


@contextmanager
def held_data_folder() -> Iterator[None]:
    """Keep the data folder for this process; raise CommandError if another one serves from it."""
    folder: Path = settings.DATA_DIR
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / "up.lock").open("a+") as guard:
        try:
            fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            guard.seek(0)
            raise CommandError(
                f"Another server already works with the data in {folder} (process "
                f"{guard.read().strip() or 'unknown'}). Stop that one first, or give this one a "
                "folder of its own: --data DIR"
            ) from None
        guard.truncate(0)
        guard.write(str(os.getpid()))
        guard.flush()
        yield


def bound_socket(host: str, port: int) -> socket.socket:
    """Take the address, without listening yet; raise CommandError if it cannot be had."""
    if not 0 <= port <= 65535:
        raise CommandError(f"Cannot serve on port {port}: ports go from 1 to 65535 (0: any).")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        return _bound(socket.socket(family, kind, protocol), address)
    except OSError as error:
        raise CommandError(
            f"Cannot serve on {host}, port {port}: {error}. Choose another port (--port 8001) or "
            "address (--host 127.0.0.1), or stop the program that uses this one."
        ) from error


def _bound(listener: socket.socket, address: tuple[str | int | bytes, ...]) -> socket.socket:
    """Bind the socket and return it; close it if that fails."""
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        # Two sockets that both permit reuse can be bound alike until one listens; ours does not
        # permit it from here on, so the address is taken.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
    except OSError:
        listener.close()
        raise
    return listener


def migrate(say: Say) -> None:
    """Bring the database's tables up to date; raise CommandError if there is no working with it."""
    try:
        with _in_turn():
            executor = MigrationExecutor(connection)
            steps = executor.migration_plan(executor.loader.graph.leaf_nodes())
            if steps:
                with _told(say, f"Preparing the database ({len(steps)} steps)"):
                    call_command("migrate", interactive=False, verbosity=0)
    except DatabaseError as error:
        raise CommandError(
            f"The database does not work: {str(error).strip()}\nCheck DATABASE_URL and that the "
            f"database server runs; or, for the built-in database, that {settings.DATA_DIR} is "
            "writable and its disk not full."
        ) from error


@contextmanager
def _in_turn() -> Iterator[None]:
    """Let one process after the other do what is in the block: several may start at once on one
    PostgreSQL, and none may find tables half made. A data folder is one process's anyway."""
    if connection.vendor != "postgresql":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [PREPARING])
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [PREPARING])


def count_ledger(say: Say) -> None:
    """See that the totals of the ledger are there, with days of the time zone that is set now."""
    if totals.rebuild_if_needed():
        say("The totals of the ledger were made anew: they were not those of its rows and days")


def collect_static_files(say: Say) -> None:
    """Gather, hash and compress what browsers load, unless nothing has changed since."""
    stamp: Path = settings.DATA_DIR / "static.stamp"
    fingerprint = _fingerprint_of_static_files()
    is_collected = (settings.STATIC_ROOT / "staticfiles.json").exists()
    if is_collected and stamp.exists() and stamp.read_text() == fingerprint:
        return
    with _told(say, "Collecting static files"):
        call_command("collectstatic", interactive=False, verbosity=0)
    stamp.write_text(fingerprint)


def _fingerprint_of_static_files() -> str:
    digest = hashlib.sha256(repr(settings.STORAGES["staticfiles"]).encode())
    for finder in get_finders():
        for name, storage in finder.list([]):
            found = Path(storage.path(name)).stat()
            digest.update(f"{name} {found.st_size} {found.st_mtime_ns}\n".encode())
    return digest.hexdigest()


@contextmanager
def _told(say: Say, title: str) -> Iterator[None]:
    say(f"{title} …")
    started = time.monotonic()
    yield
    say(f"  done in {time.monotonic() - started:.1f} s")

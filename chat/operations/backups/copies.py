"""A copy of the database as it is at one moment, while others write; and back again."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import Final

from django.db import DatabaseError, connection

from .archive import BackupError

KEPT_SCHEMA: Final = "before_restore_"
"""What the name of the schema begins with that PostgreSQL keeps what was replaced in."""
_SESSIONS: Final = "django_session"
"""Its keys are as good as passwords: a backup has the table without its rows."""


@contextmanager
def asked() -> Iterator[None]:
    """Inside, the database is asked; that it does not answer is a BackupError."""
    try:
        yield
    except DatabaseError as error:
        raise BackupError(
            f"The database does not work: {str(error).strip()}\nCheck DATABASE_URL, and that the "
            "database server runs."
        ) from error


def require_database() -> None:
    """Raise BackupError where there is no database, which being asked would make, or no program
    to copy it with."""
    if connection.vendor == "sqlite" and not database_file().exists():
        raise BackupError(f"There is no database to back up: {database_file()} does not exist.")
    if connection.vendor == "postgresql":
        _program("pg_dump")


def copy_database(target: Path) -> None:
    """Copy the database into the new file `target`. Raises BackupError."""
    if connection.vendor == "sqlite":
        copy_sqlite(database_file(), target)
    elif connection.vendor == "postgresql":
        _dump(target)
    else:
        raise BackupError(f"There is no backup for databases of the kind {connection.vendor}.")


def database_file() -> Path:
    """Where the SQLite database is."""
    return Path(str(connection.settings_dict["NAME"]))


# SQLite


def copy_sqlite(source: Path, target: Path) -> None:
    """Copy a SQLite database with its online backup, and leave out sessions and what was deleted.

    Writers go on meanwhile. Raises BackupError.
    """
    try:
        with (
            closing(sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True, timeout=20)) as old,
            closing(sqlite3.connect(target, isolation_level=None)) as new,
        ):
            old.backup(new)  # all in one step: the copy is of one moment
            _forget_sessions(new)
            _require_integrity(new)
    except sqlite3.Error as error:
        raise BackupError(f"The database cannot be copied: {error}.") from error


def _forget_sessions(database: sqlite3.Connection) -> None:
    database.execute("PRAGMA journal_mode=DELETE")
    if database.execute(
        "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", [_SESSIONS]
    ).fetchone():
        database.execute(f"DELETE FROM {_SESSIONS}")  # noqa: S608  # a constant
    # Pages that are free still hold what was deleted from them.
    database.execute("VACUUM")


def require_sound_sqlite(file: Path) -> None:
    """Raise BackupError unless `file` is a SQLite database without a fault."""
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as database:
            _require_integrity(database)
    except sqlite3.Error as error:
        raise BackupError(f"The database in the backup does not work: {error}.") from error


def _require_integrity(database: sqlite3.Connection) -> None:
    (verdict, *_) = database.execute("PRAGMA integrity_check(1)").fetchone()
    if verdict != "ok":
        raise BackupError(f"The database is damaged: {verdict}. Go back to an older backup.")


# PostgreSQL


def _dump(target: Path) -> None:
    options = ["--format=custom", "--no-owner", "--no-privileges", f"--file={target}"]
    options += [f"--exclude-table-data={_SESSIONS}", f"--exclude-schema={KEPT_SCHEMA}*"]
    _run("pg_dump", options)


def restore_postgresql(dump: Path, kept: str) -> None:
    """Put `dump` in the place of what the database holds, which stays in the schema `kept`; empty:
    it holds nothing.

    All or nothing: after a failure everything is as it was. Raises BackupError.
    """
    options = ["--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges"]
    with _room_made(kept) if kept else nullcontext():
        _run("pg_restore", [*options, str(dump)])


@contextmanager
def _room_made(kept: str) -> Iterator[None]:
    """Inside, the schema is a new one; a failure brings back the old."""
    name = connection.ops.quote_name(kept)
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER SCHEMA public RENAME TO {name}; CREATE SCHEMA public")
    except DatabaseError as error:
        raise BackupError(
            f"No room could be made in the database: {str(error).strip()}\nIts user must own the "
            "schema public and be allowed to create schemas."
        ) from error
    try:
        yield
    except BaseException:
        with connection.cursor() as cursor:
            cursor.execute(f"DROP SCHEMA public CASCADE; ALTER SCHEMA {name} RENAME TO public")
        raise
    finally:
        connection.close()


def _run(program: str, options: Sequence[str]) -> None:
    """Run a program of PostgreSQL's on our database; its password is in no command line."""
    arguments, variables = connection.client.settings_to_cmd_args_env(connection.settings_dict, [])
    *where, name = arguments[1:]
    process = subprocess.run(  # noqa: S603  # our own words
        [_program(program), "--no-password", *where, f"--dbname={name}", *options],
        env={**os.environ, **(variables or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if process.returncode:
        said = "\n".join(process.stderr.strip().splitlines()[:5])
        raise BackupError(f"{program} failed: {said}")


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise BackupError(
            f"{name} was not found. It belongs to PostgreSQL's client programs; on Debian and "
            "Ubuntu: sudo apt-get install postgresql-client. Then run the same command again."
        )
    return found

"""Puts a backup in the place of what is here, once all of it was unpacked and found in order."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from django.conf import settings
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.utils import timezone

from chat.models import Worker
from chat.turns.log import SILENCE

from . import archive, copies, making
from .archive import BackupError, Manifest

_JOURNALS: Final = ("-wal", "-shm", "-journal")
"""What SQLite has beside a database; they belong to that one alone."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored, and where what was there before is now."""

    manifest: Manifest
    kept: str
    """A folder, or a schema of PostgreSQL's; empty: there was nothing."""


def restore(path: Path, *, is_replacing: bool) -> Restored:
    """Restore the backup `path`. Expects that no server of this data folder runs.

    What is there is only replaced if `is_replacing`, and then kept aside. Whatever fails, nothing
    is lost. Raises BackupError.
    """
    manifest = archive.read_manifest(path)
    _refuse_newer(manifest)
    _refuse_another_kind(manifest)
    with copies.asked():
        _refuse_running_servers()
        has_data = _has_data()
    if has_data and not is_replacing:
        raise BackupError(
            f"There is data already in {_place()}. Restore into an empty folder "
            "(CHATSITE_DATA_DIR=…), or replace what is here, which is kept aside: --replace"
        )
    try:
        with _staging(manifest) as folder:
            manifest = archive.unpack(path, folder)
            return Restored(manifest, _put_in_place(folder))
    except OSError as error:
        raise BackupError(f"Nothing was restored: {error}.") from error


# Refusals


def _refuse_newer(manifest: Manifest) -> None:
    known = {f"{app}.{name}" for app, name in MigrationLoader(None).disk_migrations}
    unknown = sorted({*manifest.migrations} - known)
    if unknown or _numbers(manifest.version) > _numbers(making.version()):
        what = f"; it has {unknown[-1]}" if unknown else ""
        raise BackupError(
            f"The backup was made by version {manifest.version}, and this is an older one"
            f"{what}. Install that version or a newer one, then restore."
        )


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".") if part.isdecimal()]


def _refuse_another_kind(manifest: Manifest) -> None:
    if manifest.database != connection.vendor:
        raise BackupError(
            f"The backup is of a database of the kind {manifest.database}, and DATABASE_URL names "
            f"one of the kind {connection.vendor}. Restore it where DATABASE_URL names the former."
        )
    if connection.vendor == "sqlite" and copies.database_file().parent != settings.DATA_DIR:
        raise BackupError(
            f"The database {copies.database_file()} is not in the data folder "
            f"{settings.DATA_DIR}. Restore without DATABASE_URL, then move it."
        )


def _refuse_running_servers() -> None:
    """On a database that several servers share: each has a heartbeat there."""
    if connection.vendor == "sqlite" or Worker._meta.db_table not in _tables():
        return
    if Worker.objects.filter(heartbeat_at__gt=timezone.now() - SILENCE).exists():
        raise BackupError(
            "A server works with this database, or did until a moment ago. Stop all of them, wait "
            f"{SILENCE.seconds} seconds, and run the same command again."
        )


def _has_data() -> bool:
    media: Path = settings.MEDIA_ROOT
    return _has_database() or (media.is_dir() and any(media.iterdir()))


def _has_database() -> bool:
    if connection.vendor == "sqlite":
        return copies.database_file().exists()
    return bool(_tables())


def _tables() -> list[str]:
    return connection.introspection.table_names()


def _place() -> str:
    return f"{settings.DATA_DIR}" if connection.vendor == "sqlite" else "the database"


# Putting it in place


@contextmanager
def _staging(manifest: Manifest) -> Iterator[Path]:
    """A folder in the data folder, on its disk, that vanishes with the block."""
    settings.DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
    free = shutil.disk_usage(settings.DATA_DIR).free
    if free < manifest.size:
        raise BackupError(
            f"The backup needs {manifest.size // 1_000_000} MB in {settings.DATA_DIR}, and "
            f"{free // 1_000_000} MB are free. Make room, then run the same command again."
        )
    folder: Path = settings.DATA_DIR / f".restoring-{secrets.token_hex(8)}"
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _put_in_place(folder: Path) -> str:
    """Put what was unpacked where it belongs; returns where what was there is now."""
    if connection.vendor == "sqlite":
        copies.require_sound_sqlite(folder / archive.DATABASE)
    stamp = f"{timezone.now():%Y%m%d_%H%M%S}"
    aside: Path = settings.DATA_DIR / f"before-restore-{stamp}"
    is_kept_in_schema = connection.vendor != "sqlite" and _has_database()
    schema = f"{copies.KEPT_SCHEMA}{stamp}" if is_kept_in_schema else ""
    old = [(path, aside / path.name) for path in _old() if path.exists()]
    connection.close()
    with _moved(aside, old, _new(folder)):
        if connection.vendor != "sqlite":
            copies.restore_postgresql(folder / archive.DATABASE, schema)
    kept = [str(aside)] if old else []
    return ", ".join([*kept, f"the schema {schema} of the database"] if schema else kept)


def _old() -> Iterator[Path]:
    """What a backup replaces; keys, logs and static files stay."""
    yield settings.MEDIA_ROOT
    if connection.vendor == "sqlite":
        database = copies.database_file()
        yield database
        yield from (database.with_name(database.name + journal) for journal in _JOURNALS)


def _new(folder: Path) -> list[tuple[Path, Path]]:
    """What was unpacked, and its place."""
    moves = []
    if (folder / archive.MEDIA).exists():
        moves.append((folder / archive.MEDIA, settings.MEDIA_ROOT))
    if connection.vendor == "sqlite":
        database = folder / archive.DATABASE
        database.chmod(0o600)
        moves.append((database, copies.database_file()))
    return moves


@contextmanager
def _moved(
    aside: Path, old: list[tuple[Path, Path]], new: list[tuple[Path, Path]]
) -> Iterator[None]:
    """Move all; if that or the block fails, everything is where it was."""
    done: list[tuple[Path, Path]] = []
    try:
        if old:
            aside.mkdir(mode=0o700)
        for source, target in [*old, *new]:
            source.rename(target)
            done.append((source, target))
        yield
    except BaseException:
        for source, target in reversed(done):
            target.rename(source)
        if old:
            aside.rmdir()
        raise

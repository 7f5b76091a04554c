"""Makes a backup while the server runs."""

from __future__ import annotations

import os
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from . import archive, copies
from .archive import BackupError, Manifest


def make(target: Path) -> Manifest:
    """Write a backup of the database, and of the files that people brought, to the new file
    `target`, which only its owner can read.

    It is of one moment. An answer that was being written is in it as far as it was saved, and
    rests as interrupted after it was restored. Raises BackupError.
    """
    if target.exists():
        raise BackupError(f"{target} is there already. Choose another name, or move it away.")
    if not target.parent.is_dir():
        raise BackupError(f"There is no folder {target.parent}. Make it, or choose another one.")
    copies.require_database()
    try:
        # Beside the target: on its disk, and what is unfinished never has its name.
        parent = target.parent
        with copies.asked(), tempfile.TemporaryDirectory(prefix=".backup-", dir=parent) as folder:
            return _made(Path(folder), target)
    except OSError as error:
        raise BackupError(f"{target} cannot be written: {error.strerror}.") from error


def _made(folder: Path, target: Path) -> Manifest:
    manifest = Manifest(
        format=archive.FORMAT,
        version=version(),
        made_at=timezone.now(),
        database=connection.vendor,
        migrations=[f"{app}.{name}" for app, name in sorted(applied())],
        files={},
    )
    database, draft = folder / "database", folder / "backup"
    copies.copy_database(database)
    full = archive.write(draft, manifest, [(archive.DATABASE, database), *_media()])
    draft.chmod(0o600)
    with draft.open("rb") as file:
        os.fsync(file.fileno())
    draft.replace(target)
    return full


def version() -> str:
    """Ours, for example "0.1.0"."""
    project = tomllib.loads((settings.BASE_DIR / "pyproject.toml").read_text())["project"]
    return str(project["version"])


def applied() -> set[tuple[str, str]]:
    """The migrations that the database has: app and name."""
    return set(MigrationRecorder(connection).applied_migrations())


def _media() -> Iterator[tuple[str, Path]]:
    """The files that people brought; links are left out, as they may lead anywhere."""
    for path in sorted(settings.MEDIA_ROOT.rglob("*")):
        if path.is_file() and not path.is_symlink():
            yield archive.MEDIA + path.relative_to(settings.MEDIA_ROOT).as_posix(), path

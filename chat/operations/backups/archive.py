"""The file of a backup: a ZIP of a manifest, the database and the files that people brought.

It holds no key: neither sealing keys nor what signs sessions, and no session.
"""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import IO, Final
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile, ZipInfo
from zlib import error as InflateError

import msgspec

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
DATABASE: Final = "database"
MEDIA: Final = "media/"
"""What the names of files that people brought begin with."""
_LARGEST_MANIFEST: Final = 64 * 1024 * 1024
_PIECE: Final = 1024 * 1024


class BackupError(Exception):
    """A backup cannot be made or used; the message says why, and what to do."""


class Content(msgspec.Struct, frozen=True):
    """What a file of the backup holds: its size in bytes, and SHA-256 in hexadecimal."""

    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True):
    """What a backup is of. `database` is Django's name of the kind: sqlite or postgresql."""

    format: int
    version: str
    made_at: datetime
    database: str
    migrations: list[str]
    """Those that the database had, for example "chat.0001_initial"."""
    files: dict[str, Content]

    @property
    def size(self) -> int:
        """Bytes that it takes when it is unpacked."""
        return sum(content.size for content in self.files.values())


def write(target: Path, manifest: Manifest, files: Iterable[tuple[str, Path]]) -> Manifest:
    """Write `files` (names in the archive, and where they are) and the manifest that lists them.

    One that vanished meanwhile is left out: somebody deleted it. Raises OSError.
    """
    contents: dict[str, Content] = {}
    with ZipFile(target, "x", ZIP_DEFLATED) as archive:
        for name, path in files:
            try:
                with path.open("rb") as source:
                    contents[name] = _added(archive, name, source)
            except FileNotFoundError:
                continue
        full = msgspec.structs.replace(manifest, files=contents)
        archive.writestr(MANIFEST, msgspec.json.format(msgspec.json.encode(full)))
    return full


def _added(archive: ZipFile, name: str, source: IO[bytes]) -> Content:
    digest, size = hashlib.sha256(), 0
    # A moment that is the same for every backup: the manifest says when it was made.
    info = ZipInfo(name)
    info.compress_type, info.external_attr = ZIP_DEFLATED, 0o600 << 16
    with archive.open(info, "w", force_zip64=True) as entry:
        while piece := source.read(_PIECE):
            entry.write(piece)
            digest.update(piece)
            size += len(piece)
    return Content(size, digest.hexdigest())


def read_manifest(path: Path) -> Manifest:
    """What the backup `path` says of itself. Raises BackupError."""
    with _opened(path) as archive:
        return _manifest(archive, path)


def unpack(path: Path, folder: Path) -> Manifest:
    """Unpack the backup into the empty `folder`, and see that all of it is what was put in.

    Raises BackupError, and OSError for want of space; what was unpacked until then stays.
    """
    with _opened(path) as archive:
        manifest = _manifest(archive, path)
        _refuse_other_entries(archive, manifest, path)
        for name, content in manifest.files.items():
            try:
                _unpack(archive, name, content, folder / name)
            except (BadZipFile, EOFError, InflateError, NotImplementedError) as error:
                raise _damaged(path, f"{name} cannot be read") from error
    return manifest


def _opened(path: Path) -> ZipFile:
    try:
        return ZipFile(path)
    except BadZipFile as error:
        raise BackupError(
            f"{path} is no backup, or only the first part of one. Copy it again from where it was "
            "made, or take another one."
        ) from error
    except OSError as error:
        raise BackupError(f"{path} cannot be read: {error.strerror}.") from error


def _manifest(archive: ZipFile, path: Path) -> Manifest:
    try:
        if archive.getinfo(MANIFEST).file_size > _LARGEST_MANIFEST:
            raise _damaged(path, "its manifest is too large")
        text = archive.read(MANIFEST)
        if (found := msgspec.json.decode(text, type=_Beginning).format) > FORMAT:
            raise BackupError(
                f"{path} was written by a newer version (format {found}; this one knows up to "
                f"{FORMAT}). Install that version, then restore."
            )
        return msgspec.json.decode(text, type=Manifest)
    except KeyError as error:
        raise BackupError(f"{path} is a ZIP file, but no backup: it has no manifest.") from error
    except (BadZipFile, EOFError, InflateError, msgspec.DecodeError) as error:
        raise _damaged(path, "its manifest cannot be read") from error


class _Beginning(msgspec.Struct):
    format: int


def _refuse_other_entries(archive: ZipFile, manifest: Manifest, path: Path) -> None:
    """Let nothing through that the manifest does not list, and no name that leads elsewhere."""
    entries: Mapping[str, ZipInfo] = {info.filename: info for info in archive.infolist()}
    if len(entries) != len(archive.infolist()) or {*entries} != {MANIFEST, *manifest.files}:
        raise _damaged(path, "it does not hold what its manifest lists")
    if DATABASE not in manifest.files:
        raise _damaged(path, "the database is missing")
    for name in manifest.files:
        if not _is_ours(name) or stat.S_ISLNK(entries[name].external_attr >> 16):
            raise _damaged(path, f"the name {name!r} leads out of it")


def _is_ours(name: str) -> bool:
    """Whether a name stays inside of the folder that it is unpacked to."""
    if name == DATABASE:
        return True
    parts = PurePosixPath(name).parts
    is_plain = "\\" not in name and "\0" not in name and "/".join(parts) == name
    return name.startswith(MEDIA) and is_plain and ".." not in parts


def _unpack(archive: ZipFile, name: str, content: Content, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    with archive.open(name) as source, target.open("xb") as file:
        # No more than was promised is written: a small archive can hold very long zeros.
        while size <= content.size and (piece := source.read(_PIECE)):
            file.write(piece)
            digest.update(piece)
            size += len(piece)
    if size != content.size or digest.hexdigest() != content.sha256:
        raise BackupError(
            f"{archive.filename} is damaged: {name} is not what was backed up (its checksum "
            "differs). Nothing was changed. Copy the file again, or take another backup."
        )


def _damaged(path: Path, what: str) -> BackupError:
    return BackupError(
        f"{path} is damaged: {what}. Nothing was changed. Copy it again from where it was made, "
        "or take another backup."
    )

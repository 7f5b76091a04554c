"""Keys that live in files: made once, readable by their owner alone."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path


class KeyFileError(Exception):
    """A key file cannot be used; the message says what to do about it."""


def random_key() -> str:
    """Return 384 random bits as 64 characters that need no quoting in a URL."""
    return secrets.token_urlsafe(48)


def read_or_create(path: Path, make: Callable[[], str] = random_key) -> str:
    """Return the key in `path`; when there is none, first write what `make` gives, with mode 0600.

    Folders on the way are made with mode 0700. Of several processes that create the file at
    the same moment one wins, and all return its key. Raises KeyFileError.
    """
    try:
        if not path.exists():
            _create(path, make())
        return _read(path)
    except OSError as error:
        raise KeyFileError(f"The key file {path} cannot be used: {error.strerror}.") from error


def _create(path: Path, key: str) -> None:
    _make_private_folder(path.parent)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(key + "\n")
            file.flush()
            os.fsync(file.fileno())
        # A link appears whole or not at all, and never replaces the key of a faster process.
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()


def _make_private_folder(folder: Path) -> None:
    """Make `folder` and its missing parents (Path.mkdir gives parents the default mode)."""
    if not folder.exists():
        _make_private_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def _read(path: Path) -> str:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise KeyFileError(
            f"The key file {path} can be read by others (mode {mode:04o}). "
            f"If nobody else had access to it, run: chmod 600 {path}"
        )
    key = path.read_text().strip()
    if not key:
        raise KeyFileError(
            f"The key file {path} is empty. Put it back from a backup; or delete it to get a new "
            "key, and lose what the old one sealed."
        )
    return key

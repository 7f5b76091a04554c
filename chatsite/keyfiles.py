"""Keys that live in files: made once, readable by their owner alone."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import stat
from collections.abc import Callable, Iterable, Iterator
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


class KeyFile:
    """A file of several keys, one a line, the newest first, which may change while we run."""

    def __init__(self, path: Path, make: Callable[[], str] = random_key) -> None:
        """Make the file with one key where there is none. Raises KeyFileError."""
        self.path = path
        self._make = make
        self._keys = tuple(read_or_create(path, make).split())
        self._seen = self._version()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r})"

    def keys(self) -> tuple[str, ...]:
        """The keys that the file holds now; those it held before while it cannot be read."""
        with contextlib.suppress(OSError, KeyFileError):
            seen = self._version()
            if seen != self._seen:
                self._keys, self._seen = tuple(_read(self.path).split()), seen
        return self._keys

    def check(self) -> None:
        """Raise KeyFileError or OSError if the file cannot be read now."""
        _read(self.path)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Let nobody else change the file meanwhile; waits for whoever does."""
        with self.path.with_name(f"{self.path.name}.lock").open("a") as guard:
            fcntl.flock(guard, fcntl.LOCK_EX)
            for draft in self.path.parent.glob(f".{self.path.name}.*"):
                draft.unlink(missing_ok=True)  # of a process that was killed; it may hold keys
            yield

    def add(self) -> None:
        """Put a new key before the others; expects the file to be held."""
        self._write((self._make(), *self.keys()))

    def drop_all_but_newest(self) -> None:
        """Forget the older keys for good; expects the file to be held."""
        self._write(self.keys()[:1])

    def age(self, now: float) -> float:
        """Seconds since the file was last changed; `now` as time.time() has it."""
        return now - self.path.stat().st_mtime

    def _write(self, keys: Iterable[str]) -> None:
        """Replace the file: whenever we are stopped, it is the old one or the new one."""
        with _draft(self.path, "\n".join(keys)) as draft:
            draft.replace(self.path)
        descriptor = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _version(self) -> tuple[int, int, int]:
        """Differs whenever the file was replaced or written to."""
        found = self.path.stat()
        return found.st_ino, found.st_mtime_ns, found.st_size


def _create(path: Path, key: str) -> None:
    _make_private_folder(path.parent)
    # A link appears whole or not at all, and never replaces the key of a faster process.
    with _draft(path, key) as draft, contextlib.suppress(FileExistsError):
        os.link(draft, path)


@contextlib.contextmanager
def _draft(path: Path, text: str) -> Iterator[Path]:
    """A file beside `path` with this text, on the disk, which vanishes with the block."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        yield draft
    finally:
        draft.unlink(missing_ok=True)


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

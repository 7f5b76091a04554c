"""The installation: what was installed, the files, and the settings."""

from __future__ import annotations

import gettext
import importlib.metadata
import importlib.util
import json
import os
import platform
import re
import socket
import stat
import sys
from collections import defaultdict
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core import checks

from .findings import Finding, error, ok, warning

OLDEST_PYTHON: Final = (3, 11)
_LOCKED: Final = re.compile(r"^([\w.-]+)(?:\[[^]]*\])?==(\S+)( ;)?", re.MULTILINE)
"""A package, its version, and whether it is only for some systems."""
_SETTING: Final = re.compile(r"[\"'](CHATSITE_[A-Z_]+)[\"']")
_PATIENCE: Final = 5.0
"""Seconds that a mail server gets to answer."""
_UP: Final = "Run: python3 manage.py up (it does so at its start)"


def python() -> Iterator[Finding]:
    """The version of Python."""
    if sys.version_info < OLDEST_PYTHON:
        yield error("python", f"Python {platform.python_version()} is too old", "Install 3.11")
    else:
        yield ok("python", f"Python {platform.python_version()}")


def packages() -> Iterator[Finding]:
    """What is installed is what was locked."""
    locked: defaultdict[str, set[str]] = defaultdict(set)
    needed: set[str] = set()
    for name in _locks():
        text = (settings.BASE_DIR / "requirements" / f"{name}.txt").read_text()
        for package, version, condition in _LOCKED.findall(text):
            locked[package.lower()].add(version)
            needed |= set() if condition else {package.lower()}
    installed = {name: _installed(name) for name in locked}
    other = sorted(
        f"{name} {found or 'missing'}"
        for name, found in installed.items()
        if (found or name in needed) and found not in locked[name]
    )
    if other:
        said = f"{len(other)} packages are not those that were locked: {', '.join(other[:5])}"
        yield error("packages", said, "Delete the folder .venv and run: python3 manage.py up")
    else:
        yield ok("packages", f"{len(locked)} packages are those that were locked")


def _installed(name: str) -> str:
    """The version that is installed; empty: none."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _locks() -> Iterator[str]:
    is_scaled = bool(settings.REDIS_URL) or _is_postgresql()
    yield "scale" if is_scaled else "base"
    if importlib.util.find_spec("xllamacpp"):
        yield "model"


def _is_postgresql() -> bool:
    return str(settings.DATABASES["default"]["ENGINE"]).endswith("postgresql")


# Files


def data_folder() -> Iterator[Finding]:
    """Only we can read what is secret, and we can write."""
    folder: Path = settings.DATA_DIR
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        yield error("data folder", f"{folder} cannot be written", f"chown it to {os.getuid()}")
        return
    keys = [path for path in (folder / "keys").glob("*") if path.is_file()]
    if bad := [path for path in keys if _is_open_to_others(path)]:
        names = ", ".join(path.name for path in bad)
        remedy = f"If nobody read them, run: chmod 600 {bad[0].parent}/*; else replace them"
        yield error("data folder", f"others can read these key files: {names}", remedy)
    elif open_ones := [path for path in _private(folder) if _is_open_to_others(path)]:
        remedy = f"Run: chmod go-rwx {' '.join(map(str, open_ones))}"
        yield warning("data folder", "others can look into the data folder", remedy)
    else:
        yield ok("data folder", f"{folder} is ours alone, with {len(keys)} key files")


def _private(folder: Path) -> Iterator[Path]:
    yield folder
    yield from (path for path in folder.glob("*.sqlite3*") if path.is_file())


def _is_open_to_others(path: Path) -> bool:
    return bool(stat.S_IMODE(path.stat().st_mode) & 0o077)


def translations() -> Iterator[Finding]:
    """Each language but English can be read."""
    for folder in settings.LOCALE_PATHS:
        for source in sorted(Path(folder).glob("*/LC_MESSAGES/django.po")):
            language, compiled = source.parent.parent.name, source.with_suffix(".mo")
            try:
                with compiled.open("rb") as file:
                    gettext.GNUTranslations(file)
            except (OSError, ValueError):
                remedy = "Get django.mo anew, as it was released"
                yield error("translations", f"{language} cannot be read", remedy)
            else:
                yield ok("translations", f"{language} can be read")


def static_files() -> Iterator[Finding]:
    """What browsers load was collected."""
    try:
        text = (settings.STATIC_ROOT / "staticfiles.json").read_text()
        collected = json.loads(text)["paths"]
    except (OSError, ValueError, KeyError):
        yield warning("static files", "they were not collected yet", _UP)
        return
    names = {name for finder in get_finders() for name, _storage in finder.list([])}
    lost = [name for name in collected.values() if not (settings.STATIC_ROOT / name).exists()]
    if missing := names - {*collected}:
        yield warning("static files", f"{len(missing)} were not collected yet", _UP)
    elif lost:
        remedy = f"Delete {settings.STATIC_ROOT.parent / 'static.stamp'} and run `up` again"
        yield error("static files", f"{len(lost)} that were collected are gone", remedy)
    else:
        yield ok("static files", f"{len(names)} files were collected")


# Settings


def unknown_settings() -> Iterator[Finding]:
    """Variables that look like settings of ours and are none."""
    known = known_settings()
    unknown = sorted(
        name for name in os.environ if name.startswith("CHATSITE_") and name not in known
    )
    for name in unknown:
        near = get_close_matches(name, known, n=1)
        remedy = f"Did you mean {near[0]}?" if near else "docs/settings.md lists what there is"
        yield warning("settings", f"{name} means nothing", remedy)
    if not unknown:
        yield ok("settings", "every CHATSITE_ variable is known")


def known_settings() -> set[str]:
    """The names that our wiring reads: it alone reads the environment."""
    sources = (settings.BASE_DIR / "chatsite").rglob("*.py")
    return {name for source in sources for name in _SETTING.findall(source.read_text())}


def framework() -> Iterator[Finding]:
    """What Django itself checks."""
    found = [message for message in checks.run_checks() if message.level >= checks.ERROR]
    for message in found:
        yield error(
            "checks", f"{message.id}: {message.msg}", message.hint or "See docs/settings.md"
        )
    if not found:
        yield ok("checks", "Django finds nothing wrong")


def web() -> Iterator[Finding]:
    """Nothing that is for development only, and no host that is not ours."""
    if settings.DEBUG:
        yield error("web", "pages of errors show the program's inside", "Unset DJANGO_DEBUG")
    if "*" in settings.ALLOWED_HOSTS:
        yield error("web", "any host name is served", "Name your hosts in CHATSITE_HOSTS")
    others = {*settings.ALLOWED_HOSTS} - {"localhost", "127.0.0.1", "[::1]"}
    if others and not settings.IS_HTTPS:
        remedy = "Put a proxy with TLS before it and set CHATSITE_HTTPS=1"
        yield warning("web", "other machines are served without TLS", remedy)
    elif not settings.DEBUG and "*" not in others:
        yield ok("web", f"{len(settings.ALLOWED_HOSTS)} host names are served")


def mail() -> Iterator[Finding]:
    """Mail leaves this machine."""
    if not settings.EMAIL_BACKEND.endswith("smtp.EmailBackend"):
        remedy = "Set EMAIL_URL, so that alerts and new passwords arrive"
        yield warning("mail", "it is not sent, only written out", remedy)
        return
    where = f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}"
    try:
        address = (settings.EMAIL_HOST, settings.EMAIL_PORT)
        socket.create_connection(address, timeout=_PATIENCE).close()
    except OSError as trouble:
        said = f"{where} does not answer ({type(trouble).__name__})"
        yield error("mail", said, "Check the host and port of EMAIL_URL, and the network")
    else:
        yield ok("mail", f"{where} answers")

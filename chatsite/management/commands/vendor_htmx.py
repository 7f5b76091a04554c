"""Fetch htmx and the two extensions we use into the static files, or check what is there."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
import tarfile
import tempfile
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

PACKAGE = "htmx.org"
FILES = {
    "htmx.min.js": "package/dist/htmx.min.js",
    "hx-ws.min.js": "package/dist/ext/hx-ws.min.js",
    "hx-csp.min.js": "package/dist/ext/hx-csp.min.js",
    "LICENSE": "package/LICENSE",
}
"""Our name of a file → its name in the package."""


class Command(BaseCommand):
    help = "Refresh the vendored htmx, its socket and its CSP extension (needs npm), or check them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--release", help="the release to fetch, for example 4.0.1; default: the one we have"
        )
        parser.add_argument("--check", action="store_true", help="only compare the checksums")

    def handle(self, *args: Any, **options: Any) -> None:
        folder: Path = settings.BASE_DIR / "chat" / "static" / "vendor" / "htmx"
        if options["check"]:
            check(folder)
            self.stdout.write(f"Every file of {PACKAGE} is as it was vendored.")
            return
        release = options["release"] or _record(folder)["version"]
        refresh(folder, release)
        self.stdout.write(f"{PACKAGE} {release} is in {folder}")


def check(folder: Path) -> None:
    """Raise CommandError unless the files in `folder` are those of its VERSION.json."""
    for name, checksum in _record(folder)["sha256"].items():
        path = folder / name
        if not path.is_file() or _sha256(path.read_bytes()) != checksum:
            raise CommandError(f"{path} is not as vendored. `manage.py vendor_htmx` refreshes it.")


def refresh(folder: Path, release: str) -> None:
    """Replace the files in `folder` by those of `release`, and record their checksums.

    Raises CommandError where npm is missing or fails, or the package is not what npm announced.
    """
    with tempfile.TemporaryDirectory() as scratch:
        archive, integrity = _pack(release, Path(scratch))
        contents = _read(archive)
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    record = {
        "package": PACKAGE,
        "version": release,
        "integrity": integrity,
        "sha256": {name: _sha256(content) for name, content in contents.items()},
    }
    (folder / "VERSION.json").write_text(json.dumps(record, indent=2) + "\n")


def _pack(release: str, folder: Path) -> tuple[Path, str]:
    """Download the package into `folder`; its path and its integrity (sha512, as npm writes it)."""
    npm = shutil.which("npm")
    if npm is None:
        raise CommandError("npm is needed to fetch a release: install the package `npm`.")
    result = subprocess.run(  # noqa: S603  # npm itself, no shell, and nothing a visitor sent
        [npm, "pack", f"{PACKAGE}@{release}", "--json"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        raise CommandError(f"npm could not fetch {PACKAGE} {release}:\n{result.stderr}")
    announced = json.loads(result.stdout)[0]
    archive = folder / announced["filename"]
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if announced["integrity"] != f"sha512-{digest}":
        raise CommandError(f"{archive.name} is not the file that npm announced.")
    return archive, announced["integrity"]


def _read(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as package:
        members = {name: package.extractfile(inside) for name, inside in FILES.items()}
        return {name: member.read() for name, member in members.items() if member}


def _record(folder: Path) -> dict[str, Any]:
    path = folder / "VERSION.json"
    if not path.is_file():
        raise CommandError(f"{path} is missing. `manage.py vendor_htmx --release …` writes it.")
    record: dict[str, Any] = json.loads(path.read_text())
    return record


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()

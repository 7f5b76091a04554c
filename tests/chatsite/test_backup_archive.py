"""The file of a backup: only what it lists, only into its folder, and all of it as it was."""

from __future__ import annotations

import hashlib
import stat
import zipfile
from pathlib import Path

import msgspec
import pytest
from django.utils import timezone

from chat.operations.backups import archive
from chat.operations.backups.archive import BackupError


@pytest.mark.parametrize(
    "name",
    ["../x", "/etc/x", "media/../x", "media/a/../../x", "media//x", "media\\..\\x", "media/", "y"],
)
def test_no_name_leads_out(tmp_path, name):
    path, into = tmp_path / "backup.zip", tmp_path / "into"
    write(path, {"database": b"d", name: b"!"})
    into.mkdir()
    with pytest.raises(BackupError, match="leads out"):
        archive.unpack(path, into)
    assert list(into.iterdir()) == []


def test_a_link_is_none_of_ours(tmp_path):
    path, into = tmp_path / "backup.zip", tmp_path / "into"
    link = zipfile.ZipInfo("media/link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    write(path, {"database": b"d", "media/link": b"/etc"}, {"media/link": link})
    into.mkdir()
    with pytest.raises(BackupError, match="leads out"):
        archive.unpack(path, into)


def test_what_the_manifest_does_not_list_is_refused(tmp_path):
    path = tmp_path / "backup.zip"
    write(path, {"database": b"d"})
    with zipfile.ZipFile(path, "a") as made:
        made.writestr("media/more", b"more")
    with pytest.raises(BackupError, match="manifest lists"):
        archive.unpack(path, tmp_path)


def test_no_more_is_written_than_was_promised(tmp_path):
    path, into = tmp_path / "backup.zip", tmp_path / "into"
    write(path, {"database": b"\0" * 50_000_000}, promised=10)
    into.mkdir()
    with pytest.raises(BackupError, match="checksum"):
        archive.unpack(path, into)
    assert (into / "database").stat().st_size <= 1024 * 1024


def write(path: Path, parts: dict[str, bytes], infos=None, promised: int | None = None) -> None:
    """A backup by hand, whose manifest lists everything."""
    contents = {
        name: archive.Content(len(data) if promised is None else promised, _hash(data))
        for name, data in parts.items()
    }
    manifest = archive.Manifest(1, "0.1.0", timezone.now(), "sqlite", [], contents)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in parts.items():
            info = (infos or {}).get(name) or zipfile.ZipInfo(name)
            made.writestr(info, data, zipfile.ZIP_DEFLATED)
        made.writestr(archive.MANIFEST, msgspec.json.encode(manifest))


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()

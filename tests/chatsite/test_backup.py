"""`manage.py backup` and `restore`: everything comes back but the keys, and nothing is lost."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import sqlite3
import stat
import subprocess
import zipfile
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from chat.operations.backups import archive, copies, restoring
from chat.operations.backups.archive import BackupError
from chatsite import throwaway
from tests import processes
from tests.chat.real_sockets import signed_in
from tests.fakes.model_server import Script, running_in_thread
from tests.installations import Installation

SLOW = [f"word-{number} " for number in range(5000)]

_SUMS = """
import json
from django.db.models import Sum
from chat.models import Conversation, DayTotal, HourTotal, Message, Usage
def of(table):
    sums = table.objects.aggregate(r=Sum("requests"), t=Sum("total_tokens"))
    return [sums["r"] or 0, sums["t"] or 0]
rows = Usage.objects.aggregate(t=Sum("total_tokens"))
print(json.dumps({
    "rows": [Usage.objects.count(), rows["t"] or 0], "hours": of(HourTotal), "days": of(DayTotal),
    "conversations": list(Conversation.objects.values_list("title", flat=True)),
    "live": Message.objects.live().count(),
}))
"""
_SEALED = """
from admin_models import connections, crypto
from admin_models.models import ModelGroup
print(crypto.unseal(ModelGroup.objects.get(name="custom-fake").sealed_key))
"""


def sums(installation: Installation) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(installation.python(_SUMS))
    return found


def refusal(installation: Installation, *words: str, **variables: str) -> str:
    """Run a command, which must refuse; return what it says."""
    changed = {
        **os.environ,
        "CHATSITE_DATA_DIR": str(installation.data),
        "DATABASE_URL": None,
        **installation.variables,
        **variables,
    }
    run = subprocess.run(
        processes.manage(*words),
        cwd=processes.PROJECT,
        env={name: value for name, value in changed.items() if value is not None},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 1, run.stdout
    assert "Traceback" not in run.stderr
    return run.stderr


def files_of(folder: Path) -> dict[str, bytes]:
    """Everything in a folder but what any command may touch."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "up.lock"
    }


@pytest.fixture(scope="module")
def old(tmp_path_factory) -> Installation:
    """An installation with a file that somebody brought."""
    installation = Installation(tmp_path_factory.mktemp("old") / "data")
    installation.command("migrate", "--verbosity", "0")
    installation.add_people()
    installation.connect("http://127.0.0.1:9")
    picture = installation.data / "media" / "alice" / "picture.png"
    picture.parent.mkdir(parents=True)
    picture.write_bytes(b"a picture")
    return installation


@pytest.fixture(scope="module")
def backup(old, tmp_path_factory) -> Path:
    path: Path = tmp_path_factory.mktemp("backup") / "backup.zip"
    said = old.command("backup", str(path))
    assert "keys/sealing" in said
    return path


def rewritten(source: Path, target: Path, change) -> Path:
    """The backup with its parts changed; the manifest lists them as they are then, unless
    `change` says otherwise by returning False."""
    with zipfile.ZipFile(source) as found:
        parts = {name: found.read(name) for name in found.namelist()}
    manifest = json.loads(parts.pop(archive.MANIFEST))
    if change(parts, manifest) is not False:
        manifest["files"] = {
            name: {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            for name, data in parts.items()
        }
    with zipfile.ZipFile(target, "w") as made:
        for name, data in parts.items():
            made.writestr(name, data)
        made.writestr(archive.MANIFEST, json.dumps(manifest))
    return target


# ── What is in it ────────────────────────────────────────────────────────────


def test_only_its_owner_can_read_it_and_no_key_is_in_it(old, backup):
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    with zipfile.ZipFile(backup) as found:
        assert {*found.namelist()} == {"database", "media/alice/picture.png", "manifest.json"}
        everything = b"".join(found.read(name) for name in found.namelist())
    keys = [
        path.read_bytes().strip() for path in (old.data / "keys").iterdir() if path.stat().st_size
    ]
    assert len(keys) >= 2
    for key in keys:
        assert key not in everything
    assert b"sk-test-key" not in everything
    assert [path.name for path in backup.parent.iterdir()] == ["backup.zip"]


def test_the_manifest_says_what_it_is_of(backup):
    manifest = archive.read_manifest(backup)
    assert (manifest.format, manifest.version, manifest.database) == (1, "0.1.0", "sqlite")
    assert "chat.0001_initial" in manifest.migrations
    assert manifest.files["media/alice/picture.png"].size == 9


def test_sessions_and_what_was_deleted_are_left_out(tmp_path):
    source = tmp_path / "source"
    with closing(sqlite3.connect(source, isolation_level=None)) as database:
        database.execute("PRAGMA secure_delete=OFF")
        database.execute("CREATE TABLE django_session (session_key TEXT)")
        database.execute("INSERT INTO django_session VALUES ('canary-of-a-session')")
        database.execute("CREATE TABLE said (text TEXT)")
        database.execute("INSERT INTO said VALUES ('canary-deleted'), ('kept')")
        database.execute("DELETE FROM said WHERE text = 'canary-deleted'")
    assert b"canary-deleted" in source.read_bytes()
    copies.copy_sqlite(source, tmp_path / "copy")
    copied = (tmp_path / "copy").read_bytes()
    assert b"kept" in copied
    assert b"canary" not in copied


def test_a_backup_replaces_nothing(old, backup):
    before = backup.read_bytes()
    assert "is there already" in refusal(old, "backup", str(backup))
    assert backup.read_bytes() == before


def test_a_backup_that_cannot_be_written_leaves_nothing(old, tmp_path):
    assert "There is no folder" in refusal(old, "backup", str(tmp_path / "nowhere" / "b.zip"))
    nothing = Installation(tmp_path / "empty")
    assert "There is no database" in refusal(nothing, "backup", str(tmp_path / "b.zip"))
    assert not (tmp_path / "b.zip").exists()


# ── What comes back ──────────────────────────────────────────────────────────


def test_into_an_empty_folder(old, backup, tmp_path):
    new = Installation(tmp_path / "new")
    said = new.command("restore", str(backup))
    assert "before is in" not in said
    assert (new.data / "media/alice/picture.png").read_bytes() == b"a picture"
    assert stat.S_IMODE((new.data / "chatsite.sqlite3").stat().st_mode) == 0o600
    assert sums(new) == sums(old)
    # The keys of then are kept apart, and put back by whoever kept them.
    shutil.copy(old.data / "keys" / "sealing", new.data / "keys" / "sealing")
    assert new.python(_SEALED).strip() == "sk-test-key"


def test_what_is_replaced_is_kept(old, backup, tmp_path):
    new = Installation(tmp_path / "new")
    new.command("migrate", "--verbosity", "0")
    new.python("from django.contrib.auth.models import User; User.objects.create(username='zoe')")
    (new.data / "media").mkdir()
    (new.data / "media" / "theirs").write_bytes(b"theirs")
    said = new.command("restore", str(backup), "--replace")
    (kept,) = new.data.glob("before-restore-*")
    assert str(kept) in said
    assert (kept / "media" / "theirs").read_bytes() == b"theirs"
    assert not (new.data / "media" / "theirs").exists()
    with closing(sqlite3.connect(kept / "chatsite.sqlite3")) as database:
        assert database.execute("SELECT username FROM auth_user").fetchall() == [("zoe",)]
    assert sums(new) == sums(old)


# ── What is refused, with nothing changed ────────────────────────────────────


@pytest.fixture
def full(old, tmp_path) -> Installation:
    """A folder with data, which must be there afterwards as it was."""
    shutil.copytree(old.data, tmp_path / "full")
    return Installation(tmp_path / "full")


def newer_version(_parts, manifest):
    manifest["version"] = "99.0"


def newer_migration(_parts, manifest):
    manifest["migrations"].append("chat.9999_from_the_future")


def newer_format(_parts, manifest):
    manifest["format"] = 2
    return False


def other_bytes(parts, _manifest):
    parts["media/alice/picture.png"] = b"A picture"
    return False


def no_database(parts, _manifest):
    del parts["database"]


def broken_database(parts, _manifest):
    data = bytearray(parts["database"])
    data[8192:12288] = os.urandom(4096)
    parts["database"] = bytes(data)


def broken_dump(parts, _manifest):
    parts["database"] = parts["database"][: len(parts["database"]) // 2]


def another_kind(_parts, manifest):
    manifest["database"] = "postgresql"


def climbing(parts, _manifest):
    parts["media/../../../stolen"] = b"!"


REFUSALS = {
    newer_version: "made by version 99.0",
    newer_migration: "chat.9999_from_the_future",
    newer_format: "written by a newer version",
    other_bytes: "its checksum differs",
    no_database: "the database is missing",
    broken_database: "database",
    another_kind: "postgresql",
    climbing: "leads out of it",
}


_TRY = """
import json
from pathlib import Path
from chat.operations.backups import restoring
from chat.operations.backups.archive import BackupError
said = []
for path in {paths!r}:
    try:
        said.append(str(restoring.restore(Path(path), is_replacing=True)))
    except BackupError as refusal:
        said.append(str(refusal))
print(json.dumps(said))
"""


def test_a_backup_that_is_not_in_order_changes_nothing(backup, full, tmp_path):
    wanted = {
        str(rewritten(backup, tmp_path / f"{change.__name__}.zip", change)): words
        for change, words in REFUSALS.items()
    }
    half = tmp_path / "half.zip"
    half.write_bytes(backup.read_bytes()[: backup.stat().st_size // 2])
    wanted |= {str(half): "only the first part", str(tmp_path / "none.zip"): "cannot be read"}
    before = files_of(full.data)
    said = json.loads(full.python(_TRY.format(paths=list(wanted))))
    for words, refused in zip(wanted.values(), said, strict=True):
        assert words in refused
    assert files_of(full.data) == before
    assert not list(full.data.glob("before-restore-*"))
    assert not (tmp_path / "stolen").exists()


def test_data_is_not_replaced_unasked(backup, full):
    before = files_of(full.data)
    assert "--replace" in refusal(full, "restore", str(backup))
    assert "no backup" in refusal(full, "restore", __file__, "--replace")
    assert files_of(full.data) == before


def test_without_the_programs_of_postgresql_it_is_said_how_to_get_them(tmp_path):
    site = Installation(tmp_path / "data", {"DATABASE_URL": "postgres://app@127.0.0.1:9/none"})
    words = refusal(site, "backup", str(tmp_path / "b.zip"), PATH=str(tmp_path))
    assert "pg_dump was not found" in words
    assert "sudo apt-get install postgresql-client" in words
    assert "The database does not work" in refusal(site, "backup", str(tmp_path / "b.zip"))


@pytest.mark.parametrize("there_is_a_new_one", [False, True])
def test_a_move_that_fails_is_taken_back(tmp_path, there_is_a_new_one):
    """Whether the move itself fails, or what has to be done with it."""
    old, new, aside = tmp_path / "database", tmp_path / "new", tmp_path / "aside"
    old.write_text("old")
    if there_is_a_new_one:
        new.write_text("new")

    def move() -> None:
        with restoring._moved(aside, [(old, aside / "database")], [(new, old)]):
            assert old.read_text() == "new"
            raise BackupError

    with pytest.raises(BackupError if there_is_a_new_one else FileNotFoundError):
        move()
    assert old.read_text() == "old"
    assert not aside.exists()


# ── Real servers ─────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def service():
    with running_in_thread() as server:
        yield server


@dataclass(frozen=True)
class Talk:
    """A conversation: its address, and what had been answered when it was stopped."""

    path: str
    answer: str


async def backed_up(old: Installation, service, path: Path) -> Talk:
    """Chat, and back up in the middle of an answer, which then goes on; the server has ended."""
    service.script = Script()
    with old.served() as server:
        old.add_people()
        old.connect(service.base_url)
        async with signed_in(server.url) as alice:
            async with alice.opened(await alice.begin("First")) as page:
                await page.until_status("done", within=20)
            service.once(Script(say=SLOW, delay=0.02))
            where = await alice.begin("Second")
            async with alice.opened(where) as page:
                await page.until(lambda: "word-80 " in page.turns_text(), within=20)
                await asyncio.to_thread(old.command, "backup", str(path))
                words = await asyncio.to_thread(refusal, old, "restore", str(path), "--replace")
                assert f"(process {server.pid})" in words
                await page.send(action="stop")
                await page.until_status("stopped", within=20)
        assert await asyncio.to_thread(server.stop) == 0
    return Talk(where, old.answers()[-1]["text"])


async def everything_is_there(new: Installation, service, talk: Talk) -> None:
    with new.served() as server:
        async with signed_in(server.url) as alice, alice.opened(talk.path) as page:
            await page.until_status("interrupted", within=35)
            service.script = Script(say=["It goes on."])
            await page.ask("Go on")
            await page.until_status("done", within=20)
            assert "It goes on." in page.turns_text()
        assert "Traceback" not in server.output
    *_, kept, after = new.answers()
    assert (kept["status"], kept["ledger"], after["text"]) == (*["interrupted"] * 2, "It goes on.")
    assert "word-60 " in kept["text"]
    assert talk.answer.startswith(kept["text"])
    assert len(kept["text"]) < len(talk.answer)
    found = sums(new)
    assert found["live"] == 0
    assert {*found["conversations"]} == {"First", "Second"}
    assert found["rows"][0] == 3
    assert found["rows"] == found["hours"] == found["days"]


@pytest.mark.server
async def test_chat_goes_on_from_a_backup_that_was_made_in_mid_answer(tmp_path, service):
    old, new = Installation(tmp_path / "old"), Installation(tmp_path / "new")
    talk = await backed_up(old, service, tmp_path / "backup.zip")
    new.command("restore", str(tmp_path / "backup.zip"))
    shutil.copy(old.data / "keys" / "sealing", new.data / "keys" / "sealing")
    await everything_is_there(new, service, talk)


@pytest.fixture
def postgresql():
    with ExitStack() as stack:
        try:
            yield stack.enter_context(throwaway.postgresql())
        except throwaway.NotInstalledError as missing:
            if os.environ.get("CI", "").lower() in {"1", "true"}:
                raise
            pytest.skip(str(missing))


@pytest.mark.scale
async def test_so_it_does_with_postgresql(tmp_path, service, postgresql):
    site = Installation(tmp_path / "site", {"DATABASE_URL": postgresql})
    path, broken = tmp_path / "backup.zip", tmp_path / "broken.zip"
    talk = await backed_up(site, service, path)
    before = sums(site)
    assert "--replace" in refusal(site, "restore", str(path))
    assert "pg_restore failed" in refusal(
        site, "restore", str(rewritten(path, broken, broken_dump)), "--replace"
    )
    assert sums(site) == before
    with site.served() as elsewhere:
        assert elsewhere.url
        other = Installation(tmp_path / "other", site.variables)
        words = refusal(other, "restore", str(path), "--replace")
        assert "A server works with this database" in words
        assert await asyncio.to_thread(elsewhere.stop) == 0
    said = site.command("restore", str(path), "--replace")
    assert "the schema before_restore_" in said
    await everything_is_there(site, service, talk)
    again = site.command("backup", str(tmp_path / "again.zip"))
    assert "Backed up" in again

"""`manage.py rotate_keys`: another sealing key while servers run, and nothing is ever lost."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from contextlib import closing
from functools import partial
from io import StringIO
from pathlib import Path

import pytest
from cryptography.fernet import Fernet, MultiFernet
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, models

from admin_models import append_only, crypto, local, resealing
from admin_models.models import AuditEntry, Environment, ModelGroup
from admin_models.models.keys import HoldsKey
from chatsite.keyfiles import KeyFile
from tests import processes
from tests.chat.real_sockets import signed_in
from tests.fakes.model_server import running_in_thread
from tests.installations import Installation

KEY = "sk-canary-of-rotation"
FERNET = "gAAAA"
"""What everything begins with that Fernet sealed (its version and the first bytes of the time)."""


def new_key() -> str:
    return Fernet.generate_key().decode()


@pytest.fixture
def file(tmp_path, settings):
    """The key file of this installation, for this test alone."""
    settings.SEALING_KEYS = []
    settings.SEALING_KEY_FILE = KeyFile(tmp_path / "keys" / "sealing", new_key)
    return settings.SEALING_KEY_FILE


@pytest.fixture
def rows(transactional_db, file):
    """Rows with every kind of key."""
    environment = Environment(kind=Environment.Kind.CLOUDBASE, name="Lab", env_id="lab")
    environment.keep_key(f"{KEY}-gateway")
    environment.keep_cloud_keys(f"{KEY}-id", f"{KEY}-pair")
    environment.save()
    for name in ("custom-a", "custom-b"):
        group = ModelGroup(environment=local.environment(), name=name)
        group.keep_key(f"{KEY}-{name}")
        group.save()
    ModelGroup.objects.create(environment=local.environment(), name="custom-without")


def secrets_stored() -> set[str]:
    """What is stored, as this process reads it now."""
    group_keys = {crypto.unseal(row.sealed_key) for row in ModelGroup.objects.all()}
    row = Environment.objects.get(env_id="lab")
    pair = {crypto.unseal(row.sealed_secret_id), crypto.unseal(row.sealed_secret_key)}
    return {crypto.unseal(row.sealed_key), *pair, *group_keys}


ALL = {f"{KEY}-gateway", f"{KEY}-id", f"{KEY}-pair", f"{KEY}-custom-a", f"{KEY}-custom-b", ""}


def sealed_values() -> list[str]:
    found: list[str] = []
    for model, name in resealing.columns():
        found += model._default_manager.exclude(**{name: ""}).values_list(name, flat=True)
    return found


def rotate(*words: str) -> str:
    said = StringIO()
    call_command("rotate_keys", *words, stdout=said, stderr=said)
    assert KEY not in said.getvalue()
    return said.getvalue()


def an_hour_passes(file: KeyFile) -> None:
    os.utime(file.path, (time.time() - 3600,) * 2)


def test_all_is_sealed_with_the_new_key_and_read_as_before(rows, file):
    (old,) = file.keys()
    said = rotate()
    new, kept = file.keys()
    assert kept == old
    assert "sealing key: 5." in said
    for key in (new, old):
        assert key not in said
    cipher = Fernet(new)
    assert {cipher.decrypt(value).decode() for value in sealed_values()} == ALL - {""}
    assert secrets_stored() == ALL


def test_it_is_in_the_audit_log_without_any_key(rows, file):
    rotate()
    entry = AuditEntry.objects.get(action="keys.rotated")
    assert (entry.actor, entry.before) == ("command line", {"keys": 1})
    assert entry.after == {"keys": 2, "sealed_anew": 5}


def test_older_keys_are_dropped_when_they_are_told_to_be(rows, file):
    rotate()
    rotate()
    newest = file.keys()[0]
    an_hour_passes(file)
    said = rotate("--retire")
    assert "are gone (2)" in said
    assert file.keys() == (newest,)
    assert secrets_stored() == ALL
    assert AuditEntry.objects.first().after["keys"] == 1
    assert "no older one" in rotate("--retire")


def test_what_was_saved_meanwhile_with_an_old_key_is_sealed_anew_before_that_key_goes(rows, file):
    """A page that was opened before the rotation saves its row as it was."""
    late = ModelGroup.objects.get(name="custom-a")
    rotate()
    late.save()
    an_hour_passes(file)
    assert "sealing key: 1." in rotate("--retire")
    assert secrets_stored() == ALL


def test_old_keys_stay_while_somebody_may_still_be_saving(rows, file):
    rotate()
    with pytest.raises(CommandError, match="Try again in a minute"):
        rotate("--retire")
    assert len(file.keys()) == 2


def test_what_somebody_enters_meanwhile_is_kept(rows, file):
    """The command has read the row, then a person enters another key: theirs stays."""
    file.add()
    row = ModelGroup.objects.get(name="custom-a")
    anew = crypto.resealed(row.sealed_key)
    changed = ModelGroup.objects.get(name="custom-a")
    changed.keep_key("sk-from-a-person")
    changed.save()
    unchanged = ModelGroup.objects.filter(pk=row.pk, sealed_key=row.sealed_key)
    assert unchanged.update(sealed_key=anew) == 0
    resealing.reseal(keys_before=1, keys_after=2)
    assert crypto.unseal(ModelGroup.objects.get(pk=row.pk).sealed_key) == "sk-from-a-person"


def test_a_running_process_reads_everything_after_every_step(rows, file, settings):
    """Each step is where the command might have been stopped."""
    command, server = KeyFile(file.path, new_key), file  # the server has read the file long ago

    def nothing_is_lost() -> None:
        settings.SEALING_KEY_FILE = server
        assert secrets_stored() == ALL
        settings.SEALING_KEY_FILE = command

    nothing_is_lost()
    command.add()
    nothing_is_lost()
    resealing.reseal(keys_before=1, keys_after=2)
    nothing_is_lost()
    resealing.reseal(keys_before=2, keys_after=1)
    nothing_is_lost()
    command.drop_all_but_newest()
    nothing_is_lost()
    assert len(server.keys()) == 1


def test_a_failure_in_the_middle_leaves_everything_as_it_was(rows, file):
    """The environments are done when the database refuses to change a group."""
    before = sealed_values()
    groups = ModelGroup._meta.db_table
    append_only.protect(connection, groups)
    try:
        with pytest.raises(IntegrityError):
            rotate()
    finally:
        append_only.unprotect(connection, groups)
    assert len(file.keys()) == 2
    assert sealed_values() == before
    assert not AuditEntry.objects.exists()
    rotate()
    assert secrets_stored() == ALL


def test_a_value_that_no_key_opens_is_named_and_left_alone(rows, file):
    lost = Fernet(new_key()).encrypt(b"lost").decode()
    ModelGroup.objects.filter(name="custom-a").update(sealed_key=lost)
    said = rotate()
    assert "No sealing key opens model group custom-a, sealed_key" in said
    assert ModelGroup.objects.get(name="custom-a").sealed_key == lost


def test_keys_of_the_environment_are_only_used_and_the_rest_is_told(rows, file, settings):
    settings.SEALING_KEYS = [new_key(), *file.keys()]
    settings.SEALING_KEY_FILE = None
    said = rotate()
    assert "CHATSITE_SECRET_KEYS" in said
    assert "sealing key: 5." in said
    settings.SEALING_KEYS = settings.SEALING_KEYS[:1]
    assert secrets_stored() == ALL


def test_no_column_that_holds_something_sealed_is_forgotten(rows, file):
    """Whatever holds a key says so by its base class; and nothing sealed is under another name."""
    known = {(model, name) for model, name in resealing.columns()}
    for model in apps.get_models():
        if issubclass(model, HoldsKey):
            assert (model, "sealed_key") in known
        for column in model._meta.local_concrete_fields:
            if isinstance(column, models.TextField | models.CharField | models.JSONField):
                texts = map(str, model._default_manager.values_list(column.name, flat=True))
                is_sealed = any(FERNET in text for text in texts)
                assert not is_sealed or (model, column.name) in known


# Real processes


SEALED = (
    ("admin_models_modelgroup", "sealed_key"),
    ("admin_models_environment", "sealed_key"),
)


def stored_in(installation: Installation) -> tuple[list[str], list[str]]:
    """The sealing keys of a data folder, and everything that they have to open."""
    keys = (installation.data / "keys" / "sealing").read_text().split()
    with closing(sqlite3.connect(installation.data / "chatsite.sqlite3")) as database:
        values = [
            value
            for table, column in SEALED
            for (value,) in database.execute(f"SELECT {column} FROM {table}")  # noqa: S608  # ours
            if value
        ]
    return keys, values


def opened_by_its_keys(installation: Installation) -> set[str]:
    keys, values = stored_in(installation)
    cipher = MultiFernet([Fernet(key) for key in keys])
    return {cipher.decrypt(value).decode() for value in values}


_MANY = """
from admin_models import local
from admin_models.models import ModelGroup
rows = [ModelGroup(environment=local.environment(), name=f"custom-{n}") for n in range(%d)]
for n, row in enumerate(rows):
    row.keep_key(f"sk-{n}")
ModelGroup.objects.bulk_create(rows)
"""


def with_many_keys(tmp_path, number: int) -> Installation:
    installation = Installation(tmp_path / "data")
    installation.command("migrate", "--verbosity", "0")
    installation.python(_MANY % number)
    return installation


def changed(path: Path, before: os.stat_result) -> bool:
    """Whether the file is another one than it was."""
    now = path.stat()
    return (now.st_ino, now.st_mtime_ns) != (before.st_ino, before.st_mtime_ns)


def rotating(installation: Installation, log, *words: str):
    variables: processes.Variables = {
        "DATABASE_URL": None,
        "CHATSITE_DATA_DIR": str(installation.data),
    }
    return processes.running(processes.manage("rotate_keys", *words), log, variables)


@pytest.mark.server
def test_killed_at_any_moment_it_loses_nothing_and_can_be_run_again(tmp_path):
    installation = with_many_keys(tmp_path, 1500)
    everything = {f"sk-{number}" for number in range(1500)}
    path = installation.data / "keys" / "sealing"
    for delay in (0, 0.1, 0.4):
        before = path.stat()
        with rotating(installation, tmp_path / "log") as process:
            processes.wait_until(partial(changed, path, before), within=30)
            time.sleep(delay)
            if process.is_running():
                os.kill(process.pid, signal.SIGKILL)
                process.wait()
        assert opened_by_its_keys(installation) == everything
    installation.command("rotate_keys")
    os.utime(path, (time.time() - 3600,) * 2)
    installation.command("rotate_keys", "--retire")
    assert len(path.read_text().split()) == 1
    assert path.stat().st_mode & 0o777 == 0o600
    assert sorted(each.name for each in path.parent.iterdir()) == [
        "django-secret",
        "sealing",
        "sealing.lock",
    ]
    assert opened_by_its_keys(installation) == everything


@pytest.mark.server
def test_two_at_once_wait_for_each_other(tmp_path):
    installation = with_many_keys(tmp_path, 300)
    with (
        rotating(installation, tmp_path / "one.log") as one,
        rotating(installation, tmp_path / "two.log") as two,
    ):
        assert one.wait(60) == two.wait(60) == 0, one.output + two.output
    keys, values = stored_in(installation)
    assert len(keys) == 3
    newest = Fernet(keys[0])
    assert {newest.decrypt(value).decode() for value in values} == {f"sk-{n}" for n in range(300)}


@pytest.mark.server
async def test_a_running_server_answers_on_with_a_key_that_was_sealed_anew(tmp_path):
    with running_in_thread() as service:
        installation = Installation(tmp_path / "data")
        path = installation.data / "keys" / "sealing"
        with installation.served() as server:
            installation.add_people()
            installation.connect(service.base_url)
            async with signed_in(server.url) as alice:
                for step in ((), ("--retire",), ()):
                    await answered(alice, service)
                    if step:
                        os.utime(path, (time.time() - 3600,) * 2)
                    said = installation.command("rotate_keys", *step)
                    assert "sk-test-key" not in said
                    assert not any(key in said for key in path.read_text().split())
                await answered(alice, service)
            assert "Traceback" not in server.output
        assert len(path.read_text().split()) == 2
        seen = {request.headers["Authorization"] for request in service.requests}
        assert seen == {"Bearer sk-test-key"}


async def answered(person, service) -> None:
    """Ask, and wait until the whole answer is on the page."""
    service.say = ["All ", "is well."]
    async with person.opened(await person.begin("Well?")) as page:
        await page.until(lambda: "is well." in page.turns_text(), within=20)

"""`manage.py doctor`: what is wrong is found, named with its remedy, and no secret is told."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import timedelta
from io import StringIO

import pytest
from cryptography.fernet import Fernet
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from admin_models import append_only, local
from admin_models.models import AuditEntry, ModelGroup
from chat.ledger import entries
from chat.models import DayTotal, JobState, Usage, Worker
from chat.operations.doctor import examining, installation, storage, surroundings
from chat.operations.doctor.findings import Finding, State
from chatsite.keyfiles import KeyFile
from tests import processes
from tests.installations import Installation

KEY = "sk-canary-of-the-doctor"


def only(check, **named) -> Finding:
    """The one finding of a check."""
    finding: Finding
    (finding,) = check(**named)
    return finding


def is_well(check) -> bool:
    return {finding.state for finding in check()} == {State.OK}


# ── The command ──────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Installation:
    installed = Installation(tmp_path_factory.mktemp("doctor") / "data")
    with installed.served() as server:
        assert server.url
        installed.connect("http://127.0.0.1:9")
    return installed


def test_a_new_installation_is_well(site):
    said = site.command("doctor")
    lines = [line for line in said.splitlines() if not line.startswith("ok ")]
    assert lines == [
        "warning  mail: it is not sent, only written out",
        "         → Set EMAIL_URL, so that alerts and new passwords arrive",
    ]


def examined(site: Installation, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command in an installation, well or not."""
    changed = {**os.environ, "CHATSITE_DATA_DIR": str(site.data), **variables}
    changed.pop("DATABASE_URL", None)
    return subprocess.run(
        processes.manage("doctor", *words),
        cwd=processes.PROJECT,
        env=changed,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_it_says_a_line_a_check_and_the_remedy(site):
    run = examined(
        site, CHATSITE_HOST="chat.example", CHATSITE_SECRET_KEYS=Fernet.generate_key().decode()
    )
    assert run.returncode == 1
    assert "Traceback" not in run.stderr
    assert "warning  settings: CHATSITE_HOST means nothing\n" in run.stdout
    assert "→ Did you mean CHATSITE_HOSTS?" in run.stdout
    assert "error    sealing keys: they do not open 1 of " in run.stdout
    assert "keys/sealing" in run.stdout


def test_it_says_the_same_to_programs(site):
    run = examined(site, "--json")
    found = json.loads(run.stdout)
    assert run.returncode == int(any(each["state"] == "error" for each in found))
    assert {*found[0]} == {"check", "state", "said", "remedy"}
    assert {each["check"] for each in found} >= {"python", "database", "ledger totals", "disk"}
    assert all(each["remedy"] for each in found if each["state"] != "ok")


def test_no_secret_is_in_what_it_says(site):
    keys = [path.read_text().strip() for path in (site.data / "keys").iterdir()]
    secret = "p4ssw0rd-canary"
    run = examined(
        site,
        EMAIL_URL=f"smtp://user:{secret}@127.0.0.1:1",
        CHATSITE_METRICS_TOKEN=f"{secret}-token",
    )
    everything = run.stdout + run.stderr
    for key in [*filter(None, keys), secret, "sk-test-key"]:
        assert key not in everything


def test_a_database_that_is_no_database_is_named(tmp_path):
    bad = Installation(tmp_path / "data")
    bad.data.mkdir(mode=0o700)
    (bad.data / "chatsite.sqlite3").write_bytes(b"no database" * 1000)
    run = examined(bad)
    assert run.returncode == 1
    assert "error    database: the database does not work" in run.stdout
    assert "ok       python" in run.stdout
    assert "Traceback" not in run.stderr


# ── Each check ───────────────────────────────────────────────────────────────


def test_packages_are_those_that_were_locked():
    assert only(installation.packages).state is State.OK


def test_a_key_file_that_others_can_read_is_an_error(tmp_path, settings):
    settings.DATA_DIR = tmp_path
    tmp_path.chmod(0o700)
    key = tmp_path / "keys" / "sealing"
    key.parent.mkdir()
    key.write_text(KEY)
    key.chmod(0o640)
    found = only(installation.data_folder)
    assert found.state is State.ERROR
    assert "sealing" in found.said
    assert "chmod 600" in found.remedy
    key.chmod(0o600)
    assert only(installation.data_folder).state is State.OK
    (tmp_path / "chatsite.sqlite3").touch(mode=0o644)
    assert only(installation.data_folder).state is State.WARNING


def test_every_setting_that_is_documented_is_known():
    documented = (processes.PROJECT / "docs" / "settings.md").read_text()
    known = installation.known_settings()
    assert {"CHATSITE_DATA_DIR", "CHATSITE_NO_MODEL", "CHATSITE_VENV"} <= known
    for name in {word.strip("`") for word in documented.split() if word.startswith("`CHATSITE_")}:
        assert name.rstrip("`.,;:)").split("=")[0] in known


def test_pages_of_errors_and_hosts(settings):
    settings.ALLOWED_HOSTS = ["localhost", "127.0.0.1"]
    settings.DEBUG = False
    assert is_well(installation.web)
    settings.ALLOWED_HOSTS = ["localhost", "chat.example"]
    assert only(installation.web).state is State.WARNING
    settings.IS_HTTPS = True
    assert is_well(installation.web)
    settings.DEBUG, settings.ALLOWED_HOSTS = True, ["*"]
    assert [finding.state for finding in installation.web()] == [State.ERROR, State.ERROR]


def test_mail(settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    assert only(installation.mail).state is State.WARNING
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    assert "127.0.0.1:1 does not answer (ConnectionRefusedError)" in only(installation.mail).said


def test_a_translation_that_cannot_be_read(tmp_path, settings):
    assert is_well(installation.translations)
    folder = tmp_path / "de" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "django.po").touch()
    settings.LOCALE_PATHS = [tmp_path]
    assert only(installation.translations).state is State.ERROR
    (folder / "django.mo").write_bytes(b"nothing")
    assert only(installation.translations).state is State.ERROR


def test_static_files_that_are_gone(tmp_path, settings):
    settings.STATIC_ROOT = tmp_path
    assert only(installation.static_files).said == "they were not collected yet"
    (tmp_path / "staticfiles.json").write_text('{"paths": {"chat/app.css": "chat/app.1.css"}}')
    assert "were not collected yet" in only(installation.static_files).said


def test_the_database(transactional_db):
    found = [*storage.database(), *storage.migrations(), *storage.only_growing()]
    assert {finding.state for finding in found} <= {State.OK, State.WARNING}


def test_a_table_that_can_be_changed_is_an_error(transactional_db):
    append_only.unprotect(connection, AuditEntry._meta.db_table)
    found = only(storage.only_growing)
    assert found.state is State.ERROR
    assert AuditEntry._meta.db_table in found.said
    append_only.protect(connection, AuditEntry._meta.db_table)
    assert is_well(storage.only_growing)


def test_what_no_key_opens_is_counted(transactional_db, settings, tmp_path):
    def key() -> str:
        return Fernet.generate_key().decode()

    settings.SEALING_KEYS = []
    settings.SEALING_KEY_FILE = KeyFile(tmp_path / "one", key)
    for name in ("custom-a", "custom-b"):
        group = ModelGroup(environment=local.environment(), name=name)
        group.keep_key(KEY)
        group.save()
    assert only(storage.sealed_values).said == "they open all 2 sealed values"
    settings.SEALING_KEY_FILE = KeyFile(tmp_path / "two", key)
    found = only(storage.sealed_values)
    assert found.state is State.ERROR
    assert "2 of" in found.said
    assert KEY not in found.said + found.remedy


def test_totals_that_are_wrong(transactional_db):
    entries.write([Usage(requested_model="m", confidence="reported", final_status="done")])
    assert only(storage.ledger_totals).state is State.OK
    DayTotal.objects.update(requests=2)
    found = only(storage.ledger_totals)
    assert found.state is State.ERROR
    assert "rebuild_totals" in found.remedy


def test_a_clock_that_went_back(transactional_db):
    assert is_well(storage.clock)
    late = timezone.now() + timedelta(hours=1)
    row = {"requested_model": "m", "confidence": "reported", "final_status": "done"}
    entries.write([Usage(**row, created_at=late)])
    assert only(storage.clock).state is State.ERROR


def test_two_processes_that_share_nothing(transactional_db, settings):
    assert is_well(surroundings.channel_layer)
    assert is_well(surroundings.shared_cache)
    for name in "ab":
        Worker.objects.create(channel=name, heartbeat_at=timezone.now())
    shares = bool(settings.REDIS_URL)
    assert only(surroundings.channel_layer).state is (State.OK if shares else State.ERROR)
    assert only(surroundings.shared_cache).state is (State.OK if shares else State.WARNING)


def test_a_disk_that_is_nearly_full(settings):
    assert only(surroundings.disk).state in {State.OK, State.WARNING}
    settings.MIN_FREE_MB = 10**9
    assert only(surroundings.disk).state is State.ERROR


def test_a_job_that_fails(transactional_db):
    assert is_well(surroundings.jobs)
    JobState.objects.create(name="a", due_at=timezone.now(), failures=2, last_error="OSError")
    found = only(surroundings.jobs)
    assert found.state is State.WARNING
    assert "a is failing (OSError)" in found.said


def test_an_embedded_model_that_is_gone(transactional_db, monkeypatch):
    monkeypatch.setenv("CHATSITE_NO_MODEL", "1")
    assert is_well(surroundings.embedded_model)
    monkeypatch.delenv("CHATSITE_NO_MODEL")
    assert is_well(surroundings.embedded_model)
    local.register_model(
        base_url="http://127.0.0.1:1/v1",
        key="k",
        name="tiny",
        context_length=None,
        parameters={},
    )
    assert {finding.state for finding in surroundings.embedded_model()} <= {State.OK, State.WARNING}


def test_a_check_that_breaks_is_a_finding():
    def broken():
        raise ValueError(KEY)

    (found,) = examining.made("broken", broken)
    assert found.state is State.ERROR
    assert found.said == "it could not be checked (ValueError)"


def test_it_writes_nothing(transactional_db):
    said = StringIO()
    before = AuditEntry.objects.count()
    append_only.unprotect(connection, AuditEntry._meta.db_table)
    with pytest.raises(SystemExit):
        call_command("doctor", stdout=said)
    append_only.protect(connection, AuditEntry._meta.db_table)
    assert "error    append-only tables" in said.getvalue()
    assert AuditEntry.objects.count() == before
    assert not ModelGroup.objects.exists()

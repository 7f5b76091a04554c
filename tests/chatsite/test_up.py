"""`manage.py up`, as the person who installs it sees it."""

from __future__ import annotations

import os
import re
import socket
import subprocess
from pathlib import Path

import httpx
import pytest

from tests import processes

pytestmark = pytest.mark.server


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def refusal(data: Path, *words: str, **variables: str) -> str:
    """Run `up`, which must refuse; return what it says on stderr."""
    run = subprocess.run(
        processes.manage("up", "--no-model", "--data", str(data), *words),
        cwd=processes.PROJECT,
        env=os.environ | variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 1, run.stdout
    assert "Traceback" not in run.stderr
    return run.stderr


def test_the_first_run_sets_everything_up_and_the_second_loses_nothing(tmp_path):
    data = tmp_path / "data"
    with processes.server(data) as site:
        page = httpx.get(site.url, follow_redirects=True)
        assert page.status_code == 200
        assert httpx.get(site.setup_link).status_code == 200
        # Static files have their hash in their name, and come compressed.
        (sheet, *_) = re.findall(r'href="(/static/[^"]+\.[0-9a-f]{12}\.css)"', page.text)
        answer = httpx.get(httpx.URL(site.url).join(sheet))
        assert answer.status_code == 200
        assert answer.headers["content-encoding"] == "gzip"
        first_link = httpx.URL(site.setup_link).path
        assert processes.children_of(site.pid) == []
        assert site.stop() == 0
        assert "Preparing the database" in site.output
        assert "Collecting static files" in site.output

    assert mode(data) == mode(data / "keys") == 0o700
    assert mode(data / "chatsite.sqlite3") == 0o600
    assert {mode(key) for key in (data / "keys").iterdir()} == {0o600}

    with processes.server(data) as site:
        assert httpx.URL(site.setup_link).path == first_link
        assert "Preparing the database" not in site.output
        assert "Collecting static files" not in site.output
        assert site.interrupt() == 0
        assert "Traceback" not in site.output


def test_a_folder_is_served_by_one_process_at_a_time(tmp_path):
    with processes.server(tmp_path / "data") as site:
        assert site.url
        words = refusal(tmp_path / "data", "--port", "0")
        assert f"(process {site.pid})" in words
        assert "--data DIR" in words


def test_an_admin_can_be_made_by_a_script_before_the_first_run(tmp_path):
    data = tmp_path / "data"
    variables = {
        "CHATSITE_DATA_DIR": str(data),
        "DJANGO_SUPERUSER_USERNAME": "root",
        "DJANGO_SUPERUSER_PASSWORD": "from the start",
        "DJANGO_SUPERUSER_EMAIL": "root@example.org",
    }
    command = processes.manage("createsuperuser", "--noinput")
    with processes.running(command, tmp_path / "log", {"DATABASE_URL": None, **variables}) as run:
        assert run.wait() == 0, run.output
    with processes.server(data) as site:
        assert site.url
        assert site.stop() == 0
        assert "Create the first admin" not in site.output


def test_a_port_in_use_is_refused_with_the_way_out(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        words = refusal(tmp_path / "data", "--port", str(port))
    assert f"Cannot serve on 127.0.0.1, port {port}" in words
    assert "--port" in words


def test_an_address_that_does_not_exist_is_refused(tmp_path):
    assert "Cannot serve on 192.0.2.1" in refusal(
        tmp_path / "data", "--host", "192.0.2.1", "--port", "0"
    )
    assert "Cannot serve on port 99999" in refusal(tmp_path / "data", "--port", "99999")


def test_a_key_that_others_can_read_is_refused(tmp_path):
    key = tmp_path / "data" / "keys" / "django-secret"
    key.parent.mkdir(parents=True)
    key.write_text("known to all")
    key.chmod(0o644)
    assert f"chmod 600 {key}" in refusal(tmp_path / "data")


def test_a_database_that_does_not_answer_is_named(tmp_path):
    folder = tmp_path / "no-database"
    folder.mkdir()
    words = refusal(tmp_path / "data", "--port", "0", DATABASE_URL=f"sqlite:///{folder}")
    assert "The database does not work" in words
    assert "DATABASE_URL" in words


def test_a_list_of_private_hosts_that_means_nothing_is_named(tmp_path):
    words = refusal(tmp_path / "data", "--port", "0", CHATSITE_PRIVATE_HOSTS="10.0.0.1,http://x")
    assert 'CHATSITE_PRIVATE_HOSTS: "http://x" is no host, host:port, address or network.' in words

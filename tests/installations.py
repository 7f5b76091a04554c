"""A real installation for tests: its data folder, its people and its model.

    site = Installation(tmp_path / "data")
    with site.served() as server:                  # `manage.py up`, a process of its own
        site.add_people()
        site.connect(model_server.base_url)

Everything is made by the product's own commands, each a process of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from chatsite import throwaway
from tests import processes

PASSWORD = "correct horse battery"
"""The password of everybody whom `add_people` makes."""

_PEOPLE = """
from django.contrib.auth.models import User
for name in ("alice", "mallory"):
    User.objects.create_user(name, f"{{name}}@example.org", {password!r})
"""

_ANSWERS = """
import json
from chat.models import Message
rows = Message.objects.filter(role="assistant").order_by("pk").select_related("usage")
print(json.dumps([
    dict(pk=row.pk, conversation=row.conversation_id, status=row.status, text=row.text,
         ledger=row.usage.final_status if hasattr(row, "usage") else None)
    for row in rows
]))
"""


@contextmanager
def services() -> Iterator[processes.Variables]:
    """Variables for processes that share a PostgreSQL and a Redis, which are made for the block
    alone. Where they are not installed the test is skipped, but not in CI."""
    try:
        with throwaway.postgresql() as database, throwaway.redis() as redis:
            yield {
                "DATABASE_URL": database,
                "REDIS_URL": redis,
                "DJANGO_SECRET_KEY": "the same in all processes " * 3,
                "CHATSITE_SECRET_KEYS": urlsafe_b64encode(b"k" * 32).decode(),
            }
    except throwaway.NotInstalledError as missing:
        if os.environ.get("CI", "").lower() in {"1", "true"}:
            raise
        pytest.skip(str(missing))


@dataclass(frozen=True)
class Installation:
    """A data folder, and the environment variables that its processes get on top of ours."""

    data: Path
    variables: processes.Variables = field(default_factory=dict)

    @contextmanager
    def served(self, *options: str, port: int = 0) -> Iterator[processes.Site]:
        """Run `manage.py up` until it serves and beyond; on any free port unless one is named."""
        words = ("--port", str(port)) if port else ()
        with processes.server(self.data, *words, *options, variables=self.variables) as site:
            assert site.url  # waits until it serves
            yield site

    def command(self, *words: str, typed: str = "", **variables: str) -> str:
        """Run `manage.py` with `words`, type `typed` into it, and return what it printed."""
        changed: processes.Variables = {
            **os.environ,
            "CHATSITE_DATA_DIR": str(self.data),
            "DATABASE_URL": None,
            "CHATSITE_PRIVATE_HOSTS": processes.SERVICES,
            **self.variables,
            **variables,
        }
        process = subprocess.run(
            processes.manage(*words),
            cwd=processes.PROJECT,
            env={name: value for name, value in changed.items() if value is not None},
            input=typed,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert process.returncode == 0, process.stdout + process.stderr
        return process.stdout

    def python(self, code: str) -> str:
        """Run `code` inside the installation and return what it printed."""
        return self.command("shell", "--verbosity", "0", "--command", code)

    def add_people(self) -> None:
        """Make alice and mallory, who chat."""
        self.python(_PEOPLE.format(password=PASSWORD))

    def add_admin(self) -> None:
        """Make root, the administrator, as a script would."""
        self.command(
            "createsuperuser",
            "--noinput",
            DJANGO_SUPERUSER_USERNAME="root",
            DJANGO_SUPERUSER_EMAIL="root@example.org",
            DJANGO_SUPERUSER_PASSWORD=PASSWORD,
        )

    def connect(self, base_url: str, *models: str) -> None:
        """Use the model service at `base_url`, by default for one model, "fake-model"."""
        names = models or ("fake-model",)
        self.command("connect", "custom-fake", base_url, *names, typed="sk-test-key\n")

    def answers(self) -> list[dict[str, Any]]:
        """All answers as they are saved: pk, conversation, status, text, and the final status
        that the ledger has for each."""
        answers: list[dict[str, Any]] = json.loads(self.python(_ANSWERS))
        return answers

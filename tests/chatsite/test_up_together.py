"""Processes on PostgreSQL: several that start at the same moment, and one whose server is started
anew."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack

import httpx
import psycopg
import pytest

from chatsite import throwaway
from tests import processes

pytestmark = pytest.mark.scale


@pytest.fixture
def database():
    try:
        with throwaway.postgresql() as url:
            yield url
    except throwaway.NotInstalledError as missing:
        if os.environ.get("CI", "").lower() in {"1", "true"}:
            raise
        pytest.skip(str(missing))


def test_processes_that_start_at_once_on_an_empty_database_all_serve(database, tmp_path):
    with ExitStack() as stack:
        sites = [
            stack.enter_context(
                processes.server(tmp_path / name, variables={"DATABASE_URL": database})
            )
            for name in ("one", "two")
        ]
        assert all(site.url for site in sites)
        prepared = [site for site in sites if "Preparing the database" in site.output]
        assert len(prepared) == 1


def test_connections_that_the_database_server_dropped_trouble_nobody(database, tmp_path):
    with (
        processes.server(tmp_path / "data", variables={"DATABASE_URL": database}) as site,
        psycopg.connect(database, autocommit=True) as server,
    ):
        for _ in range(3):
            assert httpx.get(f"{site.url}readyz").json() == {"ready": True, "failing": {}}
            server.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE pid <> pg_backend_pid() AND datname = current_database()"
            )
            time.sleep(1.1)  # what a probe was told is told again for a second

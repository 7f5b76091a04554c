"""Probes: a process is alive while its loop turns, and ready while it can serve."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time

import httpx
import pytest
from cryptography.fernet import Fernet
from django.db import connection

from chat.operations import readiness
from chat.operations.readiness import NotReady, Readiness
from chatsite.keyfiles import KeyFile
from tests import processes
from tests.chat.real_sockets import signed_in
from tests.chat.sockets import in_thread
from tests.fakes.model_server import Script, running_in_thread
from tests.installations import Installation

FAR = {"REMOTE_ADDR": "203.0.113.9"}


def test_alive_asks_no_database(client, db, django_assert_num_queries):
    with django_assert_num_queries(0):
        response = client.get("/healthz", **FAR)
    assert (response.status_code, response.content) == (200, b"ok\n")
    assert "no-store" in response["Cache-Control"]


def test_ready_is_for_everybody_and_what_is_in_the_way_is_not(client, transactional_db, settings):
    assert client.get("/readyz", **FAR).json() == {"ready": True}
    settings.MIN_FREE_MB = 10**12
    readiness.of_this_process.stay()
    far = client.get("/readyz", **FAR)
    assert (far.status_code, far.json()) == (503, {"ready": False})
    near = client.get("/readyz").json()
    assert list(near["failing"]) == ["disk"]
    assert "fewer than" in near["failing"]["disk"]
    settings.METRICS_ADDRESSES = ["203.0.113.0/24"]
    assert "failing" in client.get("/readyz", **FAR).json()
    passed_on = client.get("/readyz", headers={"x-forwarded-for": "203.0.113.77"})
    assert passed_on.json() == {"ready": False}


def test_a_draining_process_is_alive_and_not_ready(client, transactional_db):
    readiness.of_this_process.drain()
    response = client.get("/readyz")
    assert response.status_code == 503
    assert list(response.json()["failing"]) == ["draining"]
    assert client.get("/healthz").status_code == 200


# Each look


async def trouble_of(look) -> str:
    return (await Readiness({"it": look}).failing()).get("it", "")


@pytest.mark.usefixtures("transactional_db")
async def test_all_is_well():
    assert await Readiness(readiness.LOOKS).failing() == {}


@pytest.mark.usefixtures("transactional_db")
async def test_a_step_of_the_database_that_is_missing_is_named():
    def undo():
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM django_migrations WHERE app = 'sessions'")

    def redo():
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO django_migrations (app, name, applied)"
                " VALUES ('sessions', '0001_initial', CURRENT_TIMESTAMP)"
            )

    await in_thread(undo)
    try:
        assert await trouble_of(readiness.migrations) == "not applied: sessions.0001_initial"
    finally:
        await in_thread(redo)
    assert await trouble_of(readiness.migrations) == ""


async def test_a_channel_layer_that_is_away_is_told(settings):
    closed = {"hosts": [{"address": "redis://127.0.0.1:1"}]}
    settings.CHANNEL_LAYERS = {
        "default": {"BACKEND": "channels_redis.core.RedisChannelLayer", "CONFIG": closed}
    }
    assert await trouble_of(readiness.channel_layer) == "ConnectionError"


async def test_a_key_file_that_is_wrong_open_to_others_or_gone_is_told(settings, tmp_path):
    path = tmp_path / "keys" / "sealing"
    settings.SEALING_KEYS = []
    settings.SEALING_KEY_FILE = KeyFile(path, lambda: Fernet.generate_key().decode())
    assert await trouble_of(readiness.sealing_keys) == ""
    key = path.read_text()
    path.write_text("this is no key")
    assert await trouble_of(readiness.sealing_keys) == "ValueError"
    path.write_text(key)
    assert await trouble_of(readiness.sealing_keys) == ""
    path.chmod(0o644)
    assert await trouble_of(readiness.sealing_keys) == "KeyFileError"
    path.unlink()
    assert await trouble_of(readiness.sealing_keys) == "FileNotFoundError"


async def test_keys_that_are_in_a_variable_need_no_file(settings):
    settings.SEALING_KEY_FILE = None
    settings.SEALING_KEYS = [Fernet.generate_key().decode()]
    assert await trouble_of(readiness.sealing_keys) == ""


# All of them


async def test_looks_are_taken_at_once_and_kept_for_a_second():
    taken: list[str] = []

    def slow(name: str):
        async def look() -> None:
            taken.append(name)
            await asyncio.sleep(0.2)

        return look

    these = Readiness({name: slow(name) for name in "abcd"})
    began = time.monotonic()
    await asyncio.gather(*(these.failing() for _ in range(50)))
    assert time.monotonic() - began < 0.7
    await these.failing()
    assert taken == list("abcd")
    await asyncio.sleep(readiness.KEPT)
    await these.failing()
    assert taken == list("abcdabcd")


async def test_a_look_that_hangs_fails_by_itself_and_is_not_taken_twice():
    taken = 0
    open_again = asyncio.Event()

    async def hangs() -> None:
        nonlocal taken
        taken += 1
        await open_again.wait()

    async def is_fine() -> None:
        pass

    these = Readiness({"hangs": hangs, "fine": is_fine}, patience=0.05)
    assert await these.failing() == {"hangs": "no answer within 0.05 s"}
    await asyncio.sleep(readiness.KEPT)
    assert list(await these.failing()) == ["hangs"]
    assert taken == 1
    open_again.set()
    await asyncio.sleep(readiness.KEPT)
    assert await these.failing() == {}


async def test_somebody_who_does_not_wait_does_not_end_the_look_for_others():
    async def slow() -> None:
        await asyncio.sleep(0.2)

    these = Readiness({"slow": slow})
    impatient = asyncio.create_task(these.failing())
    patient = asyncio.create_task(these.failing())
    await asyncio.sleep(0.05)
    impatient.cancel()
    assert await patient == {}


async def test_a_change_is_logged_once(caplog):
    is_broken = True

    async def look() -> None:
        if is_broken:
            raise NotReady("no room")

    these = Readiness({"disk": look})
    with caplog.at_level(logging.WARNING):
        for broken in (True, True, False, False):
            is_broken = broken
            await these.failing()
            await asyncio.sleep(readiness.KEPT)
    assert [record.getMessage() for record in caplog.records] == [
        "this process is not ready: {'disk': 'no room'}",
        "this process is ready again",
    ]


async def test_what_an_unexpected_error_says_stays_here():
    async def look() -> None:
        raise ValueError("password=secret")

    assert await trouble_of(look) == "ValueError"


# A real process


@pytest.fixture(scope="module")
def model_server():
    with running_in_thread() as server:
        yield server


@pytest.mark.server
async def test_a_server_that_was_told_to_end_is_not_ready_while_it_drains(tmp_path, model_server):
    variables: processes.Variables = {"CHATSITE_SHUTDOWN_GRACE": "20"}
    installation = Installation(tmp_path / "data", variables)
    model_server.once(Script(say=["One ", "two ", "three"], pause_after=2))
    with installation.served() as site:
        installation.add_people()
        installation.connect(model_server.base_url)
        # Probes of a load balancer keep their connection; a new one is refused, once it drains.
        async with httpx.AsyncClient(base_url=site.url) as probe, signed_in(site.url) as alice:
            assert (await probe.get("/readyz")).json() == {"ready": True, "failing": {}}
            path = await alice.begin("Count")
            async with alice.opened(path) as page:
                await page.until_shown("One")
                os.kill(site.pid, signal.SIGTERM)
                await asyncio.to_thread(processes.wait_until, lambda: refuses(site.url))
                draining = await probe.get("/readyz")
                assert draining.status_code == 503
                assert list(draining.json()["failing"]) == ["draining"]
                assert (await probe.get("/healthz")).status_code == 200
                model_server.resume()
                await page.until_status("done", within=15)
        assert await asyncio.to_thread(site.wait) == 0
    [answer] = installation.answers()
    assert answer["status"] == "done"


def refuses(url: str) -> bool:
    try:
        httpx.get(f"{url}healthz")
    except httpx.ConnectError:
        return True
    return False


@pytest.mark.server
def test_a_server_whose_database_is_no_database_any_more_is_alive_and_not_ready(tmp_path):
    data = tmp_path / "data"
    with processes.server(data) as site:
        assert httpx.get(f"{site.url}readyz").status_code == 200
        garbage = data / "garbage"
        garbage.write_bytes(b"no database" * 1000)
        garbage.replace(data / "chatsite.sqlite3")
        processes.wait_until(lambda: httpx.get(f"{site.url}readyz").status_code == 503)
        said = httpx.get(f"{site.url}readyz").json()
        assert said["failing"]["database"] == "DatabaseError"
        assert httpx.get(f"{site.url}healthz").status_code == 200

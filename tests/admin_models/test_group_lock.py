"""One change of a group at a time: in a process, in several, and after a crash."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from channels.db import database_sync_to_async
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from admin_models import group_changes, group_errors, group_lock, local
from admin_models.group_lock import Lock
from admin_models.models import ListLock
from tests.admin_models import labs
from tests.admin_models.labs import LAB, entries, writes

OTHER_PROCESS = """
import asyncio, sys
import django
django.setup()
from admin_models import connections, group_changes
from chat.cloudbase.control_plane import AIModelEntry

async def main(environment_pk):
    async with connections.opened():
        print("ready", flush=True)
        for number in range(10):
            await group_changes.update(
                None, environment_pk, "custom-lab", seen=(), wanted=[AIModelEntry(f"p-{number}")]
            )

asyncio.run(main(int(sys.argv[1])))
"""


@pytest.fixture
def root(transactional_db):
    return User.objects.create(username="root", is_staff=True)


@pytest.fixture
def lab(cloud):
    return labs.in_cloud(cloud)


async def test_who_has_it_keeps_others_waiting_and_gives_it_back(environment):
    async with group_lock.held(environment.pk, LAB):
        with pytest.raises(group_errors.GroupBusy) as told:
            async with group_lock.held(environment.pk, LAB, wait=0.1):
                pass
        assert "Nothing was changed" in str(told.value)
        async with group_lock.held(environment.pk, "custom-other", wait=0):
            pass
    async with group_lock.held(environment.pk, LAB, wait=0):
        pass
    assert not await ListLock.objects.aexists()


async def test_it_is_given_back_when_something_breaks(environment):
    with pytest.raises(ZeroDivisionError):
        async with group_lock.held(environment.pk, LAB):
            raise ZeroDivisionError
    assert not await ListLock.objects.aexists()


async def test_what_a_crashed_process_held_can_be_taken_after_its_time(environment):
    await database_sync_to_async(Lock(environment.pk, LAB).take)()
    assert not await database_sync_to_async(Lock(environment.pk, LAB).take)()
    await ListLock.objects.aupdate(until=timezone.now() - timedelta(seconds=1))
    async with group_lock.held(environment.pk, LAB, wait=0):
        assert await ListLock.objects.acount() == 1


async def test_it_outlives_the_longest_write_and_the_reading_after_it(settings):
    settings.GROUP_CHANGE_TIMEOUT_SECONDS = 300
    assert group_lock.lifetime().total_seconds() > 300 + settings.PREFLIGHT_TIMEOUT_SECONDS


async def test_who_lost_it_cannot_extend_it_nor_give_it_back_for_the_other(environment):
    mine, other = Lock(environment.pk, LAB), Lock(environment.pk, LAB)
    await database_sync_to_async(mine.take)()
    assert await database_sync_to_async(mine.extend)()
    await ListLock.objects.aupdate(until=timezone.now() - timedelta(seconds=1))
    assert await database_sync_to_async(other.take)()
    assert not await database_sync_to_async(mine.extend)()
    await database_sync_to_async(mine.release)()
    assert await database_sync_to_async(other.extend)()


def in_a_thread(work) -> None:
    """Run it with a database connection of its own."""

    def closing() -> None:
        try:
            work()
        finally:
            connection.close()

    thread = threading.Thread(target=closing)
    thread.start()
    thread.join()


async def test_who_lost_it_writes_nothing(environment, cloud, lab, root):
    """For example a process that was asleep for minutes between reading and writing."""
    stolen = ListLock.objects.filter(group=LAB)
    cloud.meanwhile("DescribeAIModels", lambda: in_a_thread(lambda: stolen.update(holder="other")))
    with pytest.raises(group_errors.GroupBusy):
        await group_changes.update(root, environment.pk, LAB, wanted=entries("mine"), seen=())
    assert writes(cloud) == []


def test_of_many_at_once_one_has_it(transactional_db):
    environment_pk = local.environment().pk
    start = threading.Barrier(8)

    def try_it(_number: int) -> bool:
        start.wait()
        try:
            return Lock(environment_pk, LAB).take()
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(try_it, range(8))) == 1


async def test_another_process_loses_nothing_either(environment, cloud, lab, root):
    if connection.vendor != "sqlite":
        pytest.skip("the other process finds a database file by its name")
    variables = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "chatsite.settings",
        "CHATSITE_PRIVATE_HOSTS": "127.0.0.1",
        "DATABASE_URL": f"sqlite:///{connection.settings_dict['NAME']}",
    }
    other = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        OTHER_PROCESS,
        str(environment.pk),
        env=variables,
        stdout=asyncio.subprocess.PIPE,
    )
    assert await other.stdout.readline() == b"ready\n"
    for number in range(10):
        mine = entries(f"m-{number}")
        await group_changes.update(root, environment.pk, LAB, seen=(), wanted=mine)
    assert await other.wait() == 0
    added = {f"{who}-{number}" for who in "mp" for number in range(10)}
    assert set(lab.models) == {"lab-7b", "lab-70b"} | added

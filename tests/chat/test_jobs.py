"""Jobs: each done by one process at a time, and by another when that one dies."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

from django.db import connection
from django.db.backends.signals import connection_created
from django.utils import timezone

from chat.models import JobState
from chat.operations import jobs
from chat.operations.jobs import Job, Rhythm
from chatsite import lifespan
from tests import processes

QUICK = Rhythm(first_look=0, lease=0.6, renewal=0.2, after_trouble=0.1)
DYING_PROCESS = """
import asyncio
from datetime import timedelta
import django
django.setup()
from chat.operations import jobs

async def work():
    print("working", flush=True)
    await asyncio.sleep(60)

async def main():
    rhythm = jobs.Rhythm(first_look=0, lease=3, renewal=1)
    async with jobs.running(jobs.Job("count", timedelta(hours=1), work), rhythm=rhythm):
        await asyncio.sleep(60)

asyncio.run(main())
"""


class Work:
    """Work that notes who does it, and takes as long as it is told to."""

    def __init__(self, takes: float = 0.0) -> None:
        self.takes = takes
        self.begun: list[str] = []
        self.ended: list[str] = []
        self.at_once = 0
        self.most_at_once = 0

    def of(self, who: str) -> Callable[[], Awaitable[None]]:
        async def work() -> None:
            self.begun.append(who)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            try:
                await asyncio.sleep(self.takes)
                self.ended.append(who)
            finally:
                self.at_once -= 1

        return work

    def job(self, who: str, **more) -> Job:
        return Job("count", more.pop("every", timedelta(hours=1)), self.of(who), **more)


async def until(is_so: Callable[[], object], within: float = 10) -> None:
    async with asyncio.timeout(within):
        while not is_so():  # noqa: ASYNC110 -- what is waited for is in the database or a list
            await asyncio.sleep(0.01)


async def state(name: str = "count") -> JobState:
    return await JobState.objects.aget(name=name)


async def test_of_several_processes_exactly_one_runs_a_job(transactional_db):
    work = Work(takes=0.2)
    async with AsyncExitStack() as stack:
        for who in "abcde":
            await stack.enter_async_context(jobs.running(work.job(who), rhythm=QUICK))
        await until(lambda: work.ended)
        await asyncio.sleep(0.8)
    assert len(work.begun) == 1
    row = await state()
    assert (row.runs, row.holder, row.lease_until, row.failures) == (1, "", None, 0)
    assert row.last_started_at < row.last_finished_at < row.due_at - timedelta(minutes=59)


async def test_a_job_is_run_again_and_again_and_never_twice_at_once(transactional_db):
    work = Work(takes=0.05)
    every = timedelta(seconds=0.1)
    async with AsyncExitStack() as stack:
        for who in "ab":
            await stack.enter_async_context(jobs.running(work.job(who, every=every), rhythm=QUICK))
        await until(lambda: len(work.ended) >= 5)
    assert work.most_at_once == 1
    assert (await state()).runs == len(work.begun)


async def test_a_long_run_keeps_its_lease(transactional_db):
    work = Work(takes=3 * QUICK.lease)
    async with AsyncExitStack() as stack:
        for who in "ab":
            await stack.enter_async_context(jobs.running(work.job(who), rhythm=QUICK))
        await until(lambda: work.ended)
    assert len(work.begun) == 1


async def test_when_the_holder_dies_another_takes_over_once_its_lease_is_over(
    transactional_db, tmp_path
):
    work = Work()
    variables: processes.Variables = {
        "DJANGO_SETTINGS_MODULE": "chatsite.settings",
        "DATABASE_URL": address_of(connection.settings_dict),
    }
    command = [sys.executable, "-c", DYING_PROCESS]
    with processes.running(command, tmp_path / "log", variables) as holder:
        await asyncio.to_thread(holder.expect, "working")
        holder.kill()
    died_at = timezone.now()
    held = await state()
    assert held.condition(died_at) == JobState.Condition.RUNNING
    async with jobs.running(work.job("heir"), rhythm=QUICK):
        await until(lambda: work.ended)
    assert timezone.now() >= held.lease_until
    assert (await state()).runs == 2


def address_of(database: dict[str, Any]) -> str:
    """The database of this test, for another process."""
    if database["ENGINE"].endswith("sqlite3"):
        return f"sqlite:///{database['NAME']}"
    names = ("USER", "PASSWORD", "HOST", "PORT", "NAME")
    user, password, host, port, name = (database[key] for key in names)
    return f"postgres://{user}:{password}@{host}:{port}/{name}"


async def test_who_was_taken_over_stops_and_writes_nothing(transactional_db):
    work = Work(takes=60)
    async with jobs.running(work.job("late"), rhythm=QUICK):
        await until(lambda: work.begun)
        later = timezone.now() + timedelta(hours=1)
        await JobState.objects.aupdate(runs=2, holder="other", lease_until=later)
        await until(lambda: work.at_once == 0)
    row = await state()
    assert (row.holder, row.lease_until, row.last_finished_at) == ("other", later, None)
    assert work.ended == []


async def test_a_job_that_raises_is_logged_noted_and_tried_again(transactional_db, caplog):
    tries = []

    async def work() -> None:
        tries.append(timezone.now())
        if len(tries) < 3:
            raise ValueError("the name of somebody")

    job = Job("count", timedelta(hours=1), work, retry_after=timedelta(seconds=0.2))
    async with jobs.running(job, rhythm=QUICK):
        await until(lambda: len(tries) == 2)
        await until(lambda: caplog.text.count("job count failed") == 2)
        await asyncio.sleep(0.1)
        row = await state()
        assert (row.failures, row.last_error) == (2, "ValueError")
        await until(lambda: len(tries) == 3)
        await asyncio.sleep(0.3)
    assert tries[2] - tries[1] > timedelta(seconds=0.4) > tries[1] - tries[0]
    row = await state()
    assert (row.failures, row.last_error) == (0, "")


def test_the_wait_after_failures_doubles_up_to_ten_minutes_or_the_usual_time():
    def waits(every: timedelta) -> list[float]:
        job = Job("count", every, Work().of("a"))
        return [job.wait_after(failures).total_seconds() for failures in (0, 1, 2, 3, 9, 999)]

    assert waits(timedelta(seconds=30)) == [30, 30, 60, 120, 600, 600]
    assert waits(timedelta(days=1)) == [86400, 30, 60, 120, 7680, 86400]


async def test_a_job_that_takes_too_long_is_broken_off_and_has_failed(transactional_db, caplog):
    work = Work(takes=60)
    async with jobs.running(work.job("a", at_most=timedelta(seconds=0.1)), rhythm=QUICK):
        await until(lambda: work.begun)
        await until(lambda: not work.at_once)
        await asyncio.sleep(0.2)
        row = await state()
    assert (row.failures, row.last_error) == (1, "TimeoutError")
    assert row.condition(timezone.now()) == JobState.Condition.FAILING


async def test_a_stop_breaks_off_at_once_and_another_process_goes_on(transactional_db):
    work = Work(takes=60)
    async with asyncio.timeout(2):
        async with jobs.running(work.job("first"), rhythm=QUICK):
            await until(lambda: work.begun)
        assert work.at_once == 0
    row = await state()
    assert (row.holder, row.lease_until, row.last_finished_at) == ("", None, None)
    work.takes = 0
    async with jobs.running(work.job("second"), rhythm=QUICK):
        await until(lambda: work.ended)
    assert work.begun == ["first", "second"]


async def test_a_job_that_nobody_hears_of_is_stuck(transactional_db):
    now = timezone.now()
    row = await JobState.objects.acreate(
        name="count",
        due_at=now - timedelta(hours=1),
        holder="gone",
        runs=1,
        last_started_at=now - timedelta(hours=1),
        lease_until=now - timedelta(minutes=59),
    )
    assert row.condition(now) == JobState.Condition.STUCK
    work = Work()
    async with jobs.running(work.job("heir"), rhythm=QUICK):
        await until(lambda: work.ended)
        await asyncio.sleep(0.1)
    assert (await state()).condition(timezone.now()) == JobState.Condition.WAITING


async def test_a_slow_job_does_not_hold_up_another(transactional_db):
    slow, quick = Work(takes=60), Work()
    every = timedelta(seconds=0.1)
    other = Job("other", every, quick.of("a"))
    async with jobs.running(slow.job("a"), other, rhythm=QUICK):
        await until(lambda: slow.begun and len(quick.ended) > 3)


async def test_a_job_that_waits_asks_nothing_of_the_database(transactional_db):
    """Each question of a job opens a connection of its own."""
    work = Work()
    opened: list[None] = []

    def note(**_) -> None:
        opened.append(None)

    async with jobs.running(work.job("a"), rhythm=QUICK):
        await until(lambda: work.ended)
        await asyncio.sleep(0.3)
        connection_created.connect(note)
        try:
            await asyncio.sleep(2 * QUICK.lease)
        finally:
            connection_created.disconnect(note)
    assert opened == []


def test_each_job_of_the_application_has_a_name_of_its_own():
    names = [job.name for job in lifespan.JOBS]
    assert len(set(names)) == len(names)
    assert max(map(len, names)) <= JobState._meta.get_field("name").max_length


async def test_trouble_with_the_database_ends_no_job(transactional_db, caplog):
    work = Work()
    await jobs.in_database(rename)("chat_jobstate", "chat_gone")
    try:
        async with asyncio.timeout(10), jobs.running(work.job("a"), rhythm=QUICK):
            await until(lambda: "could not be looked at" in caplog.text)
            await jobs.in_database(rename)("chat_gone", "chat_jobstate")
            await until(lambda: work.ended)
    finally:
        if not work.ended:
            await jobs.in_database(rename)("chat_gone", "chat_jobstate")


def rename(table: str, name: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO {name}")


def test_a_renewal_that_comes_after_the_end_holds_nothing(transactional_db):
    job = Work().job("a")
    lease = timedelta(seconds=30)
    JobState.objects.create(name=job.name, due_at=timezone.now())
    state = jobs._claimed(job.name, "a", lease)
    assert jobs._renewed(state, lease)
    ended = jobs._finished(job, state, None)
    assert not jobs._renewed(state, lease)
    assert JobState.objects.get().lease_until is ended.lease_until is None

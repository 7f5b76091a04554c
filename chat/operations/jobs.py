"""Jobs that are done in the background, each by one process at a time, whichever gets to it.

A job is a row (`JobState`). Whoever claims its next run holds it by a lease, which is renewed while
the work goes on; when the lease runs out its holder is dead, and somebody else begins anew. So work
must be such that it may be broken off anywhere and done again. `chatsite.lifespan.JOBS` names them
all.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final

from channels.db import database_sync_to_async
from django.db.models import QuerySet
from django.utils import timezone

from admin_models import endings
from chat.cloudbase.errors import CloudBaseError
from chat.models import JobState

logger = logging.getLogger(__name__)

in_database = partial(database_sync_to_async, thread_sensitive=False)
"""How a job asks the database: in a thread that answers in flight do not wait for."""

LONGEST_SLEEP: Final = 600.0
"""Seconds after which a job's row is looked at in any case: clocks are set."""
LONGEST_RETRY: Final = timedelta(minutes=10)
"""A job that fails is not tried less often than this, or than it runs anyway."""
SLACK: Final = 0.05
"""Seconds by which a look comes late, so that what it waits for has come."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is done `every` so often, counted from the end of the last run.

    A run that takes longer than `at_most` is cancelled and has failed. A run that failed is done
    again after `retry_after`, and twice as long after each further failure.
    """

    name: str
    every: timedelta
    work: Callable[[], Awaitable[None]]
    at_most: timedelta = timedelta(hours=1)
    retry_after: timedelta = timedelta(seconds=30)

    def wait_after(self, failures: int) -> timedelta:
        """How long until the next run, after so many failures in a row."""
        if not failures:
            return self.every
        doubled = self.retry_after * 2.0 ** min(failures - 1, 20)
        return min(doubled, max(self.every, LONGEST_RETRY))


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How closely jobs are watched; in seconds."""

    first_look: float = 5.0
    """After the start of the process, which has other things to do."""
    lease: float = 30.0
    renewal: float = 10.0
    after_trouble: float = 10.0
    """When the database could not be asked."""


@asynccontextmanager
async def running(*jobs: Job, rhythm: Rhythm | None = None) -> AsyncGenerator[None, None]:
    """Inside, this process takes part in doing `jobs`; leaving breaks off what it is at, and
    another process may go on at once."""
    runner = _Runner(uuid.uuid4().hex, rhythm or Rhythm())
    tasks = [asyncio.create_task(runner.keep(job), name=f"job {job.name}") for job in jobs]
    try:
        yield
    finally:
        await endings.ended(tasks)
        await in_database(_let_go)(runner.holder)


@dataclass(frozen=True, slots=True)
class _Runner:
    """A process, as one of those who do jobs."""

    holder: str
    rhythm: Rhythm

    async def keep(self, job: Job) -> None:
        """Run the job whenever its time has come and nobody else runs it."""
        await asyncio.sleep(self.rhythm.first_look)
        while True:
            try:
                wait = await self._look(job)
            except Exception:  # the edge of a task: what fails once is tried again
                logger.exception("job %s could not be looked at; it is tried again", job.name)
                wait = self.rhythm.after_trouble
            await asyncio.sleep(wait)

    async def _look(self, job: Job) -> float:
        """Run it if it is its time; returns the seconds until it is to be looked at again."""
        state = await in_database(_claimed)(job.name, self.holder, self._lease)
        if state.holder == self.holder:
            state = await self._run(job, state)
        return _seconds_until_look(state)

    async def _run(self, job: Job, state: JobState) -> JobState:
        """Do the work while the lease is renewed; returns the row as it is then."""
        work = asyncio.create_task(_work(job))
        renewing = asyncio.create_task(self._keep_lease(state))
        try:
            both = (work, renewing)
            limit = job.at_most.total_seconds()
            await asyncio.wait(both, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
            is_over, is_lost = work.done(), renewing.done()
        finally:
            await endings.ended((work, renewing))
        if is_lost and not is_over:
            logger.warning("job %s was taken over by another process", job.name)
            return await in_database(JobState.objects.get)(pk=state.pk)
        error = _error_of(work) if is_over else TimeoutError()
        _log(job, error)
        return await in_database(_finished)(job, state, error)

    async def _keep_lease(self, state: JobState) -> None:
        """Renew it; returns when it is lost."""
        is_ours = True
        while is_ours:
            await asyncio.sleep(self.rhythm.renewal)
            try:
                is_ours = await in_database(_renewed)(state, self._lease)
            except Exception:  # whatever the database raises while it is away
                logger.exception("the lease of job %s was not renewed", state.name)

    @property
    def _lease(self) -> timedelta:
        return timedelta(seconds=self.rhythm.lease)


async def _work(job: Job) -> None:
    await job.work()


def _error_of(work: asyncio.Task[None]) -> BaseException | None:
    return asyncio.CancelledError() if work.cancelled() else work.exception()


def _log(job: Job, error: BaseException | None) -> None:
    if error is not None:
        logger.error("job %s failed and is tried again", job.name, exc_info=error)


def _name_of(error: BaseException | None) -> str:
    """Which error it was; its words may hold what nobody should read here."""
    if error is None:
        return ""
    return error.code if isinstance(error, CloudBaseError) else type(error).__name__


def _seconds_until_look(state: JobState) -> float:
    """Until its time comes, or the lease of somebody else runs out."""
    at = state.due_at if state.lease_until is None else state.lease_until
    wait = (at - timezone.now()).total_seconds()
    return min(max(wait, 0.0) + SLACK, LONGEST_SLEEP)


# In the database


def _claimed(name: str, holder: str, lease: timedelta) -> JobState:
    """The row of a job, with us as its holder if nobody runs it and its time has come."""
    now = timezone.now()
    state = JobState.objects.filter(name=name).first() or _made(name)
    is_free = state.lease_until is None or state.lease_until < now
    if not is_free or state.due_at > now:
        return state
    if state.lease_until is not None:
        logger.warning("job %s was begun and never ended; it is done again", name)
    _this_run(state).update(
        runs=state.runs + 1, holder=holder, lease_until=now + lease, last_started_at=now
    )
    return JobState.objects.get(pk=state.pk)


def _made(name: str) -> JobState:
    JobState.objects.bulk_create(
        [JobState(name=name, due_at=timezone.now())], ignore_conflicts=True
    )
    return JobState.objects.get(name=name)


def _this_run(state: JobState) -> QuerySet[JobState]:
    """The row, as long as nobody began the next run."""
    return JobState.objects.filter(pk=state.pk, runs=state.runs)


def _renewed(state: JobState, lease: timedelta) -> bool:
    """Whether we still hold it. A renewal that was under way when the run ended comes too late."""
    held = _this_run(state).filter(holder=state.holder)
    return bool(held.update(lease_until=timezone.now() + lease))


def _finished(job: Job, state: JobState, error: BaseException | None) -> JobState:
    """Write down how the run went, unless somebody took it over; returns the row."""
    now, failures = timezone.now(), state.failures + 1 if error else 0
    _this_run(state).update(
        holder="",
        lease_until=None,
        last_finished_at=now,
        due_at=now + job.wait_after(failures),
        failures=failures,
        last_error=_name_of(error),
    )
    return JobState.objects.get(pk=state.pk)


def _let_go(holder: str) -> None:
    """What this process was at may be done by another at once."""
    JobState.objects.filter(holder=holder).update(holder="", lease_until=None)

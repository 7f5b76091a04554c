"""What runs as long as the application does: the HTTP pool, this process's worker, the renewal of
what is known of the environments, and the jobs that are done in the background."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    nullcontext,
)
from typing import Any, Final

from django.conf import settings

from admin_models import connections
from admin_models.preflight import asking
from chat.cloudbase.transport import MoreHeaders
from chat.operations import jobs, live, measures, old_counters, readiness, retention
from chat.operations.alerts import watching
from chat.operations.jobs import Job
from chat.operations.reconciliation import comparing
from chat.turns import worker

JOBS: Final[tuple[Job, ...]] = (comparing.JOB, watching.JOB, old_counters.JOB, retention.JOB)
"""What is done in the background, by one process for all."""

_stack = AsyncExitStack()
_starting: asyncio.Future[None] | None = None


@asynccontextmanager
async def running() -> AsyncGenerator[None, None]:
    """Hold open everything that the application needs around it."""
    async with (
        _traced(),
        connections.opened(_trace_headers()),
        measures.measuring(),
        worker.working(),
        live.reporting(),
        asking.renewing(),
        jobs.running(*JOBS),
    ):
        yield


def _traced() -> AbstractAsyncContextManager[None]:
    """Traces, where they are wanted; else not even their packages are there."""
    if not settings.IS_TRACING:
        return nullcontext()
    from chatsite import tracing  # noqa: PLC0415  # an optional group of packages

    return tracing.running()


def _trace_headers() -> MoreHeaders | None:
    """What tells services that are called of the trace, where the operator wants that."""
    if not (settings.IS_TRACING and settings.IS_TRACE_TOLD_UPSTREAM):
        return None
    from chatsite import tracing  # noqa: PLC0415  # as above

    return tracing.headers


async def start() -> None:
    """Start on this event loop; whoever comes meanwhile waits for the same start."""
    global _starting
    if _starting is None:
        readiness.of_this_process.stay()
        _starting = asyncio.ensure_future(_stack.enter_async_context(running()))
    await asyncio.shield(_starting)


async def stop() -> None:
    """End what `start` began: answers in flight get their grace, then rest as interrupted."""
    global _starting
    readiness.of_this_process.drain()
    try:
        await _stack.aclose()
    finally:
        _starting = None  # not before: a request that still comes in would start all of it again


class Lifespan:
    """An ASGI application around ours, for servers that know the lifespan protocol and those
    (like daphne from its own command line) that do not: there the first connection starts it."""

    def __init__(self, application: Callable[..., Awaitable[None]]) -> None:
        self._application = application

    async def __call__(
        self,
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[dict[str, Any]]],
        send: Callable[[dict[str, Any]], Awaitable[None]],
    ) -> None:
        if scope["type"] != "lifespan":
            await start()
            await self._application(scope, receive, send)
            return
        await receive()
        await start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await stop()
        await send({"type": "lifespan.shutdown.complete"})

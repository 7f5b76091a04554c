"""What runs as long as the application does: the HTTP pool, this process's worker, and the renewal
of what is known of the environments."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from admin_models import connections
from admin_models.preflight import asking
from chat.turns import worker

_stack = AsyncExitStack()
_starting: asyncio.Future[None] | None = None


@asynccontextmanager
async def running() -> AsyncGenerator[None, None]:
    """Hold open everything that the application needs around it."""
    async with connections.opened(), worker.working(), asking.renewing():
        yield


async def start() -> None:
    """Start on this event loop; whoever comes meanwhile waits for the same start."""
    global _starting
    if _starting is None:
        _starting = asyncio.ensure_future(_stack.enter_async_context(running()))
    await asyncio.shield(_starting)


async def stop() -> None:
    """End what `start` began: answers in flight get their grace, then rest as interrupted."""
    global _starting
    _starting = None
    await _stack.aclose()


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

"""What runs as long as the application does: the HTTP pool and this process's worker."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from admin_models import connections
from chat.turns import worker

_stack: AsyncExitStack | None = None


@asynccontextmanager
async def running() -> AsyncGenerator[None, None]:
    """Hold open everything that the application needs around it."""
    async with connections.opened(), worker.working():
        yield


async def start() -> None:
    """Start on this event loop, unless started already."""
    global _stack
    if _stack is None:
        _stack = AsyncExitStack()
        await _stack.enter_async_context(running())


async def stop() -> None:
    """End what `start` began: answers in flight get their grace, then rest as interrupted."""
    global _stack
    stack, _stack = _stack, None
    if stack is not None:
        await stack.aclose()


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

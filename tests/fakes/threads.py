"""Servers on a loop of their own, for tests that have none; and as processes."""

import asyncio
import json
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Any, TypeVar

Server = TypeVar("Server", bound=AbstractAsyncContextManager[Any])


@contextmanager
def running(server: Server) -> Iterator[Server]:
    """Run a server in a thread with a loop of its own."""
    ready, ended = threading.Event(), threading.Event()

    async def serve() -> None:
        async with server:
            ready.set()
            await asyncio.to_thread(ended.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),), daemon=True)
    thread.start()
    assert ready.wait(10), "the fake server did not start"
    try:
        yield server
    finally:
        ended.set()
        thread.join(10)


async def serve_for_ever(server: AbstractAsyncContextManager[Any], urls: list[str]) -> None:
    """Print one line of JSON, the named addresses of the server, and serve until ended."""
    async with server as started:
        sys.stdout.write(json.dumps({name: getattr(started, name) for name in urls}) + "\n")
        sys.stdout.flush()
        await asyncio.Event().wait()

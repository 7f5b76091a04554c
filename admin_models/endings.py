"""How tasks are brought to their end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, Final

INSISTENCE: Final = 0.5
"""Seconds after which a task is cancelled again: a library under it may swallow a cancellation that
meets a result, as `asyncio.wait_for` does before Python 3.12."""


async def ended(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel `tasks` and wait for their end."""
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _done, pending = await asyncio.wait(pending, timeout=INSISTENCE)

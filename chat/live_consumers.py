"""The socket of the page that shows what goes on now: reports in, pieces of page out."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from channels.db import database_sync_to_async
from django.template.loader import render_to_string

from admin_models import roles
from admin_models.consumers import DeskConsumer
from admin_models.showing import frames
from chat.operations import live, live_board

BREATH: Final = 0.3
"""Seconds in which the reports of several processes gather before they are shown."""
LOOKS: Final = 15
"""Times the page is shown before it is looked up again who looks at it."""


class LiveConsumer(DeskConsumer):
    """One open page; it hears every process."""

    may_see = staticmethod(roles.is_operator)

    async def begin(self) -> None:
        self._watcher = live_board.Watcher()
        self._news = asyncio.Event()
        await self.join(live.GROUP)
        self.start(self._show())

    async def heard(self, content: dict[str, Any]) -> None:
        """The page asks nothing."""

    async def live_report(self, event: dict[str, Any]) -> None:
        """A process says how it does."""
        self._watcher.hear(event["report"])
        self._news.set()

    async def _show(self) -> None:
        looks = 0
        while looks % LOOKS or await self.is_let_in():
            looks += 1
            await self._news.wait()
            await asyncio.sleep(BREATH)
            self._news.clear()
            board = self._watcher.board(await database_sync_to_async(live.known)())
            html = render_to_string("operations/_live.html", {"board": board})
            await self.send(frames.partial("live", "innerMorph", html))

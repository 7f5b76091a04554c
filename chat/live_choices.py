"""What open chats offer follows what is ready: when that changes, their switchers do.

Readiness is announced far more often than it changes what anybody sees. So each process looks once
for all its pages, a moment after the news, and tells them only if something looks different. A page
that was loaded a moment before it joined may have missed some: it joins with what it shows.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextvars import Context, copy_context
from typing import Final

from channels.db import database_sync_to_async

from admin_models import switcher
from admin_models.switcher import Switcher

logger = logging.getLogger(__name__)

PAUSE: Final = 0.5
"""Seconds between the first news and the look: one change is announced several times."""

Show = Callable[[Switcher], Awaitable[None]]
"""Shows a page what is offered now, to whoever may use all of it."""


class LiveChoices:
    """The pages of this process that have a switcher."""

    def __init__(self) -> None:
        self._pages: dict[Show, Context] = {}
        self._is_news = False
        self._looking: asyncio.Task[None] | None = None
        self._newcomers: set[Show] = set()
        self._shown = ""

    def join(self, show: Show, *, has_loaded: bool) -> None:
        """From now on call `show`, in the context of the caller, when something changed; and once
        soon for a page that `has_loaded` before."""
        self._pages[show] = copy_context()
        if has_loaded:
            self._newcomers.add(show)
            self.look()

    def leave(self, show: Show) -> None:
        """The page is closed."""
        self._pages.pop(show, None)
        self._newcomers.discard(show)

    def look(self) -> None:
        """Something may have changed: look soon."""
        self._is_news = True
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look(), name="live choices")

    async def _look(self) -> None:
        while self._is_news and self._pages:
            await asyncio.sleep(PAUSE)
            self._is_news = False
            try:
                await self._tell(await database_sync_to_async(switcher.everything)())
            except Exception:  # the edge of a task: the next news tries again
                logger.exception("what is offered could not be looked up")

    async def _tell(self, offered: Switcher) -> None:
        concerned = set(self._pages if offered.signature != self._shown else self._newcomers)
        self._shown = offered.signature
        self._newcomers.clear()
        await asyncio.gather(
            *(
                asyncio.get_running_loop().create_task(_told(show, offered), context=context.copy())
                for show, context in list(self._pages.items())
                if show in concerned
            )
        )


async def _told(show: Show, offered: Switcher) -> None:
    try:
        await show(offered)
    except Exception:  # one page that is going away does not concern the others
        logger.exception("a page could not be shown what is offered")


of_this_process: Final = LiveChoices()

"""A browser without a screen, whose requests have database threads of their own as on a server.

Without that, a view that waits for work of the application keeps the thread that this work needs.
"""

from __future__ import annotations

from typing import Any

from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.contrib.auth.models import User
from django.db import connections
from django.test import AsyncClient


class Browser(AsyncClient):
    """As Django's, with a thread a request."""

    async def request(self, **request: Any) -> Any:
        async with ThreadSensitiveContext():
            try:
                return await super().request(**request)
            finally:
                await sync_to_async(connections.close_all)()


async def signed_in(user: User) -> Browser:
    """The browser of somebody."""
    browser = Browser()
    await browser.aforce_login(user)
    return browser

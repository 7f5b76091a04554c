"""What the sockets of all pages have in common: they speak the language of their page, and hear
what concerns it for as long as it is open."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any
from urllib.parse import parse_qs

from channels.consumer import get_handler_name
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.utils import translation

logger = logging.getLogger(__name__)

SIGNED_OUT = 4401
NOT_FOUND = 4404
"""Codes with which a socket is closed; the page does not try again."""


class PageConsumer(AsyncWebsocketConsumer):
    """One open page; its address says `lang`."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._joined: list[str] = []
        self._staying: asyncio.Task[None] | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve the page, however that ends."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._stay_no_longer()

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Handle one message in the language of the page."""
        with translation.override(self.language()):
            # Not the base class's: it visits the database's thread first, for every message.
            await getattr(self, get_handler_name(message))(message)

    async def join(self, group: str) -> None:
        """Hear what a group of the channel layer is told, until `leave_groups`."""
        self._joined.append(group)
        await self.channel_layer.group_add(group, self.channel_name)
        if self._staying is None:
            self._staying = asyncio.create_task(self._stay(), name="stay in groups")

    async def leave_groups(self) -> None:
        """Hear nothing more."""
        self._stay_no_longer()
        for group in self._joined:
            await self.channel_layer.group_discard(group, self.channel_name)

    async def _stay(self) -> None:
        """Join again and again: the layer forgets who joined a day ago (`group_expiry`), and a page
        may stay open for longer."""
        lasts: float = self.channel_layer.group_expiry  # type: ignore[attr-defined]  # of both layers
        while True:
            await asyncio.sleep(lasts / 4)
            try:
                for group in self._joined:
                    await self.channel_layer.group_add(group, self.channel_name)
            except Exception:  # whatever the layer's own service raises while it is away
                logger.exception("a page could not stay in its groups; it tries again")

    def _stay_no_longer(self) -> None:
        if self._staying is not None:
            self._staying.cancel()

    def query(self, name: str) -> str:
        """The value of `name` in the address, "" for none."""
        return self.queries().get(name, "")

    def queries(self) -> dict[str, str]:
        """All values in the address; of several of one name the first."""
        values = parse_qs(self.scope["query_string"].decode("latin-1"))
        return {name: given[0] for name, given in values.items()}

    def language(self) -> str:
        """The language of the page, as far as there is such a one."""
        asked = self.query("lang")
        return asked if asked in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE


def parsed(text: str | None) -> dict[str, Any]:
    """The JSON object of a frame; an empty one for anything else."""
    try:
        content = json.loads(text or "")
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}

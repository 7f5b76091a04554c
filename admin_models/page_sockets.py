"""What the sockets of all pages have in common: they speak the language of their page."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs

from channels.consumer import get_handler_name
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.utils import translation

SIGNED_OUT = 4401
NOT_FOUND = 4404
"""Codes with which a socket is closed; the page does not try again."""


class PageConsumer(AsyncWebsocketConsumer):
    """One open page; its address says `lang`."""

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Handle one message in the language of the page."""
        with translation.override(self.language()):
            # Not the base class's: it visits the database's thread first, for every message.
            await getattr(self, get_handler_name(message))(message)

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

"""The yardstick: the least that Channels, daphne and httpx-sse need to pass tokens on.

No accounts, no rows, no rendering, no log: every token becomes one websocket frame. It is served
by plain daphne; `UPSTREAM_URL` says where the tokens come from.
"""

from __future__ import annotations

import json
import os
from functools import cache

import httpx
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from httpx_sse import aconnect_sse

from chatsite.bench.orders import DONE

if not settings.configured:  # Channels asks for its channel layers: there are none
    settings.configure()


class Relay(AsyncWebsocketConsumer):
    """A question in, its tokens out, then the end."""

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Ask, and pass on token by token."""
        body = {
            "model": "bench",
            "stream": True,
            "messages": [{"role": "user", "content": text_data}],
        }
        url = f"{os.environ['UPSTREAM_URL']}/chat/completions"
        async with aconnect_sse(_client(), "POST", url, json=body) as source:
            async for event in source.aiter_sse():
                if event.data == DONE:
                    break
                for choice in json.loads(event.data)["choices"]:
                    if token := choice["delta"].get("content"):
                        await self.send(text_data=token)
        await self.send(text_data=DONE)


@cache
def _client() -> httpx.AsyncClient:
    return httpx.AsyncClient(timeout=None, limits=httpx.Limits(max_connections=None))  # noqa: S113  # the bench itself ends what hangs


application = Relay.as_asgi()

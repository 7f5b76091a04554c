"""The application starts once, for servers that announce themselves and those that do not."""

from __future__ import annotations

import asyncio

import pytest

from chat.models import Worker
from chat.turns import owner
from chatsite import lifespan
from chatsite.lifespan import Lifespan

pytestmark = pytest.mark.usefixtures("transactional_db")


async def nothing(*_: object) -> dict[str, object]:
    return {}


async def silence(*_: object) -> None:
    """An application that answers nothing."""


async def test_connections_at_the_same_moment_share_one_start(settings):
    settings.SHUTDOWN_GRACE_SECONDS = 0
    seen: list[int] = []

    async def application(scope, receive, send) -> None:
        seen.append(owner.worker_pk())

    server = Lifespan(application)
    try:
        await asyncio.gather(*(server({"type": "http"}, nothing, silence) for _ in range(5)))
        assert len(seen) == 5
        assert await Worker.objects.acount() == 1
    finally:
        await lifespan.stop()
    assert not await Worker.objects.aexists()


async def test_a_server_with_the_lifespan_protocol_starts_and_stops_it(settings):
    settings.SHUTDOWN_GRACE_SECONDS = 0
    said: list[str] = []

    async def send(message: dict[str, str]) -> None:
        said.append(message["type"])
        assert await Worker.objects.aexists() == (message["type"] == "lifespan.startup.complete")

    await Lifespan(silence)({"type": "lifespan"}, nothing, send)
    assert said == ["lifespan.startup.complete", "lifespan.shutdown.complete"]

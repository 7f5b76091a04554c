"""A process at work."""

from __future__ import annotations

import asyncio

import pytest
from channels.db import database_sync_to_async
from django.db import connection

pytestmark = pytest.mark.usefixtures("serving")


def _is_held() -> bool:
    return connection.connection is not None and connection.close_at is None


def _lose() -> None:
    connection.close()


async def _becomes_held() -> None:
    while not await database_sync_to_async(_is_held)():
        await asyncio.sleep(0.05)


async def test_the_connection_of_turns_is_held_again_after_it_was_lost():
    await asyncio.wait_for(_becomes_held(), 10)
    await database_sync_to_async(_lose)()
    await asyncio.wait_for(_becomes_held(), 10)

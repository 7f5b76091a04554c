"""A process at work."""

from __future__ import annotations

import pytest
from channels.db import database_sync_to_async
from django.db import connection

from tests.chat.sockets import eventually

pytestmark = pytest.mark.usefixtures("serving")


@database_sync_to_async
def is_held() -> bool:
    return connection.connection is not None and connection.close_at is None


@database_sync_to_async
def lose() -> None:
    connection.close()


async def test_the_connection_of_turns_is_held_again_after_it_was_lost():
    await eventually(is_held)
    await lose()
    await eventually(is_held)

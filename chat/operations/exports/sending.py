"""A file on its way to whoever asked for it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator

from channels.db import database_sync_to_async


async def sent(pieces: Generator[bytes, None, None]) -> AsyncGenerator[bytes, None]:
    """The pieces, each read when the one before it was sent; no database connection stays open
    meanwhile. Whoever hangs up ends the work."""
    try:
        while (piece := await _next(pieces)) is not None:
            if piece:
                yield piece
    finally:
        await _close(pieces)


@database_sync_to_async
def _next(pieces: Generator[bytes, None, None]) -> bytes | None:
    return next(pieces, None)


@database_sync_to_async
def _close(pieces: Generator[bytes, None, None]) -> None:
    pieces.close()

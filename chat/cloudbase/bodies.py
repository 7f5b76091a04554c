"""The bodies of answers: how much of them is read, and whether they are what was asked for.

Everything here returns an error instead of raising it, so that no body, which may repeat the key,
is in a frame that raises.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Final, cast

import httpx

from chat.cloudbase import errors, network, refusals

if TYPE_CHECKING:
    from chat.cloudbase.transport import Endpoint

ERROR_BODY_LIMIT: Final = 64 * 1024
ANSWER_LIMIT: Final = 16 * 1024 * 1024
"""Bytes we read of a refusal, and of a whole answer."""
BEGINNING: Final = 1024
BEGINNING_WAIT: Final = 2.0
"""Bytes, and seconds that they are waited for, where only the status matters."""


async def whole_answer(
    response: httpx.Response, endpoint: Endpoint
) -> bytes | errors.CloudBaseError:
    """Read and close an answer; return its body, or the error that it or its reading is."""
    try:
        body, failure = await _whole(response, endpoint)
    finally:
        await close(response)
    return failure or _error_in(response, body, endpoint) or body


async def beginning(
    response: httpx.Response, _endpoint: Endpoint
) -> tuple[int, bytes] | errors.CloudBaseError:
    """Return the status of any answer and the first bytes that came of its body; close it."""
    body = b""
    try:
        async with aclosing(pieces(response)) as arriving:
            body = await next_piece(arriving, BEGINNING_WAIT)
    except network.TROUBLE:
        pass  # that it was answered is what counts
    finally:
        await close(response)
    return response.status_code, body[:BEGINNING]


async def event_stream(
    response: httpx.Response, endpoint: Endpoint
) -> httpx.Response | errors.CloudBaseError:
    """Return the answer, its body unread, if it is an event stream; else close it and say why."""
    if response.is_success and _is_event_stream(response):
        return response
    try:
        body, failure = await _whole(response, endpoint)
    finally:
        await close(response)
    return failure or refusals.from_response(
        response.status_code, body, response.headers, secrets=endpoint.secrets
    )


def pieces(response: httpx.Response) -> AsyncGenerator[bytes, None]:
    """The body as it arrives."""
    return cast("AsyncGenerator[bytes, None]", response.aiter_bytes())


async def next_piece(pieces: AsyncIterator[bytes], seconds: float) -> bytes:
    """Return the next piece, b"" if there is none; raise TimeoutError after so many seconds."""
    async with asyncio.timeout(seconds):
        return await anext(pieces, b"")


async def close(response: httpx.Response) -> None:
    """Close the connection; that it was broken already is no news."""
    with suppress(*network.TROUBLE):
        await response.aclose()


def _is_event_stream(response: httpx.Response) -> bool:
    kind: str = response.headers.get("content-type", "")
    return kind.lower().startswith("text/event-stream")


def _error_in(
    response: httpx.Response, body: bytes, endpoint: Endpoint
) -> errors.CloudBaseError | None:
    return endpoint.find_error(
        response.status_code, body, response.headers, secrets=endpoint.secrets
    )


async def _whole(
    response: httpx.Response, endpoint: Endpoint
) -> tuple[bytes, errors.CloudBaseError | None]:
    """Read a body; return it, and what went wrong. A refusal is cut at the limit."""
    limit = ERROR_BODY_LIMIT
    if response.is_success:
        limit = ANSWER_LIMIT if endpoint.answer_limit is None else endpoint.answer_limit
    body = bytearray()
    try:
        async with aclosing(pieces(response)) as arriving:
            while len(body) <= limit:
                piece = await next_piece(arriving, endpoint.patience.idle)
                if not piece:
                    break
                body += piece
    except network.TROUBLE as error:
        if response.is_success or not body:
            return b"", network.inside_answer(error, endpoint.secrets)
        # Of a refusal, half an explanation is better than none.
    if len(body) > limit and response.is_success:
        return b"", errors.AnswerTooLong()
    return bytes(body[:limit]), None

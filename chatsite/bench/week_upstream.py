"""The service of a synthetic week: it does what a question says, well or badly.

`python -m chatsite.bench.week_upstream FD` serves on the listening socket FD.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from typing import Any, Final

import msgspec
from aiohttp import web

from chatsite.bench.orders import DONE
from chatsite.bench.week_plan import CUT_SHORT, Ending, Turn, spoken

QUICK: Final = 0.002
SLOW: Final = 0.05
"""Seconds between two words; answers that are cut short take their time."""
ENDLESS: Final = 2_000
"""Words of an answer that somebody is to cut short."""


class _Message(msgspec.Struct):
    content: str


class _Request(msgspec.Struct):
    model: str
    messages: list[_Message]


async def _complete(request: web.Request) -> web.StreamResponse:
    asked = msgspec.json.decode(await request.read(), type=_Request)
    turn = msgspec.json.decode(asked.messages[-1].content, type=Turn)
    if turn.ending is Ending.REFUSED:
        return web.json_response({"error": {"message": "out of order"}}, status=500)
    if turn.ending is Ending.THROTTLED:
        refusal = {"error": {"message": "too many requests"}}
        return web.json_response(refusal, status=429, headers={"Retry-After": "0"})
    return await _speak(request, turn, asked.model)


async def _speak(request: web.Request, turn: Turn, model: str) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    is_cut_short = turn.ending in CUT_SHORT
    for word in spoken(ENDLESS if is_cut_short else turn.words):
        await response.write(_event(model, [{"index": 0, "delta": {"content": word}}]))
        await asyncio.sleep(SLOW if is_cut_short else QUICK)
    if turn.ending is Ending.BROKEN:
        await asyncio.sleep(SLOW)  # until all of it has left
        if request.transport is not None:
            request.transport.abort()
        return response
    await response.write(_event(model, [{"index": 0, "delta": {}, "finish_reason": "stop"}]))
    if turn.ending is Ending.DONE:
        await response.write(_event(model, [], usage=_usage(turn)))
    await response.write(f"data: {DONE}\n\n".encode())
    return response


def _usage(turn: Turn) -> dict[str, Any]:
    return {
        "prompt_tokens": turn.prompt,
        "completion_tokens": turn.words,
        "total_tokens": turn.prompt + turn.words,
        "prompt_tokens_details": {"cached_tokens": turn.cached},
        "completion_tokens_details": {"reasoning_tokens": turn.reasoning},
    }


def _event(model: str, choices: list[dict[str, Any]], **more: object) -> bytes:
    chunk = {"id": "chatcmpl-week", "object": "chat.completion.chunk", "created": 0}
    data = msgspec.json.encode({**chunk, "model": model, "choices": choices, **more})
    return b"data: " + data + b"\n\n"


async def _serve(listener: socket.socket) -> None:
    application = web.Application()
    application.router.add_post("/v1/chat/completions", _complete)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.SockSite(runner, listener).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(socket.socket(fileno=int(sys.argv[1]))))

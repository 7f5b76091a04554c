"""The readers that `bench client` compares; each reads one stream in a process of its own.

`python -m chatsite.bench.client_readers KIND BASE_URL CHUNKS` writes a `Read`, in JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any, Literal

import httpx
import msgspec
from httpx_sse import aconnect_sse

from chat.cloudbase import OpenAICompatible
from chatsite.bench import answer
from chatsite.bench.orders import DONE, Order

Kind = Literal["ours", "httpx-sse", "openai"]

AT_ONCE = 1e9
"""Tokens a second: everything is there as fast as it can be read."""
WARM_UP_CHUNKS = 200


class Read(msgspec.Struct):
    """The CPU seconds (user and system) that reading took, and what was wrong with the text."""

    cpu_seconds: float
    trouble: str = ""


async def _with_our_client(base_url: str, messages: list[dict[str, str]]) -> str:
    async with OpenAICompatible(base_url=base_url) as app:
        result = (
            await app.ai()
            .create_model("custom-bench")
            .stream_text(model="bench", messages=messages)
        )
        return "".join([piece async for piece in result.text_stream])


async def _with_httpx_sse(base_url: str, messages: list[dict[str, str]]) -> str:
    pieces: list[str] = []
    body = {"model": "bench", "stream": True, "messages": messages}
    url = f"{base_url}/chat/completions"
    async with (
        httpx.AsyncClient(timeout=None, trust_env=False) as client,  # noqa: S113  # ends by itself
        aconnect_sse(client, "POST", url, json=body) as source,
    ):
        async for event in source.aiter_sse():
            if event.data == DONE:
                break
            for choice in json.loads(event.data)["choices"]:
                if token := choice["delta"].get("content"):
                    pieces.append(token)
    return "".join(pieces)


async def _with_openai(base_url: str, messages: list[dict[str, str]]) -> str:
    openai: Any = import_module("openai")  # for development only
    pieces: list[str] = []
    async with openai.AsyncOpenAI(base_url=base_url, api_key="unused") as client:
        stream = await client.chat.completions.create(model="bench", messages=messages, stream=True)
        async for chunk in stream:
            for choice in chunk.choices:
                if choice.delta.content:
                    pieces.append(choice.delta.content)
    return "".join(pieces)


Reader = Callable[[str, list[dict[str, str]]], Awaitable[str]]
"""Asks the service at a base URL these messages, and returns the whole text."""

_READERS: dict[Kind, Reader] = {
    "ours": _with_our_client,
    "httpx-sse": _with_httpx_sse,
    "openai": _with_openai,
}


async def measured(reader: Reader, base_url: str, chunks: int) -> Read:
    """Have `reader` read a short stream, so that everything is loaded, then one of `chunks`."""

    async def read(count: int) -> str:
        order = Order(f"chunks-{count}", count, AT_ONCE)
        return await reader(base_url, [{"role": "user", "content": str(order)}])

    await read(WARM_UP_CHUNKS)
    began = time.process_time()
    text = await read(chunks)
    used = time.process_time() - began
    is_whole = text == "".join(answer.tokens(chunks))
    return Read(used, "" if is_whole else f"read {len(text)} characters that are not the text")


def main() -> None:
    """Read, and tell."""
    kind, base_url, chunks = sys.argv[1:]
    reader = _READERS[msgspec.convert(kind, Kind)]
    read = asyncio.run(measured(reader, base_url, int(chunks)))
    sys.stdout.buffer.write(msgspec.json.encode(read))


if __name__ == "__main__":
    main()

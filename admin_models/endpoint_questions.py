"""Tiny questions to an address that is not trusted yet, and what came of them.

Each asks for at most `MAX_TOKENS` tokens, is sent once, and ends by time or by size.
"""

from __future__ import annotations

import asyncio
import base64
import re
import struct
import time
import zlib
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

from django.conf import settings

from admin_models import connections
from admin_models.signals import TestCall
from chat.cloudbase import ChatRequest, HttpPool, Message, OpenAICompatible, Patience, errors
from chat.cloudbase.answers import AnswerBuilder
from chat.cloudbase.errors import CloudBaseError
from chat.cloudbase.events import ReasoningDelta, StreamEvent, TextDelta, ToolCallDelta
from chat.cloudbase.messages import Answer

MAX_TOKENS: Final = 16
"""Of each answer; some services refuse less."""
LIST_LIMIT: Final = 4 * 1024 * 1024
ANSWER_LIMIT: Final = 256 * 1024
"""Bytes that are read of a list of models, and of an answer."""
WAITS: Final = 3
"""So many times as long as a first word may take is waited: a model may have to be loaded."""

_WORDS: Final = (TextDelta, ReasoningDelta, ToolCallDelta)
_REFUSED: Final = (errors.RequestRefused, errors.ModelNotFound)
"""Of a question to a model that answers others. With 404 OpenRouter says that none of those who
have the model takes such a question."""
_UNSUPPORTED: Final = re.compile(r"not support|unsupported", re.IGNORECASE)
"""What a failure may say that is a refusal: llama.cpp's of a picture has status 500."""
_TOOL: Final = {
    "type": "function",
    "function": {
        "name": "get_time",
        "description": "Returns the time of day",
        "parameters": {"type": "object", "properties": {}},
    },
}


@dataclass(frozen=True, slots=True)
class Listing:
    """The names that an endpoint lists, or why there are none."""

    names: tuple[str, ...] = ()
    error: CloudBaseError | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of a question, as far as it came."""

    answer: Answer
    first_word: float | None
    """Seconds until the first text, thought or call; None if there was none."""
    error: CloudBaseError | None
    parameters: Mapping[str, Any]
    """With which it was asked."""

    @property
    def is_answer(self) -> bool:
        """Whether a model answered, be it in secret; or began to."""
        is_ended = self.error is None and self.answer.finish_reason != "unknown"
        return self.first_word is not None or is_ended

    @property
    def is_accepted(self) -> bool | None:
        """Whether the question was taken as it was put, None if that did not show."""
        if self.is_answer:
            return True
        return False if self._is_refused else None

    @property
    def _is_refused(self) -> bool:
        error = self.error
        if isinstance(error, errors.ProviderFailed):
            return bool(_UNSUPPORTED.search(error.detail or ""))
        return isinstance(error, _REFUSED) and not isinstance(error, errors.ContextTooLong)


class Endpoint:
    """An address that is asked; made by `opened`."""

    def __init__(self, base_url: str, api_key: str, pool: HttpPool) -> None:
        seconds = WAITS * settings.PREFLIGHT_TIMEOUT_SECONDS
        self._lists, self._answers = (
            OpenAICompatible(
                base_url=base_url,
                api_key=api_key,
                http=pool,
                patience=Patience(first_byte=seconds, idle=seconds),
                answer_limit=limit,
            )
            for limit in (LIST_LIMIT, ANSWER_LIMIT)
        )
        self.url: Final = self._lists.base_url
        self.calls: Final[list[TestCall]] = []
        """What was asked of models so far."""

    async def listing(self) -> Listing:
        """Ask for its models (`GET /models`)."""
        try:
            async with asyncio.timeout(settings.PREFLIGHT_TIMEOUT_SECONDS):
                return Listing(tuple(model.id for model in await self._lists.list_models()))
        except TimeoutError:
            return Listing(error=errors.ProviderTimedOut())
        except CloudBaseError as error:
            return Listing(error=error)

    async def question(self, model: str) -> Seen:
        """Have it say a word, waiting `WAITS` times as long as a first word may take.

        A parameter that it refuses is left out, or called by its other name: so this may take
        three questions, of which the last is told.
        """
        request = ChatRequest(model, (Message("user", "Say OK."),), {"max_tokens": MAX_TOKENS})
        ends = time.monotonic() + WAITS * settings.PREFLIGHT_TIMEOUT_SECONDS
        seen = await self._asked(request, ends - time.monotonic())
        while (other := _otherwise(seen)) is not None:
            seen = await self._asked(replace(request, parameters=other), ends - time.monotonic())
        return seen

    async def tool(self, model: str, parameters: Mapping[str, Any]) -> Seen:
        """Offer it a tool, with the `parameters` that it accepted."""
        message = Message("user", "Say OK.")
        request = ChatRequest(model, (message,), {**parameters, "tools": [_TOOL]})
        return await self._asked(request, settings.PREFLIGHT_TIMEOUT_SECONDS)

    async def image(self, model: str, parameters: Mapping[str, Any]) -> Seen:
        """Show it a picture, with the `parameters` that it accepted."""
        content = (
            {"type": "text", "text": "Say OK."},
            {"type": "image_url", "image_url": {"url": picture()}},
        )
        request = ChatRequest(model, (Message("user", content),), parameters)
        return await self._asked(request, settings.PREFLIGHT_TIMEOUT_SECONDS)

    async def _asked(self, request: ChatRequest, seconds: float) -> Seen:
        model = self._answers.ai().create_model("custom-trial")
        built, clock = AnswerBuilder(), _Clock()
        error: CloudBaseError | None = None
        try:
            async with asyncio.timeout(seconds), aclosing(model.stream(request)) as stream:
                async for events in stream:
                    built.add(events)
                    clock.hear(events)
        except TimeoutError:
            error = errors.ProviderTimedOut()
        except CloudBaseError as failure:
            error = failure
        answer, first = built.answer, clock.first_word
        named = answer.model or ""
        call = TestCall(request.model, answer.usage, clock.elapsed, error, first, named)
        self.calls.append(call)
        return Seen(answer, first, error, request.parameters)


@asynccontextmanager
async def opened(base_url: str, api_key: str) -> AsyncGenerator[Endpoint, None]:
    """An endpoint that can be asked, over connections of its own, only where we may call.

    Raises IllegalBaseUrl or KeyMalformed.
    """
    async with HttpPool(allowed=connections.allowed_addresses(), tries=1) as pool:
        yield Endpoint(base_url, api_key, pool)


def picture(side: int = 64) -> str:
    """The address that holds a red square (PNG specification, chunks).

    Smaller ones are refused by models that do take pictures: Qwen wants sides of more than 10
    pixels, and some ways of serving it at least 28.
    """
    rows = (b"\0" + b"\xff\0\0" * side) * side
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    png = b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*chunk) for chunk in chunks)
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _chunk(kind: bytes, data: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + data))
    return struct.pack(">I", len(data)) + kind + data + checksum


def _otherwise(seen: Seen) -> dict[str, Any] | None:
    """The parameters for another try, if one of them is what was refused."""
    if seen.is_accepted is not False or seen.error is None:
        return None
    refusal, parameters = seen.error.detail or "", dict(seen.parameters)
    if "stream_options" in refusal and "stream_options" not in parameters:
        return parameters | {"stream_options": None}
    if "max_tokens" in refusal and "max_tokens" in parameters:
        # OpenAI's own models, since they think, know it by this name only.
        return {"max_completion_tokens": parameters.pop("max_tokens"), **parameters}
    return None


class _Clock:
    """Notes when the first word came."""

    def __init__(self) -> None:
        self.first_word: float | None = None
        self._started = time.monotonic()

    def hear(self, events: Iterable[StreamEvent]) -> None:
        """Take in what arrived."""
        if self.first_word is None and any(isinstance(event, _WORDS) for event in events):
            self.first_word = self.elapsed

    @property
    def elapsed(self) -> float:
        """Seconds since the question."""
        return time.monotonic() - self._started

"""One chunk of a streamed answer, as the data stream hands it out."""

from dataclasses import dataclass, field
from typing import Any

import msgspec

from chat.cloudbase import refusals
from chat.cloudbase.chunks import usage_from
from chat.cloudbase.events import Usage


class Delta(msgspec.Struct, frozen=True):
    """What a chunk adds to the answer; `tool_calls` are pieces, as they were received."""

    role: str | None = None
    content: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[dict[str, Any]] | None = None


class Choice(msgspec.Struct, frozen=True):
    """One answer of the chunk; there is only one unless more were asked for."""

    index: int | None = 0
    delta: Delta | None = None
    finish_reason: str | None = None


class _Chunk(msgspec.Struct):
    choices: list[Choice] | None = None
    id: str | None = None
    object: str | None = None
    created: int | None = None
    model: str | None = None
    usage: msgspec.Raw = msgspec.Raw()


@dataclass(frozen=True, slots=True)
class DataChunk:
    """A chunk (CloudBase JS SDK, DataChunk): typed where it is known, `raw_response` untouched."""

    choices: tuple[Choice, ...]
    usage: Usage | None
    raw_response: dict[str, Any] = field(repr=False)
    id: str | None = None
    object: str | None = None
    created: int | None = None
    """Unix seconds."""
    model: str | None = None


_decode = msgspec.json.Decoder(_Chunk, strict=False).decode


def data_chunk_from(payload: bytes) -> DataChunk | None:
    """Return the chunk in the data of an event; None if there is none, as in "[DONE]"."""
    raw = refusals.parsed(payload)
    try:
        chunk = _decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    if raw is None:
        return None
    reported = usage_from(chunk.usage) if bytes(chunk.usage) else None
    return DataChunk(
        choices=tuple(chunk.choices or ()),
        usage=Usage() + reported if reported else None,
        raw_response=raw,
        id=chunk.id,
        object=chunk.object,
        created=chunk.created,
        model=chunk.model,
    )

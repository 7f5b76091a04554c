"""How a line of the log looks: as text, or as one JSON object.

A JSON line has a closed list of members. What else a caller hangs onto a record is left out, and so
is what an exception says: a request, a row and a service's words may hold what people wrote. The
traceback names the places in the code. A library would write everything it finds.
"""

from __future__ import annotations

import logging
import traceback
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from chat import request_ids
from chat.turns import about

FROM_CALLER: Final = ("stage", "code")
"""What a caller adds to a line with `extra`."""


class TextFormatter(logging.Formatter):
    """A line for people, with the id of the request that it belongs to at its end."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        line = super().formatMessage(record)
        request_id = request_ids.current.get()
        return f"{line} [{request_id}]" if request_id else line


class JsonFormatter(logging.Formatter):
    """A line for programs."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": _message(record),
            **about.current.get().facts(),
            **{name: getattr(record, name) for name in FROM_CALLER if hasattr(record, name)},
        }
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            line |= _exception(error)
        return msgspec.json.encode(line, enc_hook=str).decode()


def _message(record: logging.LogRecord) -> str:
    """What the line says; where an exception is told, its first line: asyncio repeats it below."""
    message = record.getMessage()
    return message.partition("\n")[0] if record.exc_info else message


def _exception(error: BaseException) -> dict[str, Any]:
    """What kind it is and where it came from, not what it says."""
    told: dict[str, Any] = {"exception": _kind(error), "traceback": _places(error)}
    if causes := [_kind(cause) for cause in _causes(error)]:
        told["causes"] = causes
    for name in FROM_CALLER:
        if isinstance(said := getattr(error, name, None), str):
            told[name] = said
    return told


def _kind(error: BaseException) -> str:
    return f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")


def _places(error: BaseException) -> list[str]:
    frames = traceback.extract_tb(error.__traceback__)
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]


def _causes(error: BaseException) -> list[BaseException]:
    """What led to it, the nearest first."""
    found: list[BaseException] = []
    cause = error.__cause__ or error.__context__
    while cause is not None and cause not in found:
        found.append(cause)
        cause = cause.__cause__ or cause.__context__
    return found

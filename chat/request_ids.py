"""Ids by which people and logs name the same thing: an HTTP request, an open socket, a turn."""

from __future__ import annotations

import secrets
import time
from contextvars import ContextVar
from typing import Final

_CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_RANDOM_BITS: Final = 80

current: ContextVar[str] = ContextVar("request_id", default="")
"""The id of what is being done here; "" where nobody asked for it."""


def new() -> str:
    """A ULID, 26 characters: those of a later millisecond sort behind those of an earlier one."""
    number = (time.time_ns() // 1_000_000) << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS)
    return "".join(_CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5))

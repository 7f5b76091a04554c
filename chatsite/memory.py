"""The memory of a server process: as little as it needs, and no search through what stays."""

from __future__ import annotations

import ctypes
import gc
import sys
from contextlib import suppress
from types import ModuleType
from typing import Final

_M_ARENA_MAX: Final = -8  # mallopt(3)


class _Spared(ModuleType):
    """Stands where a module would be whose classes are only ever named, never used."""

    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


def spare_wamp() -> None:
    """Keep the messages of WAMP from being loaded: 9 MiB for a protocol nobody here speaks.

    autobahn, which daphne uses for websockets alone, would load them with everything else.
    """
    name = "autobahn.wamp.message"
    sys.modules.setdefault(name, _Spared(name))


def spare_tls() -> None:
    """Keep Twisted's TLS from being loaded, 5 MiB: what stands before this server speaks it.

    Whoever has daphne listen with TLS loads it before us, and keeps it.
    """
    modules: dict[str, ModuleType | None] = sys.modules  # type: ignore[assignment]
    modules.setdefault("OpenSSL", None)


def share_one_heap() -> None:
    """Have the threads to come share a heap: with one interpreter lock they never compete for it.

    A C library without such heaps has no such setting.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


def keep_what_is_loaded() -> None:
    """Once everything is loaded: exempt it from garbage collection, and return what was freed."""
    gc.freeze()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)

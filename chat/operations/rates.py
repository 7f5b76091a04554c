"""How often somebody may do something: counted in the cache, so across processes where that is
shared."""

from __future__ import annotations

import math
import re
import time
from dataclasses import dataclass
from typing import Final, Self

from django.core.cache import cache

_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


@dataclass(frozen=True, slots=True)
class Rate:
    """So many `times` in each stretch of `seconds`."""

    times: int
    seconds: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Of words like "120/m", where s, m, h and d are a second, minute, hour and day. Raises
        ValueError."""
        found = re.fullmatch(r"([1-9]\d{0,8})/([smhd])", text.strip())
        if found is None:
            raise ValueError(f"{text!r} is no rate: write a number, a slash, and s, m, h or d")
        return cls(int(found[1]), _SECONDS[found[2]])


def spend(what: str, rate: Rate) -> int:
    """Count once more that `what` was done; the seconds to wait if that was too often, else 0.

    Stretches begin at fixed moments, so twice as often can be done around one of them.
    """
    now = time.time()
    stretch = int(now // rate.seconds)
    key = f"rate:{what}:{rate.seconds}:{stretch}"
    if cache.add(key, 1, timeout=rate.seconds + 1):
        return 0
    try:
        times = cache.incr(key)
    except ValueError:  # it ran out between the two
        return 0
    return math.ceil((stretch + 1) * rate.seconds - now) if times > rate.times else 0

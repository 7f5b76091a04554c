"""When a request is sent again, and after how long: the one rule."""

from __future__ import annotations

import random
from typing import Final

from chat.cloudbase import errors

TRIES: Final = 3
"""So often a request is sent at the most."""
_LONGEST_WAIT: Final = 8.0
"""Seconds; a service that wants more of them is left alone."""

_DID_NOTHING: Final = (errors.ProviderUnreachable, errors.TooManyAtOnce, errors.ControlPlaneBusy)
_UNCLEAR: Final = (502, 503, 504)


def wait_before(
    number: int, failure: errors.CloudBaseError, *, backoff: float, is_repeatable: bool
) -> float | None:
    """Seconds to wait before try `number`; None if there should be none.

    Repeated is what surely has not begun to cost anything: no connection, or turned away busy.
    After 502, 503 or 504 nobody knows, so the request must be one that may be done twice.
    `backoff` is the longest wait before the second try; it doubles, and jitter shortens it.
    """
    may_repeat = isinstance(failure, _DID_NOTHING) or (is_repeatable and failure.status in _UNCLEAR)
    if number > TRIES or not may_repeat:
        return None
    if failure.retry_after is not None:
        return failure.retry_after if failure.retry_after <= _LONGEST_WAIT else None
    jitter = random.uniform(0.5, 1.0)  # noqa: S311 -- no secret
    return jitter * backoff * 2.0 ** (number - 2)

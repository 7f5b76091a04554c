"""What we send, as JSON."""

import msgspec

from chat.cloudbase import errors


def encoded(value: object) -> bytes:
    """Return `value` as JSON in UTF-8.

    Raises RequestUnwritable for what JSON cannot hold, such as half a character; the value, which
    may hold a key, is not in the frame that raises.
    """
    try:
        return msgspec.json.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        reason = f"{type(error).__name__}: {error}"
    del value
    raise errors.RequestUnwritable(reason)

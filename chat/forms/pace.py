"""How fast a person may ask: the same for the page and for the socket, and for asking again."""

from __future__ import annotations

from django.conf import settings

from chat.limits.errors import TooFast
from chat.operations import rates


def check(user_pk: int) -> None:
    """Count a question of somebody; raises TooFast if that is one too many. Asks the cache."""
    rate = rates.Rate.parse(settings.SEND_RATE)
    if wait := rates.spend(f"send:{user_pk}", rate):
        raise TooFast(retry_after=wait, most=rate.times, seconds=rate.seconds, wait=wait)

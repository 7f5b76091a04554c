"""How fast a person may ask and upload: the same for every page, socket and form."""

from __future__ import annotations

from django.conf import settings

from chat.limits.errors import TooFast, TooManyUploads
from chat.operations import rates


def check(user_pk: int) -> None:
    """Count a question of somebody, also one asked again; raises TooFast if that is one too many.
    Asks the cache."""
    _spend(f"send:{user_pk}", settings.SEND_RATE, TooFast)


def check_upload(user_pk: int) -> None:
    """Count a file that somebody uploads, or the text that they paste in its place; raises
    TooManyUploads if that is one too many. Asks the cache."""
    _spend(f"upload:{user_pk}", settings.UPLOAD_RATE, TooManyUploads)


def _spend(what: str, words: str, refusal: type[TooFast]) -> None:
    rate = rates.Rate.parse(words)
    if wait := rates.spend(what, rate):
        raise refusal(retry_after=wait, most=rate.times, seconds=rate.seconds, wait=wait)

"""Seal and unseal: the only place that touches a cipher."""

from __future__ import annotations

from functools import cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class CannotUnseal(Exception):
    """A sealed value was made with a key that is not among ours: a lost or replaced key file."""


@cache
def _cipher(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def _current() -> MultiFernet:
    return _cipher(tuple(settings.SEALING_KEYS))


def seal(secret: str) -> str:
    """Encrypt `secret` with the newest sealing key; an empty secret stays empty."""
    return _current().encrypt(secret.encode()).decode() if secret else ""


def unseal(sealed: str) -> str:
    """The secret that `seal` was given; raises `CannotUnseal` if none of our keys fits."""
    if not sealed:
        return ""
    try:
        return _current().decrypt(sealed.encode()).decode()
    except InvalidToken as error:
        raise CannotUnseal from error

"""Seal and unseal: the only place that touches a cipher."""

from __future__ import annotations

from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class CannotUnseal(Exception):
    """A sealed value was made with a key that is not among ours: a lost or replaced key file."""


@lru_cache(maxsize=2)
def _cipher(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def _keys() -> tuple[str, ...]:
    """Those that count now, the newest first: another process may have changed the key file."""
    file = settings.SEALING_KEY_FILE
    return tuple(settings.SEALING_KEYS) or (file.keys() if file else ())


def check() -> None:
    """Raise ValueError if a sealing key that counts now is no key."""
    _cipher(_keys())


def seal(secret: str) -> str:
    """Encrypt `secret` with the newest sealing key; an empty secret stays empty."""
    return _cipher(_keys()).encrypt(secret.encode()).decode() if secret else ""


def unseal(sealed: str) -> str:
    """The secret that `seal` was given; raises `CannotUnseal` if none of our keys fits."""
    if not sealed:
        return ""
    try:
        return _cipher(_keys()).decrypt(sealed.encode()).decode()
    except InvalidToken as error:
        raise CannotUnseal from error


def resealed(sealed: str) -> str:
    """The same secret sealed with the newest key, `sealed` itself if it is already.

    Raises `CannotUnseal`.
    """
    return sealed if not sealed or _is_newest(sealed) else seal(unseal(sealed))


def _is_newest(sealed: str) -> bool:
    try:
        _cipher(_keys()[:1]).decrypt(sealed.encode())
    except InvalidToken:
        return False
    return True

"""The first administrator: made through a one-time link that `up` prints."""

from __future__ import annotations

import secrets

from django.conf import settings
from django.contrib.auth import get_user_model
from django.urls import reverse

from chatsite import keyfiles

_PATH = settings.DATA_DIR / "keys" / "first-admin"


def is_missing() -> bool:
    """Whether nobody administers this installation yet."""
    return not get_user_model().objects.filter(is_staff=True).exists()


def link(base_url: str) -> str | None:
    """The one-time link under `base_url`, or None once there is an administrator."""
    if not is_missing():
        forget()
        return None
    return base_url.rstrip("/") + reverse("setup", args=[keyfiles.read_or_create(_PATH)])


def is_valid(token: str) -> bool:
    """Whether `token` is the one of the link, and still of use."""
    if not is_missing() or not _PATH.exists():
        return False
    return secrets.compare_digest(token.encode(), keyfiles.read_or_create(_PATH).encode())


def forget() -> None:
    """Make the link useless."""
    _PATH.unlink(missing_ok=True)

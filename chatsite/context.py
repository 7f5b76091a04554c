"""What every template knows."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest


def site(request: HttpRequest) -> dict[str, object]:
    """Whether sign-up is offered."""
    return {"is_signup_open": settings.IS_SIGNUP_OPEN}

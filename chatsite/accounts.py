"""Who may make an account."""

from __future__ import annotations

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.http import HttpRequest


class Adapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """Sign-up is open only where the operator opened it (CHATSITE_SIGNUP)."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return bool(settings.IS_SIGNUP_OPEN)

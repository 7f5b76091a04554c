"""Who may make an account, where who signs in comes from, and which name they try."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from chat.operations import callers


class Adapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """Sign-up is open only where the operator opened it (CHATSITE_SIGNUP)."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return bool(settings.IS_SIGNUP_OPEN)

    def get_client_ip(self, request: HttpRequest) -> str:
        """The address that rates are counted for: who asked, and not the proxy in between."""
        address = callers.address_of(request)
        if address is None:
            raise PermissionDenied("The address of who asks is not known.")
        return str(address)

    def _get_login_attempts_cache_key(self, _request: HttpRequest, **credentials: Any) -> str:
        """The name that failures are counted for. allauth counts them for each host and port
        besides, and those are what whoever asks says they are."""
        return str(credentials.get("email", credentials.get("username", ""))).lower()

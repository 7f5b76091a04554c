"""Django's admin under our policy: its own scripts run, and sign-in is the one everybody uses."""

from __future__ import annotations

from typing import Any

from allauth.account.decorators import secure_admin_login
from csp.constants import SELF
from csp.decorators import csp_replace
from django.contrib import admin
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _

POLICY = {
    # The admin's scripts are files without a nonce, and its jQuery writes HTML by itself.
    "script-src": [SELF],
    "require-trusted-types-for": None,
    "trusted-types": None,
}


class AdminSite(admin.AdminSite):
    """Only as much looser as Django's own scripts need: inline scripts and styles stay refused."""

    site_header = _("Administration")
    site_title = _("Administration")
    index_title = _("Models and people")

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        return csp_replace(POLICY)(super().admin_view(view, cacheable))

    @method_decorator(login_not_required)
    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        response: HttpResponse = secure_admin_login(super().login)(request, extra_context)
        return response

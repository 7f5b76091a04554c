"""What a view of a signed-in person is handed."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails


class AppRequest(HttpRequest):
    """A request of somebody who is signed in (LoginRequiredMiddleware), as django-htmx sees it."""

    user: User
    htmx: HtmxDetails

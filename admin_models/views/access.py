"""Who may see the pages of environments: those who administer this site."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any

from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django_htmx.middleware import HtmxDetails

View = Callable[..., Any]


class StaffRequest(HttpRequest):
    """A request of somebody who administers this site."""

    user: User
    htmx: HtmxDetails


def for_staff(view: View) -> View:
    """For everybody else who is signed in there is nothing here; nothing is kept in a cache."""

    if iscoroutinefunction(view):

        @wraps(view)
        async def awaited(request: StaffRequest, *arguments: Any, **named: Any) -> HttpResponse:
            if not (await request.auser()).is_staff:
                raise Http404
            response: HttpResponse = await view(request, *arguments, **named)
            return response

        return never_cache(awaited)

    @wraps(view)
    def checked(request: StaffRequest, *arguments: Any, **named: Any) -> HttpResponse:
        if not request.user.is_staff:
            raise Http404
        response: HttpResponse = view(request, *arguments, **named)
        return response

    return never_cache(checked)

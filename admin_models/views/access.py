"""Who may see which page: those who administer this site, or those who look after it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django_htmx.middleware import HtmxDetails

from admin_models import roles

View = Callable[..., Any]


class StaffRequest(HttpRequest):
    """A request of somebody who administers this site or looks after it."""

    user: User
    htmx: HtmxDetails


def for_staff(view: View) -> View:
    """For administrators; for everybody else who is signed in there is nothing here."""
    return _only_for(roles.is_admin, view)


def for_operators(view: View) -> View:
    """For those who look after the site, and for administrators."""
    return _only_for(roles.is_operator, view)


def _only_for(may_see: Callable[[roles.Person], bool], view: View) -> View:
    """404 for whoever may not see it; nothing is kept in a cache."""

    if iscoroutinefunction(view):

        @wraps(view)
        async def awaited(request: StaffRequest, *arguments: Any, **named: Any) -> HttpResponse:
            if not await sync_to_async(may_see)(await request.auser()):
                raise Http404
            response: HttpResponse = await view(request, *arguments, **named)
            return response

        return never_cache(awaited)

    @wraps(view)
    def checked(request: StaffRequest, *arguments: Any, **named: Any) -> HttpResponse:
        if not may_see(request.user):
            raise Http404
        response: HttpResponse = view(request, *arguments, **named)
        return response

    return never_cache(checked)

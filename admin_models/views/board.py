"""The board of all environments, and the button that has them asked again."""

from __future__ import annotations

import asyncio
from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import get_language
from django.views.decorators.http import require_POST, require_safe

from admin_models import roles, row_numbers
from admin_models.models import Environment
from admin_models.preflight import asking
from admin_models.showing import board
from admin_models.views.access import StaffRequest, for_operators


@for_operators
@require_safe
def show(request: StaffRequest) -> HttpResponse:
    """All environments with their models, from what is stored; the socket brings what changes."""
    context = {
        "sections": board.sections(Environment.objects.all()),
        "socket_url": socket_url("board_socket"),
        "may_change": roles.is_admin(request.user),
    }
    return render(request, "admin_models/board.html", context)


@for_operators
@require_POST
async def check(request: StaffRequest) -> HttpResponse:
    """Ask one environment again, or all; for browsers without a socket."""
    named = request.POST.get("environment", "")
    rows = Environment.objects.all()
    if named:
        rows = rows.filter(pk=int(named)) if row_numbers.is_one(named) else rows.none()
    # All at once; each has its own time limit, so that none waits for another.
    await asyncio.gather(*[asking.renew(row.pk) async for row in rows])
    return redirect("environments")


def socket_url(name: str, *arguments: int, **query: str) -> str:
    """The address of a socket, with the language of the page."""
    path = reverse(name, "admin_models.routing", args=arguments)
    return f"{path}?{urlencode(query | {'lang': get_language() or ''})}"

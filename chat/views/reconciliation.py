"""What the environments say was used, against the ledger."""

from __future__ import annotations

from datetime import date

from channels.db import database_sync_to_async
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import aget_object_or_404, get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from admin_models.models import Environment
from admin_models.showing import words
from admin_models.views.access import StaffRequest, for_operators
from chat.cloudbase.errors import CloudBaseError
from chat.models import Reconciliation
from chat.operations.reconciliation import comparing, days, showing


@for_operators
@require_safe
def index(request: StaffRequest) -> HttpResponse:
    """The last days of every environment."""
    return render(
        request,
        "operations/reconciliation.html",
        {"sections": showing.sections(), "days": days.SHOWN, "bar": showing.BAR},
    )


@for_operators
@require_safe
def of_a_day(request: StaffRequest, env_id: str, day: str) -> HttpResponse:
    """One day, with what may explain its difference."""
    row = get_object_or_404(Reconciliation, env_id=env_id, day=_day(day))
    environment = Environment.objects.filter(env_id=env_id).first()
    context = {"detail": showing.detail(row), "row": row, "environment": environment}
    return render(request, "operations/reconciliation_day.html", context)


@for_operators
@require_POST
async def compare(request: StaffRequest, env_id: str) -> HttpResponse:
    """Compare the days of an environment that are not settled."""
    environment = await _environment(env_id)
    error = await comparing.compare_due(environment)
    _tell(request, error, gettext("%(name)s was compared.") % {"name": environment.name})
    return redirect("reconciliation")


@for_operators
@require_POST
async def compare_day(request: StaffRequest, env_id: str, day: str) -> HttpResponse:
    """Compare one day again, settled or not."""
    environment, on = await _environment(env_id), _day(day)
    if not await database_sync_to_async(_is_known)(env_id, on):
        raise Http404
    error = await comparing.compare(environment, on)
    _tell(request, error, gettext("%(day)s was compared.") % {"day": on})
    return redirect("reconciliation_day", env_id, day)


async def _environment(env_id: str) -> Environment:
    return await aget_object_or_404(Environment, env_id=env_id, kind=Environment.Kind.CLOUDBASE)


def _is_known(env_id: str, day: date) -> bool:
    return Reconciliation.objects.filter(env_id=env_id, day=day).exists()


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Http404 from None


def _tell(request: StaffRequest, error: CloudBaseError | None, done: str) -> None:
    if error is None:
        messages.success(request, done)
    else:
        messages.error(request, words.said_by(error.code, error.params))

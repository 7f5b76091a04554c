"""Limits: what there is and how much of it is used, a new one, and changes."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from admin_models import currencies
from admin_models.views.access import StaffRequest, for_operators, for_staff
from chat.forms.limits import LimitForm, zones
from chat.limits import changes, standings
from chat.models import Limit


@for_operators
@require_safe
def index(request: StaffRequest) -> HttpResponse:
    """All limits, and how much of each is used."""
    return render(
        request, "operations/limits.html", {"standings": standings.of(Limit.objects.all())}
    )


@for_operators
@require_http_methods(["GET", "HEAD", "POST"])
def limit(request: StaffRequest, pk: int) -> HttpResponse:
    """One limit and who used what of it; administrators change it here."""
    row = get_object_or_404(Limit, pk=pk)
    if request.user.is_staff:
        return _edited(request, row)
    return _page(request, row, None)


@for_staff
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: StaffRequest) -> HttpResponse:
    """Set a limit."""
    return _edited(request, Limit())


@for_staff
@require_POST
def switch(request: StaffRequest, pk: int) -> HttpResponse:
    """Switch a limit on or off."""
    row = changes.switch(
        request.user, get_object_or_404(Limit, pk=pk).pk, is_on="on" in request.POST
    )
    said = gettext("The limit counts now.") if row.is_on else gettext("The limit is off.")
    messages.success(request, said)
    return redirect("limits")


@for_staff
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: StaffRequest, pk: int) -> HttpResponse:
    """Delete a limit if that is confirmed."""
    row = get_object_or_404(Limit, pk=pk)
    if request.method != "POST":
        context = {"standing": standings.of(Limit.objects.filter(pk=pk))[0]}
        return render(request, "operations/limits_delete.html", context)
    changes.delete(request.user, row)
    messages.success(request, gettext("The limit was deleted."))
    return redirect("limits")


def _edited(request: StaffRequest, row: Limit) -> HttpResponse:
    form = LimitForm(row, request.POST if request.method == "POST" else None)
    if form.is_valid():
        form.keep(request.user)
        messages.success(request, gettext("Saved. It counts everywhere within a second."))
        return redirect("limits")
    return _page(request, row, form)


def _page(request: StaffRequest, row: Limit, form: LimitForm | None) -> HttpResponse:
    found = standings.of(Limit.objects.filter(pk=row.pk)) if row.pk else []
    context = {
        "form": form,
        "standing": found[0] if found else None,
        "currencies": currencies.USUAL,
        "zones": zones() if form else (),
    }
    status = 422 if form and form.errors else 200
    return render(request, "operations/limits_edit.html", context, status=status)

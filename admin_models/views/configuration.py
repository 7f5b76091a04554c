"""The configuration as a file: taken out, looked at before it is taken in, and taken in."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_http_methods, require_safe

from admin_models.configuration import applying, exporting, reading
from admin_models.configuration.applying import NotApplied
from admin_models.configuration.format import Configuration, written
from admin_models.configuration.planning import Plan
from admin_models.configuration.steps import Problem
from admin_models.forms.configuration import ImportForm
from admin_models.showing import configuration as showing
from admin_models.views.access import StaffRequest, for_staff
from chat.forms import pace
from chat.limits.errors import TooManyUploads

MOST_PROBLEMS = 200
"""So many are listed; whoever has more begins with these."""


@for_staff
@require_safe
def export(request: StaffRequest) -> HttpResponse:
    """The file, to be kept; it holds no secret."""
    response = HttpResponse(written(exporting.current()), content_type="application/json")
    name = f"chatsite-configuration-{timezone.localdate():%Y-%m-%d}.json"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@for_staff
@require_http_methods(["GET", "HEAD", "POST"])
def import_(request: StaffRequest) -> HttpResponse:
    """Read a file and show what it would do; do it once that was seen and confirmed."""
    if request.method != "POST":
        return _page(request, ImportForm())
    form = ImportForm(request.POST, request.FILES)
    try:
        pace.check_upload(request.user.pk)
    except TooManyUploads as refusal:
        return _too_many(request, form, refusal)
    if not form.is_valid():
        return _page(request, form.shown_again(), status=422)
    text = form.cleaned_data["text"]
    found = reading.read(text)
    if found.configuration is None:
        return _refused(request, form, found.problems)
    if seen := form.cleaned_data["seen"]:
        return _confirmed(request, form, found.configuration, seen)
    plan = applying.planned(found.configuration)
    if plan.problems:
        return _refused(request, form, plan.problems)
    return _previewed(request, plan, text)


def _too_many(request: StaffRequest, form: ImportForm, refusal: TooManyUploads) -> HttpResponse:
    """The form again, with what was sent as its text: a browser would want the file chosen anew."""
    if form.is_valid():
        form.data = {**dict(form.data.items()), "text": form.cleaned_data["text"]}
    form.add_error(None, gettext(refusal.user_message) % refusal.params)
    response = _page(request, form.shown_again(), status=429)
    response["Retry-After"] = str(refusal.params["wait"])
    return response


def _confirmed(
    request: StaffRequest, form: ImportForm, wanted: Configuration, seen: str
) -> HttpResponse:
    try:
        plan = applying.apply(request.user, wanted, seen)
    except NotApplied as refusal:
        if refusal.plan.problems:
            return _refused(request, form, refusal.plan.problems, status=409)
        return _previewed(request, refusal.plan, form.cleaned_data["text"], is_stale=True)
    number = len(plan.to_do)
    said = ngettext("%(n)s part was imported.", "%(n)s parts were imported.", number)
    messages.success(request, said % {"n": number})
    return redirect("configuration_import")


def _previewed(
    request: StaffRequest, plan: Plan, text: str, *, is_stale: bool = False
) -> HttpResponse:
    context = {
        "preview": showing.of(plan),
        "seen": plan.digest,
        "text": reading.compact(text),
        "is_stale": is_stale,
    }
    status = 409 if is_stale else 200
    return render(request, "admin_models/configuration_preview.html", context, status=status)


def _refused(
    request: StaffRequest, form: ImportForm, problems: tuple[Problem, ...], status: int = 422
) -> HttpResponse:
    context: dict[str, Any] = {"problems": problems[:MOST_PROBLEMS]}
    if more := len(problems[MOST_PROBLEMS:]):
        context["more"] = gettext("%(n)s more are not listed.") % {"n": more}
    return _page(request, form.shown_again(), context, status)


def _page(
    request: StaffRequest,
    form: ImportForm,
    context: dict[str, Any] | None = None,
    status: int = 200,
) -> HttpResponse:
    environments, groups = exporting.without_keys()
    found = {"form": form, "environments": environments, "groups": groups} | (context or {})
    return render(request, "admin_models/configuration.html", found, status=status)

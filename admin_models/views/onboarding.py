"""Onboarding an environment: which one, its keys, and then its checks. Nothing is kept between
the steps but what stands in the address, and no key ever does."""

from __future__ import annotations

from urllib.parse import urlencode

from asgiref.sync import async_to_sync
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from admin_models import environment_changes, trial
from admin_models.forms.onboarding import IdentityForm, KeysForm
from admin_models.showing import trials
from admin_models.views.access import StaffRequest, for_staff
from chat.cloudbase.app import CHINA_REGIONS


@for_staff
@require_safe
def identity(request: StaffRequest) -> HttpResponse:
    """Which environment; a form that is sent leads to the next step, or says what is wrong."""
    is_sent = "next" in request.GET
    form = IdentityForm(request.GET) if is_sent else IdentityForm(initial=request.GET.dict())
    if is_sent and form.is_valid():
        return redirect(f"{reverse('environment_keys_new')}?{_query_of(form.cleaned_data)}")
    context = {"form": form, "regions": sorted(CHINA_REGIONS), "step": 1}
    return render(request, "admin_models/onboarding.html", context)


@for_staff
@require_http_methods(["GET", "HEAD", "POST"])
def keys(request: StaffRequest) -> HttpResponse:
    """The keys: tried as often as wanted, and saved. They never come back into the page."""
    identity_form = IdentityForm(request.GET)
    if not identity_form.is_valid():
        return redirect(f"{reverse('environment_new')}?{request.GET.urlencode()}&next=")
    environment = identity_form.save(commit=False)
    form = KeysForm(environment, request.POST if request.method == "POST" else None)
    tried = None
    if form.is_valid():
        if "try" not in request.POST:
            environment_changes.add(request.user, form.keep(request.user))
            return redirect("environment_preflight", environment.pk)
        tried = trials.shown(async_to_sync(trial.of)(form.keep(request.user)))
    context = {
        "form": form,
        "tried": tried,
        "environment": environment,
        "query": _query_of(identity_form.cleaned_data),
        "step": 2,
    }
    if request.htmx:
        return render(request, "admin_models/_trial.html", context)
    status = 422 if form.errors else 200
    return render(request, "admin_models/onboarding_keys.html", context, status=status)


def _query_of(cleaned: dict[str, object]) -> str:
    """What was typed, as an address holds it."""
    values = {name: "on" if value is True else value for name, value in cleaned.items() if value}
    return urlencode(values)

"""An environment's settings, its keys, and its end."""

from __future__ import annotations

from typing import Any

from asgiref.sync import async_to_sync
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from admin_models import dependents, environment_changes, trial
from admin_models.forms.onboarding import NewKeysForm, SettingsForm
from admin_models.models import AIModel, Environment
from admin_models.preflight import asking, noting
from admin_models.showing import trials
from admin_models.views.access import StaffRequest, for_staff

ADDRESS = ("region", "is_international", "base_url", "control_url")
"""Where an environment is: what was seen elsewhere says nothing about it."""
KEYS = (
    *("sealed_key", "key_set_at", "key_set_by"),
    *("sealed_secret_id", "sealed_secret_key", "cloud_keys_set_at", "cloud_keys_set_by"),
)
"""What a new key changes."""


@for_staff
@require_http_methods(["GET", "HEAD", "POST"])
def settings(request: StaffRequest, pk: int) -> HttpResponse:
    """Rename, enable or disable, make the default, give other addresses."""
    environment = get_object_or_404(Environment, pk=pk)
    form = SettingsForm(request.POST or None, instance=environment)
    if request.method == "POST" and form.is_valid():
        _save_settings(request, form)
        _announce(pk)
        messages.success(request, gettext("Saved."))
        return redirect("environment_settings", pk)
    status = 422 if form.errors else 200
    name = Environment.objects.values_list("name", flat=True).get(pk=pk)
    context = {"form": form, "keys_form": NewKeysForm(environment), "name": name}
    return _page(request, environment, context, status)


@for_staff
@require_http_methods(["GET", "HEAD", "POST"])
def keys(request: StaffRequest, pk: int) -> HttpResponse:
    """Try other keys, and store or remove them; what is stored is never shown."""
    environment = get_object_or_404(Environment, pk=pk, kind=Environment.Kind.CLOUDBASE)
    form = NewKeysForm(environment, request.POST or None)
    tried = None
    if request.method == "POST" and form.is_valid():
        form.keep(request.user)
        if "try" not in request.POST:
            _save_keys(request, environment)
            _announce(pk)
            messages.success(request, gettext("Saved."))
            return redirect("environment_settings", pk)
        tried = trials.shown(async_to_sync(trial.of)(environment))
        environment.refresh_from_db()
    context = {
        "form": SettingsForm(instance=environment),
        "keys_form": form,
        "tried": tried,
        "name": environment.name,
    }
    if request.htmx:
        return render(request, "admin_models/_trial.html", context | {"form": form})
    return _page(request, environment, context, 422 if form.errors else 200)


@for_staff
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: StaffRequest, pk: int) -> HttpResponse:
    """Show what depends on an environment, and delete it if that is confirmed."""
    environment = get_object_or_404(Environment, pk=pk, kind=Environment.Kind.CLOUDBASE)
    if request.method == "POST":
        name = environment.name
        environment_changes.delete(request.user, environment)
        _announce(pk)
        messages.success(request, gettext("%(name)s was deleted.") % {"name": name})
        return redirect("environments")
    context = {
        "environment": environment,
        "models": _models_of(environment),
        "uses": dependents.of(
            AIModel.objects.filter(group__environment=environment),
            Environment.objects.filter(pk=pk),
        ),
    }
    return render(request, "admin_models/delete.html", context)


def _page(
    request: StaffRequest, environment: Environment, context: dict[str, Any], status: int
) -> HttpResponse:
    context |= {"environment": environment}
    return render(request, "admin_models/environment.html", context, status=status)


def _save_settings(request: StaffRequest, form: SettingsForm) -> None:
    """Save; of another address nothing has been seen yet."""
    pk = form.instance.pk
    with environment_changes.recorded(request.user, "environment.updated", pk):
        form.save()
        if set(ADDRESS) & set(form.changed_data):
            noting.forget(pk)


def _save_keys(request: StaffRequest, environment: Environment) -> None:
    pk = environment.pk
    with environment_changes.recorded(request.user, "environment.keys_changed", pk):
        environment.save(update_fields=KEYS)
        noting.forget(pk)


def _announce(pk: int) -> None:
    async_to_sync(asking.announce)(pk)


def _models_of(environment: Environment) -> list[AIModel]:
    rows = AIModel.objects.filter(group__environment=environment).select_related("group")
    return list(rows.order_by("group__name", "name"))

"""Token packs of the local environment: what there is, a new one, more, and none any more."""

from __future__ import annotations

from typing import Any

from asgiref.sync import async_to_sync
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from admin_models import packs
from admin_models.forms.packs import PackForm
from admin_models.models import Environment, TokenPack
from admin_models.preflight import asking
from admin_models.showing import packs as showing
from admin_models.views.access import StaffRequest, for_staff


@for_staff
@require_safe
def index(request: StaffRequest, pk: int) -> HttpResponse:
    """All packs, the newest first."""
    environment = _environment(pk)
    lines = showing.lines(environment.packs.all())
    context = {
        "environment": environment,
        "lines": lines,
        "pays": any(line.is_next for line in lines),
    }
    return render(request, "admin_models/packs.html", context)


@for_staff
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: StaffRequest, pk: int) -> HttpResponse:
    """Issue a pack."""
    environment = _environment(pk)
    form = PackForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        pack = packs.issue(request.user, environment, **form.cleaned_data)
        return _done(request, pack, gettext("%(pack)s was issued."))
    return _page(request, {"environment": environment, "form": form})


@for_staff
@require_http_methods(["GET", "HEAD", "POST"])
def extend(request: StaffRequest, pk: int, pack: int) -> HttpResponse:
    """Give a pack another size or another end."""
    row = _pack(pk, pack)
    form = PackForm(request.POST if request.method == "POST" else None, row)
    if form.is_valid():
        try:
            changed = packs.extend(request.user, pack, **form.cleaned_data)
        except ValidationError as error:
            form.add_error("size_tokens", error)
        else:
            return _done(request, changed, gettext("%(pack)s was extended."))
    return _page(request, {"environment": row.environment, "form": form, "pack": row})


@for_staff
@require_POST
def withdraw(request: StaffRequest, pk: int, pack: int) -> HttpResponse:
    """Let nobody use a pack any more."""
    changed = packs.withdraw(request.user, _pack(pk, pack).pk)
    return _done(request, changed, gettext("%(pack)s was withdrawn."))


@for_staff
@require_POST
def give_back(request: StaffRequest, pk: int, pack: int) -> HttpResponse:
    """Let a pack that was withdrawn be used again."""
    changed = packs.give_back(request.user, _pack(pk, pack).pk)
    return _done(request, changed, gettext("%(pack)s can be used again."))


def _done(request: StaffRequest, pack: TokenPack, said: str) -> HttpResponse:
    """Say so, to whoever did it and to the pages that show whether models can be called."""
    async_to_sync(asking.announce)(pack.environment_id)
    messages.success(request, said % {"pack": pack.package_id})
    return redirect("environment_packs", pack.environment_id)


def _page(request: StaffRequest, context: dict[str, Any]) -> HttpResponse:
    status = 422 if context["form"].errors else 200
    return render(request, "admin_models/pack.html", context, status=status)


def _environment(pk: int) -> Environment:
    return get_object_or_404(Environment, pk=pk, kind=Environment.Kind.LOCAL)


def _pack(environment_pk: int, pk: int) -> TokenPack:
    return get_object_or_404(_environment(environment_pk).packs, pk=pk)

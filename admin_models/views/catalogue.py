"""The managed catalogue of an environment: look something up, and switch it off again. What is
switched on is confirmed with its price first (`preflight.switch_on`)."""

from __future__ import annotations

from typing import Any

from asgiref.sync import async_to_sync
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from admin_models import catalogue, prices
from admin_models.models import Environment, Price
from admin_models.preflight.facts import Facts, Seen
from admin_models.prices import Named
from admin_models.showing import catalogue as showing
from admin_models.showing import words
from admin_models.views import group_page
from admin_models.views.access import StaffRequest, for_staff
from chat.cloudbase.errors import CloudBaseError


@for_staff
@require_safe
def index(request: StaffRequest, pk: int) -> HttpResponse:
    """All that can be switched on, or what a search finds of it."""
    environment, facts = group_page.looked_at(pk)
    query = request.GET.get("q", "").strip()
    own = _own_prices(environment, facts)
    context = {
        "environment": environment,
        "query": query,
        "total": showing.total(facts),
        "models": showing.shown(environment, facts, catalogue.confirmed(environment), own, query),
        "seen": "" if environment.is_local else words.age_of(facts.catalogue.at),
        "problem": _problem(facts.catalogue),
        "can_change": environment.is_local or environment.has_cloud_keys,
    }
    piece = "_catalogue.html" if request.htmx else "catalogue.html"
    return render(request, f"admin_models/{piece}", context)


@for_staff
@require_POST
def switch_off(request: StaffRequest, pk: int) -> HttpResponse:
    """Switch one model off. Answers that are being written go on; nobody can ask it anew."""
    environment = get_object_or_404(Environment, pk=pk)
    group, model = request.POST.get("group", ""), request.POST.get("model", "")
    try:
        async_to_sync(catalogue.switch_off)(request.user, environment.pk, group, model)
    except CloudBaseError as error:
        messages.error(request, group_page.sentence_of(error))
    else:
        said = gettext("%(model)s was switched off. The page of its group can undo that.")
        messages.success(request, said % {"model": model})
    return redirect("environment_catalogue", pk)


def _own_prices(environment: Environment, facts: Facts) -> dict[Named, Price]:
    """What models of this installation cost: its catalogue has no prices."""
    if not environment.is_local:
        return {}
    names = {model.model for group in facts.catalogue.answer or () for model in group.models}
    return prices.current_in(environment.env_id, names)


def _problem(seen: Seen[Any]) -> str:
    failure = seen.failure
    return words.said_by(failure.code, failure.error.get("params") or {}) if failure else ""

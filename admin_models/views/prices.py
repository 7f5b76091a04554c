"""Prices of models: the list of an environment, and the history of one model with a new price."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_safe

from admin_models import currencies, prices
from admin_models.forms.prices import PriceForm
from admin_models.models import AIModel, Environment, Price
from admin_models.prices import Named
from admin_models.showing import price_list
from admin_models.views.access import StaffRequest, for_staff

PAGE_LENGTH = 100
"""Models that the list shows at a time."""
HISTORY_LENGTH = 100
"""The newest prices of a model that its page shows."""


@for_staff
@require_safe
def index(request: StaffRequest, pk: int) -> HttpResponse:
    """Every model of an environment with its price, or only those that have none."""
    environment = get_object_or_404(Environment, pk=pk)
    models = AIModel.objects.filter(group__environment=environment).select_related("group")
    unpriced = _without_price(environment, models)
    is_narrow = "without" in request.GET
    listed = (unpriced if is_narrow else models).order_by("group__name", "name")
    page = Paginator(listed, PAGE_LENGTH).get_page(request.GET.get("page"))
    names = {model.name for model in page}
    current = prices.current_in(environment.env_id, names)
    planned = prices.planned_in(environment.env_id, names)
    context = {
        "environment": environment,
        "page": page,
        "offers": price_list.offers(environment, page, current, planned),
        "unpriced": unpriced.count(),
        "is_narrow": is_narrow,
        "gone": _of_no_model(environment),
    }
    return render(request, "admin_models/prices.html", context)


@for_staff
@require_http_methods(["GET", "HEAD", "POST"])
def model(request: StaffRequest, pk: int, group: str, model: str) -> HttpResponse:
    """All prices that a model had, has and will have; and set another one."""
    environment = get_object_or_404(Environment, pk=pk)
    name = Named(environment.env_id, group, model)
    history = price_list.history(_prices_of(environment, name))
    now = next((shown.price for shown in history if shown.is_current), None)
    form = PriceForm(request.POST if request.method == "POST" else None, now)
    if form.is_valid():
        prices.set_price(
            request.user,
            name,
            currency=form.cleaned_data["currency"],
            tiers=form.tiers,
            valid_from=form.cleaned_data["valid_from"],
        )
        messages.success(request, gettext("Saved."))
        return redirect("model_prices", pk, group, model)
    context = {
        "environment": environment,
        "named": name,
        "history": history,
        "has_price": now is not None,
        "form": form,
        "currencies": currencies.USUAL,
    }
    status = 422 if form.errors else 200
    return render(request, "admin_models/model_prices.html", context, status=status)


def _prices_of(environment: Environment, name: Named) -> list[Price]:
    """The newest prices of a model; 404 for one that has none and is not here either."""
    rows = list(Price.objects.of(*name)[:HISTORY_LENGTH])
    if not rows:
        here = AIModel.objects.filter(group__environment=environment, group__name=name.group)
        get_object_or_404(here, name=name.model)
    return rows


def _without_price(environment: Environment, models: QuerySet[AIModel]) -> QuerySet[AIModel]:
    """Those of `models` that have no price now."""
    priced = Price.objects.filter(
        env_id=environment.env_id, group=OuterRef("group__name"), model=OuterRef("name")
    )
    return models.exclude(Exists(priced.at(timezone.now())))


def _of_no_model(environment: Environment) -> list[Named]:
    """Models that have prices and are not here any more, some of them if they are many."""
    here = AIModel.objects.filter(
        group__environment=environment, group__name=OuterRef("group"), name=OuterRef("model")
    )
    rows = Price.objects.filter(~Exists(here), env_id=environment.env_id).order_by("group", "model")
    names = rows.values_list("env_id", "group", "model").distinct()
    return [Named(*name) for name in names[:PAGE_LENGTH]]

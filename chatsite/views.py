"""The page behind the one-time link of the first administrator, and the figures for operations."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth import get_user_model, login
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.forms import UserCreationForm
from django.contrib.auth.models import User
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseServerError
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from chat import request_ids
from chatsite import first_admin, health


class FirstAdminForm(UserCreationForm):  # type: ignore[type-arg]  # generic only in the stubs
    """Name, e-mail address and password of the first administrator."""

    class Meta(UserCreationForm.Meta):
        model = get_user_model()
        fields = ("username", "email")

    def save(self, commit: bool = True) -> User:
        user: User = super().save(commit=False)
        user.is_staff = user.is_superuser = True
        user.save()
        return user


@login_not_required
@never_cache
@require_http_methods(["GET", "POST"])
def setup(request: HttpRequest, token: str) -> HttpResponse:
    """Make the first administrator and sign them in; the link works once."""
    if not first_admin.is_valid(token):
        raise Http404
    form = FirstAdminForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            user = form.save()
        first_admin.forget()
        login(request, user, backend="django.contrib.auth.backends.ModelBackend")
        return redirect("home")
    return render(request, "chatsite/setup.html", {"form": form})


@login_not_required
@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """The figures of this process for whoever shows the token of `CHATSITE_METRICS_TOKEN` or has
    one of the addresses `CHATSITE_METRICS_ADDRESSES`; for others there is no such page."""
    if not _shows_token(request) and not health.may_see_figures(request):
        raise Http404
    return HttpResponse(generate_latest(), content_type=CONTENT_TYPE_LATEST)


def _shows_token(request: HttpRequest) -> bool:
    token, shown = settings.METRICS_TOKEN, request.headers.get("Authorization", "")
    return bool(token) and constant_time_compare(shown, f"Bearer {token}")


def broken(request: HttpRequest) -> HttpResponse:
    """The page for what nobody expected, with the id under which the log has it.

    Made without a request, and so without what the request's context asks the database for.
    """
    html = render_to_string("500.html", {"request_id": request_ids.current.get()})
    return HttpResponseServerError(html)

"""People and what they may do: the list, somebody new, and one person."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from admin_models import people, roles
from admin_models.forms.people import NewPersonForm, PersonForm
from admin_models.views.access import StaffRequest, for_staff

PAGE_LENGTH = 50
"""People that the list shows at a time."""
SECONDS_A_DAY = 86_400


@for_staff
@require_safe
def index(request: StaffRequest) -> HttpResponse:
    """Everybody who can sign in or could, or those whose names hold what was typed."""
    text = request.GET.get("q", "").strip()
    page = Paginator(people.found(text), PAGE_LENGTH).get_page(request.GET.get("page"))
    lines = [(person, roles.role_of(person).label) for person in page]
    return render(request, "admin_models/people.html", {"page": page, "lines": lines, "text": text})


@for_staff
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: StaffRequest) -> HttpResponse:
    """Make somebody's account; what they may do next is set their password."""
    form = NewPersonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        person = form.make(request.user)
        said = gettext("%(name)s was added. Now make the link with which they set their password.")
        messages.success(request, said % {"name": person})
        return redirect("person", person.pk)
    status = 422 if form.errors else 200
    return render(request, "admin_models/person_new.html", {"form": form}, status=status)


@for_staff
@require_http_methods(["GET", "HEAD", "POST"])
def person(request: StaffRequest, pk: int) -> HttpResponse:
    """Change somebody's role and teams, let them in or keep them out."""
    found = get_object_or_404(User, pk=pk)
    form = PersonForm(found, request.POST if request.method == "POST" else None)
    if form.is_valid() and form.keep(request.user):
        messages.success(request, gettext("Saved."))
        has_left = found == request.user and not roles.is_admin(found)
        return redirect("home") if has_left else redirect("person", pk)
    return _page(request, pk, form, status=422 if form.errors else 200)


@for_staff
@require_POST
def link(request: StaffRequest, pk: int) -> HttpResponse:
    """Show, this once, the link with which somebody sets their first password."""
    found = get_object_or_404(User, pk=pk, is_active=True)
    if found.has_usable_password():
        messages.error(request, gettext("They have a password already."))
        return redirect("person", pk)
    with transaction.atomic():
        address = people.link_for(request, found)
    days = settings.PASSWORD_RESET_TIMEOUT // SECONDS_A_DAY
    return _page(request, pk, PersonForm(found), link=address, days=days)


def _page(
    request: StaffRequest, pk: int, form: PersonForm, status: int = 200, **context: Any
) -> HttpResponse:
    context |= {"person": User.objects.get(pk=pk), "form": form}
    return render(request, "admin_models/person.html", context, status=status)

"""Teams: who belongs to each, and which models it allows."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_safe

from admin_models import dependents, teams
from admin_models.forms.teams import TeamForm
from admin_models.models import Team
from admin_models.views.access import StaffRequest, for_staff


@for_staff
@require_safe
def index(request: StaffRequest) -> HttpResponse:
    """All teams, everyone first."""
    return render(request, "admin_models/teams.html", {"teams": teams.counted()})


@for_staff
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: StaffRequest) -> HttpResponse:
    """Make a team."""
    return _edited(request, Team())


@for_staff
@require_http_methods(["GET", "HEAD", "POST"])
def team(request: StaffRequest, pk: int) -> HttpResponse:
    """Change a team."""
    return _edited(request, get_object_or_404(Team, pk=pk))


@for_staff
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: StaffRequest, pk: int) -> HttpResponse:
    """Delete a team if that is confirmed."""
    found = get_object_or_404(Team, pk=pk, is_everyone=False)
    if request.method != "POST":
        context = {
            "team": found,
            "people": found.members.order_by("username"),
            "uses": dependents.of(Team.objects.filter(pk=pk)),
        }
        return render(request, "admin_models/team_delete.html", context)
    teams.delete(request.user, found)
    messages.success(request, gettext("%(name)s was deleted.") % {"name": found.name})
    return redirect("teams")


def _edited(request: StaffRequest, row: Team) -> HttpResponse:
    name = str(row)
    form = TeamForm(request.POST if request.method == "POST" else None, instance=row)
    if form.is_valid():
        form.keep(request.user)
        messages.success(request, gettext("Saved."))
        return redirect("teams")
    context = {"form": form, "team": row, "name": name}
    return render(request, "admin_models/team.html", context, status=422 if form.errors else 200)

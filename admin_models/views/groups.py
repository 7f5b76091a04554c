"""The groups of an environment: all of them, a new one, one to change, and their end."""

from __future__ import annotations

from typing import Any

from asgiref.sync import async_to_sync
from django.contrib import messages
from django.forms import BaseFormSet
from django.http import Http404, HttpResponse
from django.shortcuts import aget_object_or_404, get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from admin_models import dependents, group_changes, model_lists
from admin_models.forms.groups import GroupForm, GroupNameForm, NewGroupForm
from admin_models.forms.model_lists import EntryForm, SeenForm, entry_forms, wanted
from admin_models.models import AIModel, Environment
from admin_models.preflight import asking
from admin_models.showing import groups, words
from admin_models.views import group_page
from admin_models.views.access import StaffRequest, for_staff
from admin_models.views.group_lists import difference_page
from admin_models.views.group_page import Place, sentence_of
from chat.cloudbase import group_names
from chat.cloudbase.control_plane import OFF, ON, AIModelEntry
from chat.cloudbase.errors import CloudBaseError


@for_staff
@require_safe
def index(request: StaffRequest, pk: int) -> HttpResponse:
    """All groups as they were seen last."""
    environment, facts = group_page.looked_at(pk)
    failure = facts.groups.failure
    context = {
        "environment": environment,
        "groups": groups.shown(environment, facts, environment.groups.select_related("key_set_by")),
        "seen": "" if environment.is_local else words.age_of(facts.groups.at),
        "problem": words.said_by(failure.code, failure.error.get("params") or {})
        if failure
        else "",
        "can_change": environment.is_local or environment.has_cloud_keys,
    }
    return render(request, "admin_models/groups.html", context)


@for_staff
@require_POST
async def recheck(request: StaffRequest, pk: int, back: str = "environment_groups") -> HttpResponse:
    """Ask the environment again for its groups and its catalogue, and go back to the page."""
    await aget_object_or_404(Environment, pk=pk)
    await asking.renew(pk, *group_page.LOOKED_AT)
    return redirect(back, pk)


@for_staff
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: StaffRequest, pk: int) -> HttpResponse:
    """Register a group: everything at once, as nothing is replaced by it."""
    environment = get_object_or_404(Environment, pk=pk)
    data = request.POST if request.method == "POST" else None
    named = {"name": request.GET.get("name", ""), "more": request.GET.get("model", "")}
    form = NewGroupForm(environment, data, initial=named)
    if form.is_valid():
        try:
            _create(request, environment, form)
        except CloudBaseError as error:
            form.add_error(None, sentence_of(error))
        else:
            name = form.cleaned_data["name"]
            messages.success(request, gettext("%(group)s was registered.") % {"group": name})
            return redirect("group_settings", pk, name)
    return new_page(request, environment, form, status=422 if form.errors else 200)


@for_staff
@require_safe
def check_name(request: StaffRequest, pk: int) -> HttpResponse:
    """What is wrong with the name of a new group, while it is typed."""
    environment = get_object_or_404(Environment, pk=pk)
    form = GroupNameForm(environment, {"name": request.GET.get("name", "")})
    return render(request, "admin_models/_name_check.html", {"form": form})


@for_staff
@require_http_methods(["GET", "HEAD", "POST"])
def settings(request: StaffRequest, pk: int, name: str) -> HttpResponse:
    """The address, the key and the list of a group. The list is replaced only after its change
    was shown."""
    place = group_page.found(pk, name)
    if request.method != "POST":
        return group_page.shown(request, place)
    if not place.is_custom:
        raise Http404
    form = GroupForm(place.environment, request.POST, group=place.group, row=place.row)
    entries = entry_forms(place.group.models, request.POST)
    if not (form.is_valid() & entries.is_valid()):
        return group_page.shown(
            request, place, form, entries, status=422, ticks=group_page.ticks(form)
        )
    return _saved(request, place, form, entries)


@for_staff
@require_POST
def switch(request: StaffRequest, pk: int, name: str) -> HttpResponse:
    """Switch a whole group on or off. Answers that are being written go on."""
    status = ON if request.POST.get("status") == str(ON) else OFF
    try:
        async_to_sync(group_changes.update)(request.user, _environment(pk), name, status=status)
    except CloudBaseError as error:
        messages.error(request, sentence_of(error))
    else:
        said = (
            gettext("%(group)s is on.")
            if status == ON
            else gettext("%(group)s is off: nobody can call its models now.")
        )
        messages.success(request, said % {"group": name})
    return redirect("group_settings", pk, name)


@for_staff
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: StaffRequest, pk: int) -> HttpResponse:
    """Show what depends on the chosen groups, and delete them if that is confirmed."""
    environment = get_object_or_404(Environment, pk=pk)
    given = request.POST if request.method == "POST" else request.GET
    names = [name for name in dict.fromkeys(given.getlist("group")) if group_names.is_custom(name)]
    if not names:
        messages.info(request, gettext("Choose the groups that are to be deleted."))
        return redirect("environment_groups", pk)
    problem = ""
    if request.method == "POST":
        try:
            async_to_sync(group_changes.delete)(request.user, pk, names)
        except CloudBaseError as error:
            problem = sentence_of(error)
        else:
            messages.success(request, gettext("Deleted: %(names)s.") % {"names": ", ".join(names)})
            return redirect("environment_groups", pk)
    models = AIModel.objects.filter(group__environment=environment, group__name__in=names)
    context = {
        "environment": environment,
        "names": names,
        "models": models.select_related("group").order_by("group__name", "name"),
        "uses": dependents.of(models),
        "problem": problem,
    }
    return render(
        request, "admin_models/groups_delete.html", context, status=409 if problem else 200
    )


def new_page(
    request: StaffRequest,
    environment: Environment,
    form: GroupForm,
    *,
    status: int = 200,
    **more: Any,
) -> HttpResponse:
    """The page of a new group, with what was sent."""
    context = {
        "environment": environment,
        "form": form,
        "is_custom": True,
        "ticks": group_page.ticks(form),
        "can_change": environment.is_local or environment.has_cloud_keys,
    }
    return render(request, "admin_models/group_new.html", context | more, status=status)


def _environment(pk: int) -> int:
    """The number of an environment that is there."""
    return get_object_or_404(Environment, pk=pk).pk


def _create(request: StaffRequest, environment: Environment, form: NewGroupForm) -> None:
    typed = form.cleaned_data
    async_to_sync(group_changes.create)(
        request.user,
        environment.pk,
        typed["name"],
        base_url=typed["base_url"],
        models=[AIModelEntry(name) for name in form.added],
        remark=typed["remark"],
        status=ON if typed["is_on"] else OFF,
        secret=form.secret,
    )


def _saved(
    request: StaffRequest, place: Place, form: GroupForm, entries: BaseFormSet[EntryForm]
) -> HttpResponse:
    """Save the settings at once; a list that is to change is shown first."""
    try:
        has_saved = _save_settings(request, place, form)
    except CloudBaseError as error:
        form.add_error(None, sentence_of(error))
        return group_page.shown(
            request, place, form, entries, status=409, ticks=group_page.ticks(form)
        )
    if has_saved:
        messages.success(request, gettext("The settings were saved."))
    listing = SeenForm(request.POST)
    seen = listing.cleaned_data["seen"] if listing.is_valid() else place.group.models
    wish = wanted(entries, form.added)
    if model_lists.difference(seen, wish):
        name = place.group.group_name
        return difference_page(request, place.environment, name, seen, wish)
    if not has_saved:
        messages.info(request, gettext("Nothing was changed."))
    return redirect("group_settings", place.environment.pk, place.group.group_name)


def _save_settings(request: StaffRequest, place: Place, form: GroupForm) -> bool:
    """Save what differs from what there is; whether anything does."""
    typed, group = form.cleaned_data, place.group
    changes = {
        name: typed[name]
        for name, present in (("base_url", group.base_url), ("remark", group.remark))
        if typed[name] != present.rstrip("/")
    }
    if form.secret is not None:
        changes["secret"] = form.secret
    if changes:
        async_to_sync(group_changes.update)(
            request.user, place.environment.pk, group.group_name, **changes
        )
    return bool(changes)

"""The list of a group: its change shown, made, disputed and taken back."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from asgiref.sync import async_to_sync
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from admin_models import group_changes, model_lists
from admin_models.forms.model_lists import DecisionForm, ReplacementForm
from admin_models.group_errors import ListConflict
from admin_models.model_lists import Difference, Entries
from admin_models.models import Environment, ListVersion
from admin_models.showing import groups
from admin_models.views.access import StaffRequest, for_staff
from admin_models.views.group_page import sentence_of
from chat.cloudbase.control_plane import AIModelEntry
from chat.cloudbase.errors import CloudBaseError


@dataclass(frozen=True, slots=True)
class Dispute:
    """A model that two people changed differently."""

    model: str
    seen: str
    theirs: str
    yours: str


def difference_page(
    request: StaffRequest,
    environment: Environment,
    group: str,
    seen: Entries,
    wanted: Entries,
    *,
    problem: str = "",
) -> HttpResponse:
    """What a list gains, loses and changes, to be confirmed."""
    difference = model_lists.difference(seen, wanted)
    context = {
        "environment": environment,
        "group": group,
        "changes": groups.changes(difference),
        "kept": len(wanted) - len(difference.added) - len(difference.changed),
        "form": ReplacementForm(initial={"seen": tuple(seen), "wanted": tuple(wanted)}),
        "problem": problem,
    }
    status = 409 if problem else 200
    return render(request, "admin_models/group_difference.html", context, status=status)


@for_staff
@require_POST
def replace(request: StaffRequest, pk: int, name: str) -> HttpResponse:
    """Make the change of a list that was shown and confirmed."""
    environment = get_object_or_404(Environment, pk=pk)
    is_decided = "current" in request.POST
    form = DecisionForm(request.POST) if is_decided else ReplacementForm(request.POST)
    if not form.is_valid():
        messages.error(request, gettext("The list did not arrive. Nothing was changed."))
        return redirect("group_settings", pk, name)
    seen, wanted = form.cleaned_data["seen"], form.cleaned_data["wanted"]
    if is_decided:
        seen, wanted = _decided(request, form.cleaned_data["current"], seen, wanted)
    try:
        outcome = async_to_sync(group_changes.update)(
            request.user, pk, name, seen=seen, wanted=wanted
        )
    except ListConflict as conflict:
        return _conflict_page(request, environment, conflict, seen, wanted)
    except CloudBaseError as error:
        said = sentence_of(error)
        return difference_page(request, environment, name, seen, wanted, problem=said)
    _tell(request, outcome.difference)
    return redirect("group_settings", pk, name)


@for_staff
@require_POST
def undo(request: StaffRequest, pk: int, version: int) -> HttpResponse:
    """Take back one change of a list, and nothing that was done since."""
    row = get_object_or_404(ListVersion.objects.select_related("environment"), pk=version)
    environment = get_object_or_404(Environment, pk=pk, list_versions=row)
    try:
        outcome = async_to_sync(group_changes.undo)(request.user, version)
    except ListConflict as conflict:
        after, before = model_lists.read(row.after), model_lists.read(row.before)
        return _conflict_page(request, environment, conflict, after, before)
    except CloudBaseError as error:
        messages.error(request, sentence_of(error))
    else:
        _tell(request, outcome.difference)
    return redirect("group_settings", pk, row.group)


def _tell(request: StaffRequest, difference: Difference) -> None:
    if difference:
        messages.success(request, groups.changed_words(difference))
    else:
        messages.info(request, gettext("The list is as you want it; nothing had to be changed."))


def _conflict_page(
    request: StaffRequest,
    environment: Environment,
    conflict: ListConflict,
    seen: Entries,
    wanted: Entries,
) -> HttpResponse:
    current = conflict.current.models if conflict.current else ()
    old, now, wish = (model_lists.by_name(entries) for entries in (seen, current, wanted))
    context = {
        "environment": environment,
        "group": conflict.params["group"],
        "problem": sentence_of(conflict),
        "disputes": [
            Dispute(name, *(groups.entry_words(entries.get(name)) for entries in (old, now, wish)))
            for name in conflict.names
        ],
        "theirs": _undisputed(conflict.theirs, conflict.names),
        "yours": _undisputed(conflict.yours, conflict.names),
        "form": DecisionForm(
            initial={"seen": tuple(seen), "wanted": tuple(wanted), "current": current}
        ),
    }
    return render(request, "admin_models/group_conflict.html", context, status=409)


def _undisputed(difference: Difference, names: Collection[str]) -> list[groups.Change]:
    return [change for change in groups.changes(difference) if change.model not in names]


def _decided(
    request: StaffRequest, current: Entries, seen: Entries, wanted: Entries
) -> tuple[Entries, Entries]:
    """A change that disputes nothing any more.

    What somebody insists on, they have now seen as it is; of what they give up, they want what
    they saw. So a third change in between is still noticed.
    """
    names = request.POST.getlist("disputed")
    mine = {name for at, name in enumerate(names) if request.POST.get(f"take-{at}") == "mine"}
    return (
        _with(seen, model_lists.by_name(current), mine),
        _with(wanted, model_lists.by_name(seen), set(names) - mine),
    )


def _with(entries: Entries, others: Mapping[str, AIModelEntry], names: Iterable[str]) -> Entries:
    """The entries, with those of `names` as the others have them."""
    found = model_lists.by_name(entries)
    for name in names:
        if name in others:
            found[name] = others[name]
        else:
            found.pop(name, None)
    return tuple(found.values())

"""What the pages of a group have in common: where they are, and what they show."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from asgiref.sync import async_to_sync
from django.db.models import QuerySet
from django.forms import BaseFormSet
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render

from admin_models import endpoint_trial
from admin_models.forms.groups import GroupForm
from admin_models.forms.model_lists import EntryForm, SeenForm, entry_forms
from admin_models.models import Environment, ListVersion, ModelGroup
from admin_models.preflight import asking, seeing
from admin_models.preflight.facts import Facts
from admin_models.showing import groups, words
from admin_models.views.access import StaffRequest
from chat.cloudbase import group_names
from chat.cloudbase.control_plane import AIModelGroup
from chat.cloudbase.errors import CloudBaseError

LOOKED_AT = ("DescribeAIModels", "DescribeManagedAIModelList")
"""What the pages of groups and of the catalogue show."""


@dataclass(frozen=True, slots=True)
class Place:
    """A group as it was seen last, and our row of it."""

    environment: Environment
    group: AIModelGroup
    row: ModelGroup | None

    @property
    def is_custom(self) -> bool:
        """Whether the group has an address and a list of its own."""
        return group_names.is_custom(self.group.group_name)


@dataclass(frozen=True, slots=True)
class Line:
    """A model that a group lists: its form, our row's number, and what it was seen to do."""

    form: EntryForm
    pk: int | None
    abilities: groups.ShownAbilities | None


def looked_at(pk: int) -> tuple[Environment, Facts]:
    """An environment and what is known of it; one that was never asked is asked now."""
    environment = get_object_or_404(Environment, pk=pk)
    facts = seeing.facts_of(environment)
    if facts.groups.at is None and facts.groups.failure is None:
        async_to_sync(asking.renew)(pk, *LOOKED_AT)
        facts = seeing.facts_of(environment)
    return environment, facts


def found(pk: int, name: str) -> Place:
    """The group of that name; Http404 if the environment was not seen to have it."""
    environment, facts = looked_at(pk)
    group = facts.group(name)
    if group is None:
        raise Http404
    row = environment.groups.select_related("key_set_by").filter(name=name).first()
    return Place(environment, group, row)


def sentence_of(error: CloudBaseError) -> str:
    """What an error says, in the language that is active."""
    return words.filled(error.user_message, error.params)


def shown(
    request: StaffRequest,
    place: Place,
    form: GroupForm | None = None,
    entries: BaseFormSet[EntryForm] | None = None,
    *,
    status: int = 200,
    **more: Any,
) -> HttpResponse:
    """The page of one group, with what was sent or as the group is."""
    group, environment = place.group, place.environment
    entries = entries if entries is not None else entry_forms(group.models)
    seen = SeenForm(request.POST if form is not None else None, initial={"seen": group.models})
    context = {
        "environment": environment,
        "group": group,
        "row": place.row,
        "is_custom": place.is_custom,
        "address": groups.address_of(group),
        "key": groups.key_of(environment, place.row) if place.is_custom else None,
        "form": form or GroupForm(environment, initial=_initial(group), group=group, row=place.row),
        "entries": entries,
        "seen": seen,
        "lines": _lines(place, entries),
        "versions": groups.versions(_versions(place)),
        "known_models": [entry.model for entry in group.models],
    }
    return render(request, "admin_models/group.html", context | more, status=status)


def ticks(form: GroupForm, names: Iterable[str] = ()) -> list[tuple[str, bool]]:
    """Models to choose from, those that the endpoint has and those that were ticked before."""
    value = form["fetched"].value() or []
    ticked = {str(name) for name in value}
    return [(name, name in ticked) for name in dict.fromkeys((*names, *map(str, value)))]


def _initial(group: AIModelGroup) -> dict[str, Any]:
    return {"base_url": groups.address_of(group), "remark": group.remark}


def _lines(place: Place, entries: BaseFormSet[EntryForm]) -> list[Line]:
    names = [str(form["model"].value() or "") for form in entries]
    known = endpoint_trial.known(place.group.base_url, names)
    pks = dict(place.row.models.values_list("name", "pk")) if place.row else {}
    return [
        Line(form, pks.get(name), groups.abilities_of(known.get(name)))
        for form, name in zip(entries, names, strict=True)
    ]


def _versions(place: Place) -> QuerySet[ListVersion]:
    rows = ListVersion.objects.filter(environment=place.environment, group=place.group.group_name)
    return rows[: groups.UNDOABLE]

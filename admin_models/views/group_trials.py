"""Trying a group with the values of its form, before anything is saved."""

from __future__ import annotations

from typing import Any

from asgiref.sync import async_to_sync
from django.forms import BaseFormSet
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from admin_models import connections, endpoint_trial, signals
from admin_models.endpoint_trial import Candidate
from admin_models.forms.groups import GroupForm, NewGroupForm
from admin_models.forms.model_lists import EntryForm, entry_forms
from admin_models.models import Environment
from admin_models.showing import groups, trials
from admin_models.views import group_page
from admin_models.views.access import StaffRequest, for_staff
from admin_models.views.group_page import Place, sentence_of
from admin_models.views.groups import new_page

_NEEDED = ("base_url", "api_key", "trial_model")
"""The fields that a trial looks at; whatever else is wrong can wait."""


class _Sent:
    """The form of a new group or of one that is there, as it was sent."""

    def __init__(self, request: StaffRequest, pk: int, name: str) -> None:
        self.request = request
        self.place: Place | None = group_page.found(pk, name) if name else None
        self.entries: BaseFormSet[EntryForm] | None = None
        self.form: GroupForm
        if self.place is None:
            self.environment = get_object_or_404(Environment, pk=pk)
            self.form = NewGroupForm(self.environment, request.POST)
        else:
            if not self.place.is_custom:
                raise Http404
            self.environment = self.place.environment
            self.form = GroupForm(
                self.environment, request.POST, group=self.place.group, row=self.place.row
            )
            self.entries = entry_forms(self.place.group.models, request.POST)

    def refusals(self) -> list[str]:
        """Why it cannot be tried."""
        found = self.form.errors
        wrong = [f"{self.form[n].label}: {e}" for n in _NEEDED for e in found.get(n, ())]
        if not wrong and self.form.cleaned_data.get("secret_id"):
            wrong.append(
                gettext("A secret id and key can only be tried by the environment itself.")
            )
        if not wrong and self.place and not (self.environment.is_local or self.form.has_typed_key):
            wrong.append(gettext("The environment keeps the key and shows it to nobody: enter it."))
        return wrong

    def candidate(self) -> Candidate:
        """What is tried. Raises `connections.KeyUnreadable`."""
        typed, row = self.form.cleaned_data, self.place.row if self.place else None
        key = typed["api_key"]
        if not key and row is not None and not typed.get("remove_key"):
            key = connections.stored_key(row)  # the form sees to it that the address is the same
        return Candidate(typed["base_url"], key)

    @property
    def group_name(self) -> str:
        """What the group is called, or is to be; empty as long as that is nothing legal."""
        typed: str = self.form.cleaned_data.get("name", "")
        return self.place.group.group_name if self.place else typed

    def names(self) -> list[str]:
        """The models that the group is to list, as far as they can be read."""
        entries = self.entries if self.entries is not None and self.entries.is_valid() else ()
        kept = [f.entry.model for f in entries if not f.cleaned_data["is_removed"]]
        return [*kept, *self.form.added]

    def answer(self, piece: str, **found: Any) -> HttpResponse:
        """A piece of the page for htmx; else all of it, with what was sent but the keys."""
        if self.request.htmx:
            return render(self.request, piece, {"environment": self.environment, **found})
        found = {"ticks": group_page.ticks(self.form), **found}
        if self.place is None:
            return new_page(self.request, self.environment, self.form, **found)
        return group_page.shown(self.request, self.place, self.form, self.entries, **found)


@for_staff
@require_POST
def trial(request: StaffRequest, pk: int, name: str = "") -> HttpResponse:
    """Call the endpoint with what stands in the form, and keep what was learned of the model."""
    sent = _Sent(request, pk, name)
    refusals = sent.refusals()
    model = sent.form.cleaned_data.get("trial_model") or next(iter(sent.names()), "")
    if not refusals and not model:
        refusals = [gettext("Enter a model for the test, or fetch the list first.")]
    if refusals:
        return sent.answer("admin_models/_group_trial.html", trial_refusals=refusals)
    try:
        tried = async_to_sync(endpoint_trial.of)(sent.candidate(), model)
    except connections.KeyUnreadable as error:
        return sent.answer("admin_models/_group_trial.html", trial_refusals=[sentence_of(error)])
    if tried.abilities is not None:
        endpoint_trial.keep(tried.abilities)
    signals.tell_called(request.user.pk, sent.environment, sent.group_name, tried.calls)
    return sent.answer(
        "admin_models/_group_trial.html",
        tried=trials.shown([tried.tried]),
        learned=groups.abilities_of(tried.abilities),
    )


@for_staff
@require_POST
def list_models(request: StaffRequest, pk: int, name: str = "") -> HttpResponse:
    """Ask the endpoint which models it has, and offer those that are not in the group."""
    sent = _Sent(request, pk, name)
    if refusals := sent.refusals():
        return sent.answer("admin_models/_fetched.html", list_refusals=refusals)
    try:
        listed = async_to_sync(endpoint_trial.listed)(sent.candidate())
    except connections.KeyUnreadable as error:
        return sent.answer("admin_models/_fetched.html", list_refusals=[sentence_of(error)])
    present = {entry.model for entry in sent.place.group.models} if sent.place else set()
    new = [each for each in listed.names if each not in present]
    return sent.answer(
        "admin_models/_fetched.html",
        ticks=group_page.ticks(sent.form, new),
        list_findings=[] if listed.names else [trials.finding(listed.finding)],
        has_fetched=bool(listed.names),
    )

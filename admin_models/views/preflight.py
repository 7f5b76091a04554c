"""May this environment call this model? The checks, and what helps where one is not passed."""

from __future__ import annotations

from typing import Any

from asgiref.sync import async_to_sync
from channels.db import database_sync_to_async
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import aget_object_or_404, get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from admin_models import catalogue, catalogue_prices
from admin_models.forms.preflight import ConfirmationForm, SubjectForm
from admin_models.models import Environment
from admin_models.preflight import asking, rules, seeing
from admin_models.preflight.checks import Subject
from admin_models.preflight.facts import Facts
from admin_models.showing import checklist, prices, words
from admin_models.views.access import StaffRequest, for_staff
from admin_models.views.board import socket_url
from chat.cloudbase.control_plane import ManagedModel
from chat.cloudbase.errors import CloudBaseError


@for_staff
@require_safe
def show(request: StaffRequest, pk: int) -> HttpResponse:
    """The checks as far as they are known; the socket asks for the rest and brings it."""
    environment = get_object_or_404(Environment, pk=pk)
    facts = seeing.facts_of(environment)
    form = SubjectForm(request.GET)
    context = {
        "environment": environment,
        "form": form,
        "known_models": _known_models(facts),
    }
    if not form.is_valid():
        return render(request, "admin_models/preflight.html", context)
    subject = form.subject(facts)
    is_due = checklist.is_due(facts)
    context |= {
        "checklist": checklist.of(environment, facts, subject, is_checking=is_due),
        "group_typed": _group_typed(form, facts, subject),
        "query": checklist.query_of(subject),
        "socket_url": socket_url("preflight_socket", pk, **form.data),
    }
    return render(request, "admin_models/preflight.html", context)


@for_staff
@require_POST
async def check(request: StaffRequest, pk: int) -> HttpResponse:
    """Ask the environment again; for browsers without a socket."""
    await aget_object_or_404(Environment, pk=pk)
    await asking.renew(pk)
    return redirect(_address(request, pk))


@for_staff
@require_POST
async def call(request: StaffRequest, pk: int) -> HttpResponse:
    """Make the real call of one token; for browsers without a socket."""
    environment = await aget_object_or_404(Environment, pk=pk)
    form = SubjectForm(request.GET)
    if form.is_valid():
        subject = form.subject(await database_sync_to_async(seeing.facts_of)(environment))
        if subject.group and subject.model:
            await asking.try_call(pk, subject.group, subject.model, request.user.pk)
    return redirect(_address(request, pk))


@for_staff
@require_http_methods(["GET", "HEAD", "POST"])
def switch_on(request: StaffRequest, pk: int) -> HttpResponse:
    """Switch a model on, once its price was seen and confirmed."""
    environment = get_object_or_404(Environment, pk=pk)
    facts = seeing.facts_of(environment)
    form = SubjectForm(request.GET)
    if not form.is_valid():
        return redirect(_address(request, pk))
    subject = form.subject(facts)
    there = f"{reverse('environment_preflight', args=[pk])}?{checklist.query_of(subject)}"
    confirmation = ConfirmationForm(
        request.POST if request.method == "POST" else None,
        is_international=environment.is_international,
    )
    problem = ""
    if confirmation.is_valid():
        problem = _switched_on(request, pk, subject, confirmation.cleaned_data)
        if not problem:
            messages.success(request, _said(facts, subject))
            return redirect(there)
        facts = seeing.facts_of(environment)  # the catalogue was read again
    context = {
        "environment": environment,
        "subject": subject,
        "confirmation": confirmation,
        "problem": problem,
        "is_on": _is_on(facts, subject),
        "is_unread": facts.catalogue.answer is None,
        "back": there,
    }
    context |= _priced(facts.managed(subject.group, subject.model))
    status = 409 if confirmation.is_bound else 200
    return render(request, "admin_models/switch_on.html", context, status=status)


def _is_on(facts: Facts, subject: Subject) -> bool:
    """Whether there is only a price to confirm."""
    group = facts.group(subject.group)
    return group is not None and group.is_on and group.offers(subject.model)


def _said(facts: Facts, subject: Subject) -> str:
    """What was done to what was so before."""
    if _is_on(facts, subject):
        return gettext("The price of %(model)s was confirmed.") % {"model": subject.model}
    return gettext("%(model)s was switched on.") % {"model": subject.model}


def _priced(managed: ManagedModel | None) -> dict[str, Any]:
    """The price for a person, and as it is confirmed."""
    if managed is None:
        return {"prices": [], "seen": ""}
    return {"prices": prices.lines(managed), "seen": catalogue_prices.words(managed)}


def _switched_on(
    request: StaffRequest, pk: int, subject: Subject, confirmed: dict[str, str]
) -> str:
    """Switch on what was confirmed; the sentence of what kept it from being done, or nothing."""
    try:
        async_to_sync(catalogue.switch_on)(
            request.user,
            pk,
            subject.group,
            subject.model,
            confirmed["price"],
            confirmed["currency"],
        )
    except CloudBaseError as error:
        return words.filled(error.user_message, error.params)
    return ""


def _group_typed(form: SubjectForm, facts: Facts, subject: Subject) -> str:
    """The group, if it is another one than what was asked for leads to by itself."""
    follows = rules.suggested(subject.intent, facts, form.cleaned_data["model"])
    return "" if follows.group == subject.group else subject.group


def _known_models(facts: Facts) -> list[str]:
    """Names to choose from: the catalogue's, and those that are switched on."""
    managed = {model.model for group in facts.catalogue.answer or () for model in group.models}
    listed = {entry.model for group in facts.groups.answer or () for entry in group.models}
    return sorted(managed | listed)


def _address(request: StaffRequest, pk: int) -> str:
    return f"{reverse('environment_preflight', args=[pk])}?{request.GET.urlencode()}"

"""Alerts: what goes on now, the rules, who is told, and what happened."""

from __future__ import annotations

from asgiref.sync import async_to_sync
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import get_language, gettext, ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from admin_models import row_numbers
from admin_models.views.access import StaffRequest, for_operators, for_staff
from chat.forms.alerts import RecipientForm, RuleForm
from chat.models import Alert, AlertRecipient, AlertRule
from chat.operations.alerts import kinds, rules, showing, testing
from chat.operations.alerts.kinds import Measure

PAGE_LENGTH = 50
"""Alerts that the history shows at a time."""


@for_operators
@require_safe
def index(request: StaffRequest) -> HttpResponse:
    """What goes on, what is watched, and who is told."""
    context = {
        "going_on": showing.history(Alert.objects.filter(ended_at=None)),
        "rules": showing.rule_lines(),
        "recipients": showing.recipient_lines(),
        "jobs": showing.job_lines(),
    }
    return render(request, "operations/alerts.html", context)


@for_operators
@require_safe
def history(request: StaffRequest) -> HttpResponse:
    """What happened, the newest first; `before` in the address is where the last page ended."""
    before = request.GET.get("before", "")
    rows = Alert.objects.filter(pk__lt=int(before)) if row_numbers.is_one(before) else Alert.objects
    found = list(rows.order_by("-pk")[: PAGE_LENGTH + 1])
    context = {
        "alerts": showing.history(Alert.objects.filter(pk__in=[a.pk for a in found[:PAGE_LENGTH]])),
        "older": found[PAGE_LENGTH - 1].pk if len(found) > PAGE_LENGTH else None,
        "is_first": "before" not in request.GET,
    }
    return render(request, "operations/alerts_history.html", context)


# Rules


@for_staff
@require_POST
def make_sensible(request: StaffRequest) -> HttpResponse:
    """Make the rules to begin with."""
    made = rules.make_sensible(request.user)
    said = ngettext("%(n)d rule was made.", "%(n)d rules were made.", made)
    messages.success(request, said % {"n": made})
    return redirect("alerts")


@for_staff
@require_http_methods(["GET", "HEAD", "POST"])
def new_rule(request: StaffRequest, measure: str = "") -> HttpResponse:
    """First what is to be watched, then the rule about it."""
    if not measure:
        context = {"kinds": showing.kind_choices()}
        return render(request, "operations/alerts_kinds.html", context)
    if measure not in Measure:
        raise Http404
    return _rule_page(request, rules.new(Measure(measure)))


@for_staff
@require_http_methods(["GET", "HEAD", "POST"])
def rule(request: StaffRequest, pk: int) -> HttpResponse:
    """Change a rule."""
    return _rule_page(request, get_object_or_404(AlertRule, pk=pk))


def _rule_page(request: StaffRequest, row: AlertRule) -> HttpResponse:
    form = RuleForm(request.POST if request.method == "POST" else None, row)
    if form.is_valid():
        rules.keep(request.user, form.instance, form.cleaned_data["recipients"])
        messages.success(request, gettext("%(name)s was saved.") % {"name": form.instance.name})
        return redirect("alerts")
    context = {
        "form": form,
        "rule": row,
        "about": kinds.of(row).about,
        "models": showing.model_names(),
    }
    status = 422 if form.errors else 200
    return render(request, "operations/alerts_rule.html", context, status=status)


@for_staff
@require_http_methods(["GET", "HEAD", "POST"])
def delete_rule(request: StaffRequest, pk: int) -> HttpResponse:
    """Ask, then delete a rule."""
    row = get_object_or_404(AlertRule, pk=pk)
    if request.method == "POST":
        rules.delete(request.user, row)
        messages.success(request, gettext("%(name)s was deleted.") % {"name": row.name})
        return redirect("alerts")
    context = {"name": row.name, "is_rule": True}
    return render(request, "operations/alerts_delete.html", context)


# Recipients


@for_staff
@require_http_methods(["GET", "HEAD", "POST"])
def new_recipient(request: StaffRequest) -> HttpResponse:
    """Add somebody who is told."""
    return _recipient_page(request, AlertRecipient())


@for_staff
@require_http_methods(["GET", "HEAD", "POST"])
def recipient(request: StaffRequest, pk: int) -> HttpResponse:
    """Change who is told, and try whether it arrives."""
    return _recipient_page(request, get_object_or_404(AlertRecipient, pk=pk))


def _recipient_page(request: StaffRequest, row: AlertRecipient) -> HttpResponse:
    form = RecipientForm(request.POST if request.method == "POST" else None, row)
    if form.is_valid():
        typed = form.cleaned_data
        rules.keep_recipient(
            request.user,
            form.changed_recipient,
            secret=typed["signing_secret"],
            remove_secret=typed.get("remove_secret", False),
        )
        messages.success(request, gettext("%(name)s was saved.") % {"name": row.name})
        return redirect("alert_recipient", row.pk)
    return _recipient_shown(request, row, form)


def _recipient_shown(
    request: StaffRequest, row: AlertRecipient, form: RecipientForm, tried: object = None
) -> HttpResponse:
    title = AlertRecipient.objects.filter(pk=row.pk).values_list("name", flat=True).first()
    context = {
        "form": form,
        "recipient": row,
        "title": title,
        "tried": tried,
        "deliveries": showing.deliveries(row) if row.pk else (),
    }
    status = 422 if form.errors else 200
    return render(request, "operations/alerts_recipient.html", context, status=status)


@for_staff
@require_POST
def try_recipient(request: StaffRequest, pk: int) -> HttpResponse:
    """Send a notice there, now, and show what came back."""
    row = get_object_or_404(AlertRecipient, pk=pk)
    outcomes = async_to_sync(testing.try_out)(row, get_language() or "en")
    tried = showing.tried(outcomes)
    return _recipient_shown(request, row, RecipientForm(None, row), tried)


@for_staff
@require_http_methods(["GET", "HEAD", "POST"])
def delete_recipient(request: StaffRequest, pk: int) -> HttpResponse:
    """Ask, then delete who is told."""
    row = get_object_or_404(AlertRecipient, pk=pk)
    if request.method == "POST":
        rules.delete_recipient(request.user, row)
        messages.success(request, gettext("%(name)s was deleted.") % {"name": row.name})
        return redirect("alerts")
    context = {"name": row.name, "rules": row.rules.all()}
    return render(request, "operations/alerts_delete.html", context)

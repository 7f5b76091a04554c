"""Who used what: the dashboard, the rows behind its figures, and what goes on now."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import get_language, gettext
from django.views.decorators.http import require_http_methods, require_safe

from admin_models import roles
from admin_models.models import AIModel, ModelGroup
from admin_models.views.access import StaffRequest, for_operators
from chat.figures import sums
from chat.forms.usage import CorrectionForm, DashboardForm, RowsForm, UsageForm
from chat.ledger import entries
from chat.models import Usage
from chat.operations import dashboard as showing
from chat.operations import ledger_rows, live_board, periods
from chat.operations.links import Links
from chat.operations.periods import Choice

SUGGESTIONS: Final = 200
"""Names that a field of the filter offers."""


@for_operators
@require_safe
def dashboard(request: StaffRequest) -> HttpResponse:
    """What was used in a period."""
    form = DashboardForm(request.GET)
    links, now = Links("usage", form.state), timezone.now()
    if not form.is_valid():
        return _refused(request, form, links, "operations/usage.html")
    context = {
        "shown": showing.of(form.chosen, form.narrowing, form.dimension, links, now),
        "compared": [
            format_html("<time>{}</time>", word) for word in periods.words(form.chosen.before(now))
        ],
        "is_running": form.chosen.span.end > now,
    }
    return render(request, "operations/usage.html", context | _frame(form, links))


@for_operators
@require_safe
def rows(request: StaffRequest) -> HttpResponse:
    """The rows of a period, the newest first; `before` in the address is where the last page
    ended."""
    form = RowsForm(request.GET)
    links = Links("usage_rows", form.state)
    if not form.is_valid():
        return _refused(request, form, links, "operations/rows.html")
    found = sums.rows(form.span, form.narrowing, **form.more)
    page = ledger_rows.page(found, request.GET.get("before", ""))
    context = {
        "page": page,
        "older": links.rows(before=page.older) if page.older else "",
        "newest": links.rows() if "before" in request.GET else "",
    }
    return render(request, "operations/rows.html", context | _frame(form, links))


@for_operators
@require_http_methods(["GET", "HEAD", "POST"])
def row(request: StaffRequest, pk: int) -> HttpResponse:
    """Everything that the ledger keeps of a request; administrators correct it here."""
    found = get_object_or_404(ledger_rows.whole(), pk=pk)
    may_correct = roles.is_admin(request.user) and found.corrects_id is None
    form = CorrectionForm(found, request.POST or None) if may_correct else None
    if form is not None and request.method == "POST":
        if _corrected(request.user, found, form):
            messages.success(request, gettext("The correction stands in the ledger."))
            return redirect("usage_row", pk)
        found = ledger_rows.whole().get(pk=pk)
    context = {"row": ledger_rows.shown(found), "form": form}
    is_wrong = form is not None and bool(form.errors)
    return render(request, "operations/row.html", context, status=422 if is_wrong else 200)


@for_operators
@require_safe
def live(request: StaffRequest) -> HttpResponse:
    """What goes on now, as far as this process knows; the socket brings the rest."""
    language = urlencode({"lang": get_language() or ""})
    context = {
        "board": live_board.first(),
        "socket_url": f"{reverse('live_socket', 'chat.routing')}?{language}",
    }
    return render(request, "operations/live.html", context)


def _corrected(actor: User, found: Usage, form: CorrectionForm) -> bool:
    """Add a correction to the ledger; False if the form or the ledger refuses it."""
    if not form.is_valid():
        return False
    try:
        with transaction.atomic():
            form.expect(Usage.objects.select_for_update().get(pk=found.pk).corrections.count())
            entries.correct(actor, found, **form.correction)
    except ValidationError as error:
        form.refuse(error)
        return False
    return True


def _refused(request: StaffRequest, form: UsageForm, links: Links, page: str) -> HttpResponse:
    """The page with what is wrong in the filter, and without figures."""
    return render(request, page, _frame(form, links), status=422)


def _frame(form: UsageForm, links: Links) -> dict[str, Any]:
    """What stands around the figures: the period, the filter, what is left out."""
    narrowed = form.narrowed
    return {
        "form": form,
        "period": form.chosen,
        "shown_days": periods.words(form.chosen.span),
        "periods": _periods(form, links),
        "chips": [(title, value, links.same(**{name: ""})) for name, title, value in narrowed],
        "everything": links.same(**{name: "" for name, _title, _value in narrowed}),
        "time_zone": settings.TIME_ZONE,
        "suggestions": _suggestions(),
        "query": links.query,
    }


def _periods(form: UsageForm, links: Links) -> list[tuple[str, str, bool]]:
    """Title, address and whether it is the one that is shown, of each that has a name."""
    return [
        (
            str(choice.label),
            links.same(period=choice.value, **_UNDATED),
            form.chosen.choice is choice,
        )
        for choice in Choice
        if choice is not Choice.CUSTOM
    ]


_UNDATED: Final = dict.fromkeys(("since", "until", "step", "hour"), "")


def _suggestions() -> dict[str, list[str]]:
    """What fields of the filter offer. Three queries."""
    return {
        "groups": _names(ModelGroup.objects.values_list("name", flat=True)),
        "models": _names(AIModel.objects.values_list("name", flat=True)),
        "people": _names(User.objects.values_list("username", flat=True)),
    }


def _names(found: QuerySet[Any, str]) -> list[str]:
    return sorted(found.order_by().distinct()[:SUGGESTIONS])

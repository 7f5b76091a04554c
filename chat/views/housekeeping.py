"""Housekeeping: how it stands, how long data is kept, and what is kept about a person."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from typing import IO, Any, Final

from asgiref.sync import async_to_sync, sync_to_async
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from admin_models import audit, roles
from admin_models.views.access import StaffRequest, for_operators, for_staff
from chat.forms.housekeeping import EraseForm, EraseMyselfForm, RetentionForm
from chat.models import JobState, Retention
from chat.operations import erasure, person_export, retention, sizes
from chat.operations.doctor.findings import State
from chat.views.requests import AppRequest

_PIECE: Final = 256 * 1024
_SPOOLED: Final = 4 * 1024 * 1024
"""Bytes of a person's data that are in memory; more goes to the disk."""
_DOTS: Final = {State.OK: "ok", State.WARNING: "unknown", State.ERROR: "not_ok"}


@for_operators
@require_safe
def index(request: StaffRequest) -> HttpResponse:
    """Jobs, sizes, and how long data is kept."""
    now = timezone.now()
    context = {
        "jobs": [(row, row.condition(now)) for row in JobState.objects.all()],
        "tables": sizes.tables(),
        "places": sizes.places(),
        "rules": retention.told(),
    }
    return render(request, "operations/housekeeping.html", context)


@for_operators
@require_safe
def doctor(request: StaffRequest) -> HttpResponse:
    """Examine everything now, and show what was found: what is wrong first."""
    from chat.operations.doctor import examining  # noqa: PLC0415  # of use now and then alone

    order = [State.ERROR, State.WARNING, State.OK]
    findings = sorted(examining.findings(), key=lambda finding: order.index(finding.state))
    lines = [(finding, _DOTS[finding.state]) for finding in findings]
    return render(request, "operations/housekeeping_doctor.html", {"lines": lines})


@for_staff
@require_http_methods(["GET", "HEAD", "POST"])
def keep(request: StaffRequest) -> HttpResponse:
    """Say how long data is kept: shown first with what it would delete, then saved."""
    form = RetentionForm(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        status = 422 if form.errors else 200
        return render(
            request, "operations/housekeeping_retention.html", {"form": form}, status=status
        )
    if "confirmed" in request.POST:
        retention.keep_to(request.user, form.limits())
        messages.success(request, gettext("Saved. It counts from the next run on."))
        return redirect("housekeeping")
    counts = retention.preview(form.limits())
    lines = [(Retention.Kind(kind).label, count) for kind, count in counts.items()]
    context = {"form": form, "lines": lines, "is_previewed": True}
    return render(request, "operations/housekeeping_retention.html", context)


# A person's data


@for_staff
@require_http_methods(["GET", "HEAD", "POST"])
def person(request: StaffRequest, pk: int) -> HttpResponse:
    """What is kept about somebody; erase it once their name was typed."""
    found = get_object_or_404(User, pk=pk)
    form = EraseForm(found, request.POST if request.method == "POST" else None)
    name = found.get_username()
    if form.is_valid() and _is_erased(request.user, form):
        messages.success(request, gettext("%(name)s was erased.") % {"name": name})
        return redirect("people" if found.pk != request.user.pk else "account_login")
    return _page(request, "operations/housekeeping_person.html", form)


@for_staff
@require_POST
def export_person(request: StaffRequest, pk: int) -> StreamingHttpResponse:
    """Somebody's data as a file; that it was taken is written down."""
    found = get_object_or_404(User, pk=pk)
    with transaction.atomic():
        audit.record(request.user, "person.exported", roles.subject_of(found))
    return _export(found)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def mine(request: AppRequest) -> HttpResponse:
    """What is kept about oneself; erase it with name and password."""
    form = EraseMyselfForm(request.user, request.POST if request.method == "POST" else None)
    if form.is_valid() and _is_erased(request.user, form):
        logout(request)
        messages.success(request, gettext("Your account and all that you wrote are erased."))
        return redirect("account_login")
    return _page(request, "operations/housekeeping_mine.html", form)


@never_cache
@require_POST
def export_mine(request: AppRequest) -> StreamingHttpResponse:
    """One's own data as a file."""
    return _export(request.user)


def _is_erased(actor: User, form: EraseForm) -> bool:
    """Whether the person could be erased; if not, an error of the form says why."""
    try:
        async_to_sync(erasure.erase)(actor, form.person)
    except (roles.LastAdmin, erasure.StillAnswering) as refusal:
        form.add_error(None, str(refusal.user_message))
        return False
    return True


def _page(request: HttpRequest, template: str, form: EraseForm) -> HttpResponse:
    context: dict[str, Any] = {
        "person": form.person,
        "form": form,
        "preview": erasure.preview(form.person),
        "obstacles": list(erasure.obstacles(form.person)),
    }
    return render(request, template, context, status=422 if form.errors else 200)


def _export(person: User) -> StreamingHttpResponse:
    file = tempfile.SpooledTemporaryFile(_SPOOLED)  # noqa: SIM115  # closed when it was sent
    person_export.write(person, file, timezone.now())
    response = StreamingHttpResponse(_pieces(file), content_type="application/zip")
    response["Content-Length"] = file.tell()
    name = f"data-{person.pk}-{timezone.now():%Y-%m-%d}.zip"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


async def _pieces(file: IO[bytes]) -> AsyncIterator[bytes]:
    with file:
        file.seek(0)
        while piece := await sync_to_async(file.read, thread_sensitive=False)(_PIECE):
            yield piece

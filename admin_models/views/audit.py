"""The audit log: page by page, and as a file of what is filtered."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any, Final

from channels.db import database_sync_to_async
from django.db.models import QuerySet
from django.http import HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from admin_models import row_numbers, spreadsheets
from admin_models.forms.audit import FilterForm
from admin_models.models import AuditEntry
from admin_models.showing import audit as showing
from admin_models.views.access import StaffRequest, for_operators

PAGE_LENGTH = 50
"""Entries that the page shows at a time."""
AT_A_TIME = 500
"""Entries of a file that are in memory at once."""
ACTORS = 200
"""Names that the filter suggests."""
COLUMNS: Final = (
    "id",
    "time",
    "person",
    "person_id",
    "action",
    "kind",
    "key",
    "subject",
    "before",
    "after",
)
"""Of a file; what reads it relies on them (docs/administration.md)."""


@for_operators
@require_safe
def index(request: StaffRequest) -> HttpResponse:
    """What was changed, the newest first; `before` in the address is where the last page ended."""
    form = FilterForm(request.GET)
    rows = list(_before(form.found(), request.GET.get("before", ""))[: PAGE_LENGTH + 1])
    entries = showing.entries(rows[:PAGE_LENGTH])
    context = {
        "form": form,
        "entries": entries,
        "older": rows[PAGE_LENGTH - 1].pk if len(rows) > PAGE_LENGTH else None,
        "is_first": "before" not in request.GET,
        "is_filtered": bool(form.changed_data),
        "query": _filters(request.GET),
        "actors": _actors(),
    }
    return render(request, "admin_models/audit.html", context, status=422 if form.errors else 200)


@for_operators
@require_safe
async def export(request: StaffRequest) -> HttpResponse | StreamingHttpResponse:
    """The entries as CSV; filters that are wrong are told on the page."""
    form = FilterForm(request.GET)
    if not form.is_valid():
        return redirect(f"{reverse('audit_log')}?{_filters(request.GET)}")
    response = StreamingHttpResponse(_file(form.found()), content_type=spreadsheets.CONTENT_TYPE)
    name = f"audit-{timezone.now():%Y-%m-%d}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


async def _file(found: QuerySet[AuditEntry]) -> AsyncIterator[str]:
    """Piece by piece, so that a log of any length takes no memory."""
    yield spreadsheets.BYTE_ORDER_MARK + spreadsheets.lines([COLUMNS])
    before = ""
    while rows := await _read(_before(found, before)[:AT_A_TIME]):
        yield spreadsheets.lines(map(_cells, rows))
        before = str(rows[-1].pk)


@database_sync_to_async
def _read(rows: QuerySet[AuditEntry]) -> list[AuditEntry]:
    return list(rows)


def _cells(row: AuditEntry) -> tuple[Any, ...]:
    return (
        row.pk,
        row.at,
        row.actor,
        row.actor_pk,
        row.action,
        row.subject_kind,
        row.subject_key,
        row.subject,
        _json(row.before),
        _json(row.after),
    )


def _json(state: dict[str, Any]) -> str:
    return json.dumps(state, ensure_ascii=False, sort_keys=True)


def _before(rows: QuerySet[AuditEntry], pk: str) -> QuerySet[AuditEntry]:
    """Those older than an entry; all of them where the address names none."""
    return rows.filter(pk__lt=int(pk)) if row_numbers.is_one(pk) else rows


def _filters(typed: QueryDict) -> str:
    """What is filtered by, as an address holds it."""
    query = typed.copy()
    query.pop("before", None)
    return query.urlencode()


def _actors() -> list[str]:
    names = AuditEntry.objects.order_by("actor").values_list("actor", flat=True)
    return list(names.distinct()[:ACTORS])

"""The ledger as a file: the form that says of what, and the file."""

from __future__ import annotations

from typing import Final

from channels.db import database_sync_to_async
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from admin_models.spreadsheets import BYTE_ORDER_MARK
from admin_models.views.access import StaffRequest, for_operators
from chat.forms.exports import ExportForm
from chat.operations import exports
from chat.operations.exports import Format, sending

UNSAID: Final = {"of": "rows", "format": Format.CSV.value}
"""What the form says until somebody chooses."""


@for_operators
@require_safe
async def export(request: StaffRequest) -> HttpResponseBase:
    """The form; or the file, if the address says in which format."""
    return await _answered(request)


def file(request: HttpRequest, form: ExportForm, *, is_for_people: bool) -> HttpResponseBase:
    """The file that a valid form asks for; of a HEAD request only what it is. People open theirs
    in spreadsheets."""
    chosen = Format(form.cleaned_data["format"])
    headers = {
        "Content-Type": chosen.content_type,
        "Content-Disposition": f'attachment; filename="{form.file_name}"',
    }
    if request.method == "HEAD":
        return HttpResponse(headers=headers)
    start = BYTE_ORDER_MARK if is_for_people and chosen is Format.CSV else ""
    pieces = exports.written(form.table, chosen, start.encode())
    return StreamingHttpResponse(sending.sent(pieces), headers=headers)


@database_sync_to_async
def _answered(request: StaffRequest) -> HttpResponseBase:
    form = ExportForm(UNSAID | request.GET.dict())
    if form.is_valid():
        if "format" in request.GET:
            return file(request, form, is_for_people=True)
        form = ExportForm(form.dated)
    return render(
        request, "operations/export.html", {"form": form}, status=422 if form.errors else 200
    )

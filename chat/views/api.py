"""The ledger for programs: the pages and files that a token of `usage:read` may read."""

from __future__ import annotations

from typing import Final

from channels.db import database_sync_to_async
from django.http import JsonResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from chat.forms.exports import JSON, ApiForm, What
from chat.operations.api import ApiError, ApiRequest, with_token
from chat.operations.exports import CONTENT_TYPES, as_json_lines, pages
from chat.operations.tokens import Scope
from chat.views.exports import file

_ACCEPTED: Final = {
    "application/json": JSON,
    **{full.partition(";")[0]: form.value for form, full in CONTENT_TYPES.items()},
}


@with_token(Scope.USAGE_READ)
@require_safe
async def usage_rows(request: ApiRequest) -> HttpResponseBase:
    """One row for each request, the oldest first."""
    return await _answered(request, What.ROWS)


@with_token(Scope.USAGE_READ)
@require_safe
async def usage_sums(request: ApiRequest) -> HttpResponseBase:
    """The sums by hour or day, and by what `by` says."""
    return await _answered(request, What.SUMS)


@database_sync_to_async
def _answered(request: ApiRequest, what: What) -> HttpResponseBase:
    form = ApiForm(what, request.GET.dict(), _preferred(request))
    if form.unknown:
        said = gettext("There is no parameter %(name)s.")
        raise ApiError(said % {"name": form.unknown[0]})
    if not form.is_valid():
        raise ApiError(_first_of(form))
    response = _page(form) if form.is_paged else file(request, form, is_for_people=False)
    patch_vary_headers(response, ["Accept", "Authorization"])
    return response


def _page(form: ApiForm) -> HttpResponseBase:
    try:
        page = pages.read(form.table, form.cleaned_data["cursor"], form.page_length)
    except pages.WrongCursor as error:
        raise ApiError(gettext("cursor: It is none that this address gave out.")) from error
    rows = as_json_lines.objects(form.table.columns, page.rows)
    return JsonResponse({"data": rows, "next_cursor": page.next or None})


def _preferred(request: ApiRequest) -> str:
    """The format that the program accepts best; JSON where it does not say, or knows none."""
    found = request.get_preferred_type(list(_ACCEPTED))
    return _ACCEPTED[found] if found else JSON


def _first_of(form: ApiForm) -> str:
    """What is wrong, and where."""
    name, errors = next(iter(form.errors.items()))
    return f"{name}: {' '.join(map(str, errors))}"

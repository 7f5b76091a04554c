"""Tokens for programs: what there is, a new one shown once, and one that works no more."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST

from admin_models.views.access import StaffRequest, for_operators
from chat.forms.tokens import TokenForm
from chat.models import ApiToken
from chat.operations import tokens


@for_operators
@require_http_methods(["GET", "HEAD", "POST"])
def index(request: StaffRequest) -> HttpResponse:
    """The tokens that one may see; a new one is on the page that answers its form, and never
    again."""
    form = TokenForm(request.user, request.POST if request.method == "POST" else None)
    if form.is_valid():
        made, shown = form.make()
        return _page(request, TokenForm(request.user), made, shown)
    return _page(request, form)


@for_operators
@require_POST
def revoke(request: StaffRequest, pk: int) -> HttpResponse:
    """Let a token work no more."""
    token = get_object_or_404(tokens.seen_by(request.user), pk=pk)
    if tokens.revoke(request.user, token):
        messages.success(request, gettext("%(name)s was revoked.") % {"name": token.name})
    return redirect("api_tokens")


def _page(
    request: StaffRequest, form: TokenForm, made: ApiToken | None = None, shown: str = ""
) -> HttpResponse:
    rows = [(row, *tokens.state_of(row)) for row in tokens.seen_by(request.user)]
    context = {"form": form, "rows": rows, "made": made, "shown": shown}
    status = 422 if form.errors else 200
    return render(request, "operations/tokens.html", context, status=status)

"""What programs ask over HTTP: who asks is said by a token, and every refusal is JSON.

    @with_token(Scope.USAGE_READ)
    @require_safe
    async def rows(request: ApiRequest) -> HttpResponse: ...

The view raises ApiError for what it refuses. Sessions and cookies count for nothing here.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any, Final

from channels.db import database_sync_to_async
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase, JsonResponse
from django.http.response import HttpResponseNotAllowed
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from chat import request_ids
from chat.models import ApiToken
from chat.operations import callers, rates, tokens
from chat.operations.tokens import Scope

logger = logging.getLogger(__name__)

View = Callable[..., Any]
WRONG_TOKENS: Final = rates.Rate.parse("20/m")
"""How often one address may show a token that is none. Right ones are heard all the same."""
_BEARER: Final = re.compile(r"Bearer +(\S+) *", re.IGNORECASE)


class ApiRequest(HttpRequest):
    """A request of a program, in the name of the person who made its token."""

    user: User
    token: ApiToken


class ApiError(Exception):
    """A refusal, as a program reads it: `code` stays, `message` is for people."""

    status = 400
    code = "bad_request"
    message: Any = _("The request could not be understood.")

    def __init__(self, message: Any = None, headers: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self.message = message or self.message
        self.headers = dict(headers or {})


class TokenMissing(ApiError):
    status = 401
    code = "token_missing"
    message = _("Send a token: Authorization: Bearer …")


class TokenUnknown(ApiError):
    status = 401
    code = "token_unknown"
    message = _("There is no such token.")


class TokenRevoked(ApiError):
    status = 401
    code = "token_revoked"
    message = _("This token was revoked.")


class TokenExpired(ApiError):
    status = 401
    code = "token_expired"
    message = _("This token has expired.")


class ScopeMissing(ApiError):
    status = 403
    code = "scope_missing"
    message = _("This token is not for that.")


class OwnerMayNot(ApiError):
    status = 403
    code = "owner_may_not"
    message = _("The person who made this token may not do that any more.")


class Forbidden(ApiError):
    status = 403
    code = "forbidden"
    message = _("That is not allowed.")


class NotFound(ApiError):
    status = 404
    code = "not_found"
    message = _("There is nothing at this address.")


class MethodNotAllowed(ApiError):
    status = 405
    code = "method_not_allowed"
    message = _("This address does not know that method.")


class TooOften(ApiError):
    """`seconds` is how long to wait."""

    status = 429
    code = "too_many_requests"
    message = _("Too many requests. Try again in a moment.")

    def __init__(self, seconds: int) -> None:
        super().__init__(headers={"Retry-After": str(seconds)})


class Broken(ApiError):
    status = 500
    code = "internal_error"
    message = _("Something went wrong here. It was written down.")


def with_token(scope: Scope) -> Callable[[View], View]:
    """For programs whose token has `scope`; the view gets an ApiRequest. Outermost decorator.

    Costs one query, one more for an owner who is no administrator, and a write a minute.
    """

    def decorated(view: View) -> View:
        answer = _awaited(view, scope) if iscoroutinefunction(view) else _called(view, scope)
        return login_not_required(csrf_exempt(never_cache(answer)))

    return decorated


@login_not_required
@never_cache
def nothing(request: HttpRequest, **_named: str) -> HttpResponseBase:
    """The answer of every address of the API that there is not."""
    return _told(NotFound())


def _called(view: View, scope: Scope) -> View:
    @wraps(view)
    def called(request: ApiRequest, *arguments: Any, **named: Any) -> HttpResponseBase:
        try:
            _let_in(request, scope)
            return _as_json(view(request, *arguments, **named))
        except Exception as error:
            return _told(_refusal(error))

    return called


def _awaited(view: View, scope: Scope) -> Callable[..., Awaitable[HttpResponseBase]]:
    @wraps(view)
    async def awaited(request: ApiRequest, *arguments: Any, **named: Any) -> HttpResponseBase:
        try:
            await database_sync_to_async(_let_in)(request, scope)
            return _as_json(await view(request, *arguments, **named))
        except Exception as error:
            return _told(_refusal(error))

    return awaited


def _let_in(request: ApiRequest, scope: Scope) -> None:
    """Put the token and its owner into the request; raises ApiError."""
    token = _token_of(request)
    _refuse_too_often(f"api:token:{token.pk}", rates.Rate.parse(settings.API_RATE))
    if scope not in token.scopes:
        raise ScopeMissing
    if not tokens.may_hold(token.owner, scope):
        raise OwnerMayNot
    ApiToken.objects.used(token)
    request.token, request.user = token, token.owner


def _token_of(request: HttpRequest) -> ApiToken:
    """The token that is shown, if it works."""
    shown = _BEARER.fullmatch(request.headers.get("Authorization", ""))
    if shown is None:
        raise TokenMissing
    token = tokens.found(shown[1])
    if token is None:
        _refuse_too_often(f"api:address:{callers.address_of(request)}", WRONG_TOKENS)
        raise TokenUnknown
    if token.revoked_at is not None:
        raise TokenRevoked
    if token.is_expired:
        raise TokenExpired
    return token


def _refuse_too_often(what: str, rate: rates.Rate) -> None:
    if seconds := rates.spend(what, rate):
        raise TooOften(seconds)


def _as_json(response: HttpResponseBase) -> HttpResponseBase:
    """What Django's own decorators refuse, in our words."""
    if isinstance(response, HttpResponseNotAllowed):
        return _told(MethodNotAllowed(headers={"Allow": response["Allow"]}))
    return response


def _refusal(error: Exception) -> ApiError:
    """Whatever a view raised, as a program is told; the edge of a request."""
    match error:
        case ApiError():
            return error
        case Http404():
            return NotFound()
        case PermissionDenied():
            return Forbidden()
    logger.error("an answer to a program broke", exc_info=error)
    return Broken()


def _told(error: ApiError) -> JsonResponse:
    said = {
        "code": error.code,
        "message": str(error.message),
        "request_id": request_ids.current.get(),
    }
    response = JsonResponse({"error": said}, status=error.status, headers=error.headers)
    if error.status == TokenMissing.status:
        response["WWW-Authenticate"] = 'Bearer realm="chatsite"'
    return response

"""What stands around every HTTP request and socket: its id, its count, its step in a trace."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any, Final

from django.http import HttpRequest, HttpResponse

from chat import request_ids, tracing
from chat.operations import callers, measures
from chat.turns import about
from chat.turns.about import About

HEADER: Final = "X-Request-ID"

_is_well_formed = re.compile(r"[A-Za-z0-9_-]{8,64}").fullmatch


def watched(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[..., HttpResponse]:
    """The first middleware of all, so that it sees what the others answer, too. Not async, as
    whitenoise behind it is not: one more change of threads would gain nothing."""

    def respond(request: HttpRequest) -> HttpResponse:
        request_id = _id_of(request)
        # Not taken back: the server answers each request in a context of its own, and what Django
        # still logs of it when we are through has its id.
        request_ids.current.set(request_id)
        with tracing.step("http request", request_id=request_id) as step:
            response = get_response(request)
            view = _view_of(request)
            step.note(view=view, status=response.status_code)
        measures.REQUESTS.labels(view, str(response.status_code)).inc()
        response.headers[HEADER] = request_id
        return response

    return respond


def _id_of(request: HttpRequest) -> str:
    """The id that one of our proxies gave the request, as its own log has it; else a new one.

    Anybody else's is not taken: two requests might then share one, or logs hold what somebody
    wrote into them.
    """
    given = request.headers.get(HEADER, "")
    if _is_well_formed(given) and callers.is_from_proxy(request):
        return given
    return request_ids.new()


def _view_of(request: HttpRequest) -> str:
    """The name of the view; there are as many as there are addresses in urls.py."""
    match = request.resolver_match
    return (match.view_name or "") if match else ""


class WatchedSockets:
    """An ASGI application around that of the sockets: an open one counts, and its log lines have
    an id and the number of the person."""

    def __init__(self, application: Callable[..., Awaitable[None]]) -> None:
        self._application = application

    async def __call__(
        self,
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[dict[str, Any]]],
        send: Callable[[dict[str, Any]], Awaitable[None]],
    ) -> None:
        # Each socket has a task, and so a context, of its own.
        request_ids.current.set(request_ids.new())
        about.current.set(About(user=scope["user"].pk))
        with measures.connected(scope["user"].pk):
            await self._application(scope, receive, send)

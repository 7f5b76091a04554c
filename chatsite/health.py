"""What probes ask: is this process alive, and can it serve?"""

from __future__ import annotations

from collections.abc import Mapping

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from chat.operations import callers, readiness


@login_not_required
@never_cache
@require_safe
async def alive(_request: HttpRequest) -> HttpResponse:
    """200 as long as the event loop turns; nothing else is looked at."""
    return HttpResponse("ok\n", content_type="text/plain")


@login_not_required
@never_cache
@require_safe
async def ready(request: HttpRequest) -> HttpResponse:
    """200 while this process can serve, else 503; also once it was told to end.

    What is in the way is told to this machine and to `CHATSITE_METRICS_ADDRESSES`.
    """
    failing = await readiness.of_this_process.failing()
    said: dict[str, bool | Mapping[str, str]] = {"ready": not failing}
    if may_see_figures(request) or callers.is_on_this_machine(request):
        said["failing"] = failing
    return JsonResponse(said, status=503 if failing else 200)


def may_see_figures(request: HttpRequest) -> bool:
    """Whether who asks has an address that the operator lists for this."""
    return callers.is_among(request, settings.METRICS_ADDRESSES)

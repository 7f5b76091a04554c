"""The site with a page that breaks."""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.urls import path

from chatsite.urls import handler500, urlpatterns

__all__ = ["handler500", "urlpatterns"]


@login_not_required
def breaks(_request):
    raise ValueError("what somebody wrote")


urlpatterns = [*urlpatterns, path("breaks/", breaks, name="breaks")]

"""What is mounted where."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.decorators import login_not_required
from django.urls import include, path
from django.views.i18n import set_language

from chatsite import health, views

handler500 = "chatsite.views.broken"

urlpatterns = [
    path("", include("chat.urls")),
    path("environments/", include("admin_models.urls")),
    path("", include("admin_models.site_urls")),
    path("accounts/", include("allauth.account.urls")),
    path("admin/", admin.site.urls),
    path("i18n/setlang/", login_not_required(set_language), name="set_language"),
    path("metrics", views.metrics, name="metrics"),
    path("healthz", health.alive, name="healthz"),
    path("readyz", health.ready, name="readyz"),
    path("setup/<str:token>/", views.setup, name="setup"),
]

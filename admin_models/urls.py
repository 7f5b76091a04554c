"""Pages of environments, for those who administer this site."""

from __future__ import annotations

from django.urls import path

from admin_models.views import board, environments, onboarding, preflight

urlpatterns = [
    path("", board.show, name="environments"),
    path("check/", board.check, name="environments_recheck"),
    path("new/", onboarding.identity, name="environment_new"),
    path("new/keys/", onboarding.keys, name="environment_keys_new"),
    path("<int:pk>/", environments.settings, name="environment_settings"),
    path("<int:pk>/keys/", environments.keys, name="environment_keys"),
    path("<int:pk>/delete/", environments.delete, name="environment_delete"),
    path("<int:pk>/preflight/", preflight.show, name="environment_preflight"),
    path("<int:pk>/preflight/check/", preflight.check, name="environment_recheck"),
    path("<int:pk>/preflight/call/", preflight.call, name="environment_call"),
    path("<int:pk>/switch-on/", preflight.switch_on, name="environment_enable"),
]

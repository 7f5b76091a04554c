"""Sockets of the pages of environments."""

from __future__ import annotations

from django.urls import path

from admin_models.consumers import BoardConsumer, PreflightConsumer

urlpatterns = [
    path(
        "ws/environments/",
        BoardConsumer.as_asgi(),  # type: ignore[arg-type]  # path() is typed for views only
        name="board_socket",
    ),
    path(
        "ws/environments/<row:pk>/",
        PreflightConsumer.as_asgi(),  # type: ignore[arg-type]  # likewise
        name="preflight_socket",
    ),
]

"""Sockets of the chat."""

from __future__ import annotations

from django.urls import path

from chat.consumers import ConversationConsumer
from chat.live_consumers import LiveConsumer

urlpatterns = [
    path(
        "ws/conversations/<row:pk>/",
        ConversationConsumer.as_asgi(),  # type: ignore[arg-type]  # path() is typed for views only
        name="conversation_socket",
    ),
    path(
        "ws/usage/live/",
        LiveConsumer.as_asgi(),  # type: ignore[arg-type]  # likewise
        name="live_socket",
    ),
]

"""Pages of the chat."""

from __future__ import annotations

from django.urls import path

from chat.views import conversations

urlpatterns = [
    path("", conversations.home, name="home"),
    path("c/<row:pk>/", conversations.conversation, name="conversation"),
]

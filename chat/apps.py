from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ChatConfig(AppConfig):
    """Using models: conversations, turns, and the pages that show them."""

    name = "chat"
    verbose_name = _("Chat")

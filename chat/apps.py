from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any, Final

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate, pre_delete, pre_migrate
from django.utils.translation import gettext_lazy as _

ERRORS: Final = (
    "admin_models.access",
    "admin_models.connections",
    "admin_models.group_errors",
    "admin_models.preflight.errors",
    "chat.limits.errors",
    "chat.turns.errors",
)
"""Where the errors are, beside those of the client, whose codes rows and totals name: their
sentences are known to every process that shows one."""


class ChatConfig(AppConfig):
    """Using models: conversations, turns, and the pages that show them."""

    name = "chat"
    verbose_name = _("Chat")

    def ready(self) -> None:
        """See that the ledger only grows and has its totals after every migration, as one that
        rebuilds a table loses what protected it. Hear of the calls that administration makes, and
        of limits that end. Keep our part of the configuration in its file. Know all errors."""
        from admin_models import configuration, signals  # noqa: PLC0415  # models are not loaded before
        from chat.ledger import trials  # noqa: PLC0415  # models are not loaded before
        from chat.limits import changes  # noqa: PLC0415  # models are not loaded before

        for module in ERRORS:
            import_module(module)
        pre_migrate.connect(_open_ledger, sender=self)
        post_migrate.connect(_protect_ledger, sender=self)
        pre_delete.connect(changes.record_end, sender=self.get_model("Limit"))
        signals.called.connect(trials.enter)
        configuration.add_section("chat.configuration.limits.Limits")


def _open_ledger(sender: AppConfig, using: str, plan: Sequence[Any] = (), **_: Any) -> None:
    """A migration of ours may have to change rows of the ledger."""
    from admin_models import append_only  # noqa: PLC0415  # models are not loaded before

    connection, table = connections[using], sender.get_model("Usage")._meta.db_table
    is_ours = any(migration.app_label == sender.label for migration, _is_backwards in plan)
    if is_ours and table in connection.introspection.table_names():
        append_only.unprotect(connection, table)


def _protect_ledger(sender: AppConfig, using: str, **_: Any) -> None:
    from admin_models import append_only  # noqa: PLC0415  # models are not loaded before
    from chat.ledger import totals  # noqa: PLC0415  # models are not loaded before

    connection, table = connections[using], sender.get_model("Usage")._meta.db_table
    there = set(connection.introspection.table_names())
    if table in there:
        append_only.protect(connection, table)
    if there.issuperset(model._meta.db_table for model in sender.get_models()):
        totals.rebuild_if_needed()

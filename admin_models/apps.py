from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.core import checks
from django.db import connections
from django.db.models.signals import post_migrate
from django.urls import register_converter
from django.utils.translation import gettext_lazy as _

from admin_models.row_numbers import RowNumber


class AdminModelsConfig(AppConfig):
    """What can be used: environments, their groups and models, and how to reach them."""

    name = "admin_models"
    verbose_name = _("Models and environments")

    def ready(self) -> None:
        """See that tables which only grow are protected after every migration, as one that
        rebuilds a table loses what protected it; and let addresses name rows."""
        register_converter(RowNumber, "row")
        post_migrate.connect(_protect, sender=self)
        checks.register(_check_private_hosts)


def _protect(sender: AppConfig, using: str, **_: Any) -> None:
    from admin_models import append_only  # noqa: PLC0415  # models are not loaded before

    connection = connections[using]
    there = connection.introspection.table_names()
    for name in ("AuditEntry", "Price"):
        if (table := sender.get_model(name)._meta.db_table) in there:
            append_only.protect(connection, table)


def _check_private_hosts(**_: Any) -> list[checks.CheckMessage]:
    from admin_models import connections  # noqa: PLC0415  # models are not loaded before

    try:
        connections.allowed_addresses()
    except ValueError as error:
        return [checks.Error(f"CHATSITE_PRIVATE_HOSTS: {error}", id="admin_models.E001")]
    return []

"""What refers to models, whoever made the table: what changes for whom when they are deleted."""

from __future__ import annotations

from typing import Any

from django.db.models import ManyToOneRel, Model, QuerySet

from admin_models.models import AIModel


def of(models: QuerySet[AIModel]) -> list[tuple[str, int]]:
    """What refers to some models, and how much of each; one query a table."""
    uses = []
    for relation in AIModel._meta.get_fields(include_hidden=True):
        if not isinstance(relation, ManyToOneRel):
            continue
        table, name = relation.related_model, relation.field.name
        rows = table._default_manager.filter(**{f"{name}__in": models})
        if number := rows.count():
            uses.append((_called(table), number))
    return uses


def _called(table: type[Model]) -> str:
    """What its rows are called; a table between two others is called as the other one."""
    # Django's stubs call it a bool; it is the class of the other table.
    owner: Any = table._meta.auto_created or table
    return str(owner._meta.verbose_name_plural)

"""What an environment offers, as rows that a chat can choose from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from admin_models import model_rows
from admin_models.models import AIModel, Environment, GroupStatus, ModelGroup
from chat.cloudbase import group_names
from chat.cloudbase.control_plane import AIModelGroup
from chat.cloudbase.errors import IllegalGroupName


def groups(environment: Environment, said: Sequence[AIModelGroup]) -> None:
    """Make the rows of `environment` say what its control plane said.

    Groups whose names no chat may use (those of image models) are left out. What is not there any
    more is kept, as conversations refer to it, but not offered.
    """
    rows = {row.name: row for row in environment.groups.prefetch_related("models")}
    listed = {group.group_name: group for group in said if _fits(group.group_name)}
    for name, group in listed.items():
        row = rows.get(name) or ModelGroup.objects.create(environment=environment, name=name)
        status = GroupStatus.ON if group.is_on else GroupStatus.OFF
        _set(row, status=status, base_url=group.base_url, remark=group.remark)
        model_rows.offer(row, [e for e in group.models if _fits_a_row(e.model)])
    for name, row in rows.items():
        if name not in listed:
            _set(row, status=GroupStatus.OFF)
            model_rows.offer(row, ())


def proven(environment: Environment, group: str, model: str) -> None:
    """Offer a model that answered a real call, also if a row of it waits for that."""
    row, _is_new = ModelGroup.objects.update_or_create(
        environment=environment, name=group, defaults={"status": GroupStatus.ON}
    )
    AIModel.objects.update_or_create(group=row, name=model, defaults={"is_enabled": True})


def _fits(name: str) -> bool:
    try:
        group_names.check(name)
    except IllegalGroupName:
        return False
    return _is_short_enough(ModelGroup, name)


def _set(row: ModelGroup, **members: Any) -> None:
    """Change what differs; text is cut to the room there is, as it is only shown."""
    for name, value in members.items():
        length = getattr(ModelGroup._meta.get_field(name), "max_length", None)
        members[name] = value[:length] if isinstance(value, str) else value
    changed = {name: value for name, value in members.items() if getattr(row, name) != value}
    for name, value in changed.items():
        setattr(row, name, value)
    if changed:
        row.save(update_fields=[*changed, "updated_at"])


def _fits_a_row(model: str) -> bool:
    return bool(model) and _is_short_enough(AIModel, model)


def _is_short_enough(table: type[ModelGroup | AIModel], name: str) -> bool:
    """Whether the table has room for a name; a longer one cannot be offered."""
    length = table._meta.get_field("name").max_length
    return length is None or len(name) <= length

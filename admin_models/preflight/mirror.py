"""What an environment offers, as rows that a chat can choose from."""

from __future__ import annotations

from collections.abc import Collection, Sequence

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
        _set_status(row, GroupStatus.ON if group.is_on else GroupStatus.OFF)
        _set_models(row, {entry.model for entry in group.models})
    for name, row in rows.items():
        if name not in listed:
            _set_status(row, GroupStatus.OFF)
            _set_models(row, ())


def proven(environment: Environment, group: str, model: str) -> None:
    """Offer a model that answered a real call."""
    row, _is_new = ModelGroup.objects.get_or_create(environment=environment, name=group)
    AIModel.objects.get_or_create(group=row, name=model)


def _fits(name: str) -> bool:
    try:
        group_names.check(name)
    except IllegalGroupName:
        return False
    return _is_short_enough(ModelGroup, name)


def _set_status(row: ModelGroup, status: GroupStatus) -> None:
    if row.status != status:
        row.status = status
        row.save(update_fields=["status", "updated_at"])


def _set_models(row: ModelGroup, names: Collection[str]) -> None:
    known = {model.name: model.is_enabled for model in row.models.all()}
    wrong = [name for name, is_enabled in known.items() if is_enabled is not (name in names)]
    for is_enabled in (True, False):
        changed = [name for name in wrong if known[name] is not is_enabled]
        if changed:
            row.models.filter(name__in=changed).update(is_enabled=is_enabled)
    new = [name for name in names if name and name not in known and _is_short_enough(AIModel, name)]
    AIModel.objects.bulk_create(AIModel(group=row, name=name) for name in sorted(new))


def _is_short_enough(table: type[ModelGroup | AIModel], name: str) -> bool:
    """Whether the table has room for a name; a longer one cannot be offered."""
    length = table._meta.get_field("name").max_length
    return length is None or len(name) <= length

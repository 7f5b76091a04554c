"""From a list of models to the rows of a group."""

from __future__ import annotations

from collections.abc import Sequence

from admin_models.model_lists import Entries
from admin_models.models import AIModel, ModelGroup
from chat.cloudbase.control_plane import AIModelEntry


def offer(group: ModelGroup, entries: Entries) -> None:
    """Let the rows say what the entries say: these models are switched on, and no others.

    What is listed no more is kept, switched off, as conversations refer to it. Expects names that
    fit the table. Makes four queries at the most, however many models there are; `models` of
    `group` may be loaded.
    """
    listed = {entry.model: entry for entry in entries}
    known = {row.name: row for row in group.models.all()}
    gone = [name for name, row in known.items() if row.is_enabled and name not in listed]
    if gone:
        group.models.filter(name__in=gone).update(is_enabled=False)
    changed = [
        known[name] for name in listed if name in known and _follow(known[name], listed[name])
    ]
    if changed:
        AIModel.objects.bulk_update(changed, ["is_enabled", "enable_mcp", "tags"])
    AIModel.objects.bulk_create(_new(group, [e for n, e in listed.items() if n not in known]))


def _follow(row: AIModel, entry: AIModelEntry) -> bool:
    """Let a row say what its entry says; whether that is news."""
    before = (row.is_enabled, row.enable_mcp, row.tags)
    row.is_enabled, row.enable_mcp, row.tags = True, entry.enable_mcp, list(entry.tags)
    return before != (row.is_enabled, row.enable_mcp, row.tags)


def _new(group: ModelGroup, entries: Sequence[AIModelEntry]) -> list[AIModel]:
    rows = [AIModel(group=group, name=entry.model) for entry in entries]
    for row, entry in zip(rows, entries, strict=True):
        _follow(row, entry)
    return rows

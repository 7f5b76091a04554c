"""Lists of models: what differs, and how what two people want becomes one list.

A list is a sequence of entries, one a model. A model is its exact name; the order says nothing,
but is kept where it can be. Nothing here knows where a list is stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chat.cloudbase.control_plane import AIModelEntry

Entries = Sequence[AIModelEntry]


@dataclass(frozen=True, slots=True)
class Difference:
    """What became of a list: entries that came, entries that went, pairs of before and after."""

    added: tuple[AIModelEntry, ...] = ()
    removed: tuple[AIModelEntry, ...] = ()
    changed: tuple[tuple[AIModelEntry, AIModelEntry], ...] = ()

    def __bool__(self) -> bool:
        """Whether anything differs."""
        return bool(self.added or self.removed or self.changed)

    @property
    def names(self) -> frozenset[str]:
        """Every model that differs."""
        after = (entry for _before, entry in self.changed)
        return frozenset(entry.model for entry in (*self.added, *self.removed, *after))


class Conflict(Exception):
    """Both changed the same models since `seen`, and not in the same way.

    `theirs` and `yours` are the whole changes, `names` the models they disagree on.
    """

    def __init__(self, theirs: Difference, yours: Difference, names: tuple[str, ...]) -> None:
        super().__init__(*names)
        self.theirs = theirs
        self.yours = yours
        self.names = names


def difference(before: Entries, after: Entries) -> Difference:
    """What `after` has, lacks and has otherwise than `before`; each in the order of its list."""
    old, new = by_name(before), by_name(after)
    return Difference(
        added=tuple(entry for name, entry in new.items() if name not in old),
        removed=tuple(entry for name, entry in old.items() if name not in new),
        changed=tuple(
            (old[name], entry) for name, entry in new.items() if name in old and old[name] != entry
        ),
    )


def merged(seen: Entries, current: Entries, wanted: Entries) -> tuple[AIModelEntry, ...]:
    """The `current` list with the change that leads from `seen` to `wanted`.

    What only one of both changed is as they want it; what both changed alike is so. Entries keep
    the place that they have now, and new ones follow. Raises Conflict where both changed a model
    differently; removing it is a change too.
    """
    old, now, wish = by_name(seen), by_name(current), by_name(wanted)
    names = tuple(dict.fromkeys([*now, *wish, *old]))
    disputed = tuple(
        name for name in names if old.get(name) != now.get(name) != wish.get(name) != old.get(name)
    )
    if disputed:
        raise Conflict(difference(seen, current), difference(seen, wanted), disputed)
    kept = (now.get(n) if wish.get(n) == old.get(n) else wish.get(n) for n in names)
    return tuple(entry for entry in kept if entry is not None)


def by_name(entries: Iterable[AIModelEntry]) -> dict[str, AIModelEntry]:
    """The entries by their models; of several for one model the first."""
    found: dict[str, AIModelEntry] = {}
    for entry in entries:
        found.setdefault(entry.model, entry)
    return found


# As JSON holds it


def stored(entries: Entries) -> list[dict[str, Any]]:
    """A list as JSON holds it."""
    return [{"model": entry.model, **settings_of(entry)} for entry in entries]


def read(listed: Iterable[Mapping[str, Any]]) -> tuple[AIModelEntry, ...]:
    """A list from what `stored` made."""
    return tuple(
        AIModelEntry(
            str(entry["model"]),
            enable_mcp=bool(entry.get("enable_mcp")),
            tags=tuple(map(str, entry.get("tags", ()))),
        )
        for entry in listed
    )


def settings_of(entry: AIModelEntry) -> dict[str, Any]:
    """What an entry says beside the name of its model."""
    return {"enable_mcp": entry.enable_mcp, "tags": list(entry.tags)}

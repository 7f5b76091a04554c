"""Groups of models, their lists and what changed in them, to read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from django.urls import reverse
from django.utils.translation import gettext, ngettext, pgettext
from django.utils.translation import gettext_lazy as _

from admin_models.model_lists import Difference, difference, read
from admin_models.models import Environment, ListVersion, ModelAbilities, ModelGroup
from admin_models.preflight.facts import Facts
from chat.cloudbase import group_names
from chat.cloudbase.control_plane import AIModelEntry, AIModelGroup

UNDOABLE: Final = 5
"""So many of the last changes of a list are offered to be taken back."""
_VENDORS_OWN: Final = "default.tcb"
"""The host that stands in the address of a group which the vendor answers itself."""
_ABILITIES: Final = (
    ("streams", _("streams")),
    ("reports_usage", _("reports usage")),
    ("accepts_tools", _("tools")),
    ("accepts_images", _("images")),
    ("emits_reasoning", _("reasoning")),
)


@dataclass(frozen=True, slots=True)
class ShownKey:
    """Whether a group has a key, who set it and when; the key itself is never shown."""

    is_set: bool
    sentence: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ShownGroup:
    """A group of an environment."""

    name: str
    url: str
    is_custom: bool
    address: str
    models: int
    is_on: bool
    remark: str
    key: ShownKey | None
    """None where the group needs no key of its own."""


@dataclass(frozen=True, slots=True)
class Ability:
    """One thing that a model was seen to do, or not to do."""

    label: str
    state: str
    word: str


@dataclass(frozen=True, slots=True)
class ShownAbilities:
    """What was learned about a model by trying it."""

    model: str
    abilities: tuple[Ability, ...]
    tried_at: datetime


@dataclass(frozen=True, slots=True)
class Change:
    """A change of one entry of a list; `state` gives it its colour."""

    state: str
    label: str
    model: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class ShownVersion:
    """A change of a list that can be taken back, or was."""

    pk: int
    made_at: datetime
    made_by: str
    changes: tuple[Change, ...]
    undone_at: datetime | None


def shown(environment: Environment, facts: Facts, rows: Iterable[ModelGroup]) -> list[ShownGroup]:
    """The groups as they were seen last; `rows` are ours, with `key_set_by`. Makes no query."""
    ours = {row.name: row for row in rows}
    listed = sorted(facts.groups.answer or (), key=lambda group: group.group_name)
    return [_shown(environment, group, ours.get(group.group_name)) for group in listed]


def key_of(environment: Environment, row: ModelGroup | None) -> ShownKey:
    """Of the key of a custom group; a CloudBase environment keeps it and shows it to nobody."""
    if environment.is_local and not (row and row.has_key):
        return ShownKey(is_set=False, sentence=gettext("not set"))
    if row is None or row.key_set_at is None:
        sentence = gettext("set") if environment.is_local else gettext("kept by the environment")
        return ShownKey(is_set=True, sentence=sentence)
    if row.key_set_by is None:
        return ShownKey(is_set=True, sentence=gettext("set"), at=row.key_set_at)
    said = gettext("set by %(person)s") % {"person": row.key_set_by.get_username()}
    return ShownKey(is_set=True, sentence=said, at=row.key_set_at)


def address_of(group: AIModelGroup) -> str:
    """Where a group is asked; nothing for what the vendor answers itself."""
    is_vendors = urlsplit(group.base_url).hostname == _VENDORS_OWN
    return "" if is_vendors else group.base_url


def abilities_of(known: ModelAbilities | None) -> ShownAbilities | None:
    """What a model was seen to do, in the order of the questions."""
    if known is None:
        return None
    return ShownAbilities(
        known.model,
        tuple(_ability(str(label), getattr(known, name)) for name, label in _ABILITIES),
        known.tried_at,
    )


def changes(difference: Difference) -> tuple[Change, ...]:
    """What a list gains, loses and changes, in that order."""
    added, removed, changed = gettext("added"), gettext("removed"), gettext("changed")
    return (
        *(Change("ok", added, e.model, "", _settings_words(e)) for e in difference.added),
        *(Change("not_ok", removed, e.model, _settings_words(e), "") for e in difference.removed),
        *(
            Change("unknown", changed, new.model, entry_words(old), entry_words(new))
            for old, new in difference.changed
        ),
    )


def entry_words(entry: AIModelEntry | None) -> str:
    """The settings of an entry, "not listed" for none."""
    if entry is None:
        return gettext("not listed")
    return _settings_words(entry) or gettext("without MCP and tags")


def _settings_words(entry: AIModelEntry) -> str:
    """Nothing, if the entry has none."""
    tags = gettext("tags: %(tags)s") % {"tags": ", ".join(entry.tags)} if entry.tags else ""
    return ", ".join(filter(None, (gettext("with MCP") if entry.enable_mcp else "", tags)))


def versions(rows: Iterable[ListVersion]) -> list[ShownVersion]:
    """Changes of a list, as they are kept."""
    return [
        ShownVersion(
            row.pk,
            row.made_at,
            row.made_by,
            changes(difference(read(row.before), read(row.after))),
            row.undone_at,
        )
        for row in rows
    ]


def changed_words(made: Difference) -> str:
    """How much of a list changed, as a sentence."""
    parts = (
        ngettext("%(n)d model added", "%(n)d models added", len(made.added)),
        ngettext("%(n)d model removed", "%(n)d models removed", len(made.removed)),
        ngettext("%(n)d model changed", "%(n)d models changed", len(made.changed)),
    )
    counts = (len(made.added), len(made.removed), len(made.changed))
    said = [part % {"n": count} for part, count in zip(parts, counts, strict=True) if count]
    return gettext("%(changes)s.") % {"changes": gettext(", ").join(said)}


def _shown(environment: Environment, group: AIModelGroup, row: ModelGroup | None) -> ShownGroup:
    is_custom = group_names.is_custom(group.group_name)
    return ShownGroup(
        name=group.group_name,
        url=reverse("group_settings", args=[environment.pk, group.group_name]),
        is_custom=is_custom,
        address=address_of(group),
        models=len(group.models),
        is_on=group.is_on,
        remark=group.remark,
        key=key_of(environment, row) if is_custom else None,
    )


def _ability(label: str, was_seen: bool | None) -> Ability:
    """What was not found out is unknown, and never a no."""
    if was_seen is None:
        return Ability(label, "unknown", gettext("not known"))
    if was_seen:
        return Ability(label, "ok", pgettext("an ability of a model", "yes"))
    return Ability(label, "skipped", pgettext("an ability of a model", "no"))

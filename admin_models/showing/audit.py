"""The audit log as people read it: what actions, kinds and members are called, and what changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any, Final

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext, ngettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from admin_models import audit
from admin_models.models import AuditEntry, GroupStatus
from admin_models.showing.figures import grouped

KINDS: Final[Mapping[str, Promise]] = {
    "environment": _("environment"),
    "group": _("group"),
    "model": _("model"),
    "pack": _("token pack"),
    "person": _("person"),
    "team": _("team"),
    "limit": _("limit"),
    "configuration": _("configuration"),
    "keys": _("sealing keys"),
    "retention": _("retention"),
    "ledger": _("ledger row"),
    "token": _("API token"),
    "alert_rule": _("alert rule"),
    "alert_recipient": _("recipient of alerts"),
}
ACTIONS: Final[Mapping[str, Promise]] = {
    "environment.created": _("Environment added"),
    "environment.updated": _("Settings of an environment changed"),
    "environment.keys_changed": _("Keys of an environment changed"),
    "environment.deleted": _("Environment deleted"),
    "group.created": _("Group added"),
    "group.updated": _("Group changed"),
    "group.deleted": _("Group deleted"),
    "models.changed": _("Models of a group changed"),
    "models.undone": _("Change of models undone"),
    "model.switched_on": _("Model switched on"),
    "model.switched_off": _("Model switched off"),
    "model.updated": _("Model changed"),
    "ledger.corrected": _("Ledger row corrected"),
    "price.set": _("Price set"),
    "price.confirmed": _("Price of the catalogue confirmed"),
    "pack.issued": _("Token pack issued"),
    "pack.extended": _("Token pack extended"),
    "pack.withdrawn": _("Token pack withdrawn"),
    "pack.given_back": _("Token pack given back"),
    "person.created": _("Person added"),
    "person.updated": _("Person changed"),
    "person.role_changed": _("Role changed"),
    "person.deleted": _("Person deleted"),
    "person.erased": _("Person erased"),
    "person.exported": _("Data of a person taken along"),
    "person.link_made": _("Link to set a password made"),
    "team.created": _("Team added"),
    "team.updated": _("Team changed"),
    "team.deleted": _("Team deleted"),
    "limit.created": _("Limit set"),
    "limit.updated": _("Limit changed"),
    "limit.deleted": _("Limit deleted"),
    "configuration.imported": _("Configuration imported"),
    "retention.changed": _("How long data is kept changed"),
    "retention.run": _("Old data deleted"),
    "keys.rotated": _("Sealing keys rotated"),
    "alert.rule_created": _("Alert rule added"),
    "alert.rule_changed": _("Alert rule changed"),
    "alert.rule_deleted": _("Alert rule deleted"),
    "alert.recipient_created": _("Recipient of alerts added"),
    "alert.recipient_changed": _("Recipient of alerts changed"),
    "alert.recipient_deleted": _("Recipient of alerts deleted"),
    "token.created": _("API token made"),
    "token.revoked": _("API token revoked"),
}
"""Every action that is recorded; the log shows one that is not here by its own name."""
MEMBERS: Final[Mapping[str, Promise]] = {
    "above": _("above"),
    "allows_all": _("every model"),
    "base_url": _("address"),
    "cached": _("cached"),
    "changed": _("changed"),
    "context_length": _("context length"),
    "control_url": _("management address"),
    "conversations": _("conversations"),
    "created": _("added"),
    "currency": _("currency"),
    "deleted": _("deleted"),
    "deleted_with": _("deleted together with"),
    "email": _("e-mail address"),
    "emails": _("e-mail addresses"),
    "hold": _("looks in a row"),
    "language": _("language"),
    "min_requests": _("requests at least"),
    "model_name": _("model"),
    "recipients": _("recipients"),
    "remind_after_hours": _("remind after (hours)"),
    "sealed_secret": _("secret of the webhook"),
    "threshold": _("threshold"),
    "url": _("webhook address"),
    "window_minutes": _("over the last (minutes)"),
    "enable_mcp": _("MCP"),
    "env_id": _("environment id"),
    "expires_at": _("expires"),
    "input": _("question"),
    "is_active": _("can sign in"),
    "is_default": _("default"),
    "is_disabled": _("withdrawn"),
    "is_enabled": _("enabled"),
    "is_international": _("international site"),
    "kind": _("kind"),
    "label": _("label"),
    "ledger_rows": _("rows of the ledger"),
    "members": _("people"),
    "model_groups": _("every model of these groups"),
    "models": _("models"),
    "models_allowed": _("these models"),
    "name": _("name"),
    "notice": _("notice"),
    "outcome": _("outcome"),
    "output": _("answer"),
    "parameters": _("parameters"),
    "region": _("region"),
    "remark": _("remark"),
    "role": _("role"),
    "scopes": _("may"),
    "keys": _("sealing keys"),
    "sealed_anew": _("sealed anew"),
    "sealed_key": _("API key"),
    "sealed_secret_id": _("secret id"),
    "sealed_secret_key": _("secret key"),
    "secret": _("secret"),
    "size_tokens": _("size (tokens)"),
    "status": _("status"),
    "tags": _("tags"),
    "teams": _("teams"),
    "tiers": _("for a million tokens"),
    "valid_from": _("valid from"),
    "words": _("as the catalogue says it"),
    "prompt_tokens": _("prompt tokens"),
    "completion_tokens": _("completion tokens"),
    "total_tokens": _("total tokens"),
    "cached_tokens": _("cached tokens"),
    "reasoning_tokens": _("reasoning tokens"),
    "units": _("pictures or seconds"),
    "cost": _("cost"),
    "reason": _("reason"),
    "amount": _("amount"),
    "measure": _("what is counted"),
    "period": _("period"),
    "zone": _("time zone"),
    "person": _("person"),
    "team": _("team"),
    "model": _("model"),
    "environment": _("environment"),
    "is_each": _("each person by themselves"),
    "is_hard": _("refuse what is above it"),
    "is_on": _("on"),
}
_OF_SECRETS: Final[Mapping[str, Promise]] = {
    "set": pgettext_lazy("a secret", "set"),
    "not set": pgettext_lazy("a secret", "not set"),
    audit.CHANGED: pgettext_lazy("a secret", "changed"),
}
_MOMENTS: Final = frozenset({"expires_at", "valid_from"})
_NOTHING: Final = "–"


@dataclass(frozen=True, slots=True)
class Row:
    """A member that changed: a line for each thing in it."""

    name: str
    before: tuple[str, ...]
    after: tuple[str, ...]

    @property
    def says_anything(self) -> bool:
        """Whether there was anything before or is anything now."""
        return {*self.before, *self.after} != {_NOTHING}


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry in words."""

    entry: AuditEntry
    title: str
    kind: str
    actor: str
    rows: tuple[Row, ...]

    @property
    def is_short(self) -> bool:
        """Whether it can be read at a glance."""
        return sum(max(len(row.before), len(row.after)) for row in self.rows) <= 8


def entries(rows: Iterable[AuditEntry]) -> list[Entry]:
    """The entries in words, in the language that is active."""
    return [_entry(row) for row in rows]


def rows(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Row, ...]:
    """The members of what was and what is, in words; nothing of those that were always empty."""
    listed = [_row(name, before, after) for name in {**before, **after}]
    return tuple(sorted((row for row in listed if row.says_anything), key=attrgetter("name")))


def _entry(row: AuditEntry) -> Entry:
    return Entry(
        entry=row,
        title=str(ACTIONS.get(row.action, row.action)),
        kind=str(KINDS.get(row.subject_kind, row.subject_kind)),
        actor=actor_name(row.actor),
        rows=rows(row.before, row.after),
    )


def actor_name(actor: str) -> str:
    """Who acted; the command line is nobody's name."""
    return gettext("command line") if actor == audit.COMMAND_LINE else actor


def _row(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Row:
    old, new, same = _different(before.get(name), after.get(name))
    return Row(name=_label(name), before=_lines(name, old, same), after=_lines(name, new, same))


def _different(old: Any, new: Any) -> tuple[Any, Any, int]:
    """Of two collections what only one has, and how much both have; anything else as it is."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        kept = [name for name in old if name in new and old[name] == new[name]]
        old, new = ({n: held[n] for n in held if n not in kept} for held in (old, new))
        return old, new, len(kept)
    if isinstance(old, list) and isinstance(new, list):
        same = [item for item in old if item in new]
        old, new = ([item for item in held if item not in same] for held in (old, new))
        return old, new, len(same)
    return old, new, 0


def _lines(name: str, value: Any, same: int) -> tuple[str, ...]:
    if isinstance(value, Mapping):
        found = [f"{key}: {_text(name, held)}" for key, held in sorted(value.items())]
    elif isinstance(value, list):
        found = [_text(name, item) for item in value]
    else:
        found = str(_text(name, value)).splitlines()
    if same:
        kept = ngettext("and %(n)s that stayed", "and %(n)s that stayed", same)
        found.append(kept % {"n": grouped(same)})
    return tuple(found or [_NOTHING])


def _text(name: str, value: Any) -> str:
    """One value on one line."""
    match value:
        case None | "" | []:
            return _NOTHING
        case bool():
            return gettext("yes") if value else gettext("no")
        case int() if name == "status" and value in GroupStatus:
            return str(GroupStatus(value).label)
        case int() if name == "size_tokens":
            return grouped(value)
        case str() if name in _MOMENTS:
            return f"{timezone.localtime(datetime.fromisoformat(value)):%Y-%m-%d %H:%M}"
        case str() if name == "secret" or name.startswith("sealed_"):
            return str(_OF_SECRETS.get(value, value))
        case dict():
            return ", ".join(
                f"{_label(key)} {_text(key, held)}" for key, held in sorted(value.items())
            )
        case list():
            return ", ".join(_text(name, item) for item in value)
    return str(value)


def _label(name: str) -> str:
    return str(MEMBERS.get(name, name))


def choices(titles: Mapping[str, Promise], any_of_them: Promise) -> Sequence[tuple[str, Any]]:
    """What a form offers to filter by."""
    return [("", any_of_them), *titles.items()]

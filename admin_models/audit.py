"""The audit log: every change by an administrator, with what was before and what is now."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Model

from admin_models.models import AuditEntry

Actor = AbstractBaseUser | AnonymousUser | None
"""A person; None is the command line of the server itself."""

COMMAND_LINE: Final = "command line"
"""Who acted where nobody was signed in."""
CHANGED: Final = "changed"
"""All that is said of a secret."""
_SECRET: Final = ("sealed_", "password")
_actor: ContextVar[Actor] = ContextVar("actor", default=None)


def record(
    actor: Actor,
    action: str,
    subject: tuple[str, str, str],
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Write down that `actor` did `action`, for example `group.updated`.

    `subject` is its kind, its key (what it is found by for good) and its name. Of `before` and
    `after` only what differs is kept; values are what JSON holds, and never secrets: those are
    said to be "set", "not set" or "changed". Call it in the transaction of the change.
    """
    kind, key, name = subject
    old, new = different(dict(before or {}), dict(after or {}))
    AuditEntry.objects.create(
        actor_pk=getattr(actor, "pk", None),
        actor=name_of(actor),
        action=action,
        subject_kind=kind,
        subject_key=key[:300],
        subject=name[:300],
        before=old,
        after=new,
    )


@contextmanager
def acting(actor: Actor) -> Generator[None, None, None]:
    """Inside, what is deleted is deleted by `actor`: whoever hears of something that goes with it,
    and was not told by whom, records that."""
    token = _actor.set(actor)
    try:
        yield
    finally:
        _actor.reset(token)


def who_acts() -> Actor:
    """Who deletes something just now; see `acting`."""
    return _actor.get()


def name_of(actor: Actor) -> str:
    """As whom `actor` is written down."""
    return actor.get_username() if actor is not None else COMMAND_LINE


def state_of(row: Model, names: Iterable[str] | None = None) -> dict[str, Any]:
    """What a row holds, to be recorded; of sealed members only whether they are set.

    `names` chooses fields; else all but the numbers and times that rows get by themselves.
    """
    chosen = None if names is None else set(names)
    state: dict[str, Any] = {}
    for field in row._meta.concrete_fields:
        if (chosen is not None and field.name not in chosen) or _is_made_by_itself(field):
            continue
        value = field.value_from_object(row)
        state[field.name] = _Secret(value) if field.name.startswith(_SECRET) else value
    return state


def different(
    before: dict[str, Any], after: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The members that differ, as JSON holds them; a secret that differs is said to have."""
    names = [
        name
        for name in {**before, **after}
        if name not in before or name not in after or before[name] != after[name]
    ]
    old = {name: _told(before[name]) for name in names if name in before}
    new = {name: _told(after[name]) for name in names if name in after}
    for name in names:
        if isinstance(after.get(name), _Secret) and old.get(name) == new.get(name):
            new[name] = CHANGED
    return old, new


class _Secret:
    """Something that is compared and never told."""

    def __init__(self, sealed: str) -> None:
        self._sealed = sealed

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Secret) and other._sealed == self._sealed

    __hash__ = None  # type: ignore[assignment]  # compared, never looked up

    @property
    def told(self) -> str:
        return "set" if self._sealed else "not set"


def _told(value: Any) -> Any:
    if isinstance(value, _Secret):
        return value.told
    if isinstance(value, str | int | float | bool | list | dict | None):
        return value
    return DjangoJSONEncoder().default(value)


def _is_made_by_itself(field: Any) -> bool:
    return bool(
        field.primary_key
        or getattr(field, "auto_now", False)
        or getattr(field, "auto_now_add", False)
        or field.name in {"renewal_due_at", "key_set_at", "key_set_by"}
        or field.name in {"cloud_keys_set_at", "cloud_keys_set_by"}
    )

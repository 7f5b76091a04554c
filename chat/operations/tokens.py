"""Tokens for programs: made, found again by what a program shows, and taken away."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from admin_models import audit, roles
from admin_models.roles import Role
from chat.models import ApiToken

Scope = ApiToken.Scope

_MARK: Final = "cst_"
"""How every token begins, so that a search for lost secrets can tell it for one."""
_SHAPE: Final = re.compile(rf"({_MARK}[0-9a-f]{{8}})_[\w-]{{43}}", re.ASCII)
MAY_HOLD: Final[Mapping[Scope, Collection[Role]]] = {
    Scope.USAGE_READ: {Role.OPERATIONS, Role.ADMIN},
}
"""Who may make a token of a scope, and must still be allowed to whenever it is used."""


def seen_by(person: User) -> QuerySet[ApiToken]:
    """The tokens that a person can see and revoke: their own; administrators, everybody's. With
    their owners and what those may do."""
    rows = ApiToken.objects.select_related("owner").prefetch_related("owner__groups")
    return rows if roles.is_admin(person) else rows.filter(owner=person)


@transaction.atomic
def make(
    owner: User, name: str, scopes: Collection[str], expires_at: datetime | None
) -> tuple[ApiToken, str]:
    """A new token, and what its program has to show: nobody can see that a second time."""
    prefix = _MARK + secrets.token_hex(4)
    shown = f"{prefix}_{secrets.token_urlsafe(32)}"
    token = ApiToken.objects.create(
        owner=owner,
        name=name,
        prefix=prefix,
        digest=_digest(shown),
        scopes=sorted(scopes),
        expires_at=expires_at,
    )
    audit.record(owner, "token.created", _subject(token), after=_state(token))
    return token, shown


@transaction.atomic
def revoke(actor: User, token: ApiToken) -> bool:
    """Let a token work no more, at once and for good; whether it still did."""
    rows = ApiToken.objects.filter(pk=token.pk, revoked_at=None)
    if not rows.update(revoked_at=timezone.now()):
        return False
    audit.record(actor, "token.revoked", _subject(token), before=_state(token))
    return True


def found(shown: str) -> ApiToken | None:
    """The token of these very words, with its owner, whatever became of it; one query at most."""
    shape = _SHAPE.fullmatch(shown)
    if shape is None:
        return None
    row = ApiToken.objects.select_related("owner").filter(prefix=shape[1]).first()
    is_it = constant_time_compare(row.digest if row else "", _digest(shown))
    return row if is_it else None


def may_hold(person: User, scope: Scope) -> bool:
    """Whether a person may have a token of `scope`, and so use one; one query at most."""
    return person.is_active and roles.role_of(person) in MAY_HOLD[scope]


def state_of(token: ApiToken) -> tuple[str, Promise]:
    """Whether it works, as the pages colour it and in words; expects what `seen_by` gives."""
    if token.revoked_at is not None:
        return "skipped", _("revoked")
    if token.is_expired:
        return "skipped", _("expired")
    if not any(may_hold(token.owner, Scope(name)) for name in token.scopes):
        return "not_ok", _("its maker may not any more")
    return "ok", _("works")


def _digest(shown: str) -> str:
    return hashlib.sha256(shown.encode()).hexdigest()


def _subject(token: ApiToken) -> tuple[str, str, str]:
    return "token", token.prefix, token.name


def _state(token: ApiToken) -> dict[str, object]:
    return {"scopes": token.scopes, "expires_at": token.expires_at}

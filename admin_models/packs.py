"""Token packs of the local environment: issued, extended, withdrawn, given back; each recorded."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from admin_models import audit
from admin_models.models import Environment, TokenPack

LARGEST: Final = 1_000_000_000_000
"""Tokens of the largest pack that can be issued."""


@transaction.atomic
def issue(
    actor: audit.Actor, environment: Environment, size_tokens: int, expires_at: datetime | None
) -> TokenPack:
    """Give the environment `size_tokens` more to use, until `expires_at` or for good."""
    pack = TokenPack.objects.create(
        environment=environment, size_tokens=size_tokens, expires_at=expires_at
    )
    _record(actor, "pack.issued", pack, {})
    return pack


@transaction.atomic
def extend(actor: audit.Actor, pk: int, size_tokens: int, expires_at: datetime | None) -> TokenPack:
    """Give a pack another size or another end, None for none.

    Raises ValidationError if it would be smaller than what was used of it until now, and
    TokenPack.DoesNotExist.
    """
    pack = _locked(pk)
    if size_tokens < pack.used_tokens:
        raise ValidationError(
            _("%(used)s tokens of it are used already; it cannot be smaller than that."),
            code="below_used",
            params={"used": f"{pack.used_tokens:,}"},
        )
    return _change(actor, "pack.extended", pack, size_tokens=size_tokens, expires_at=expires_at)


@transaction.atomic
def withdraw(actor: audit.Actor, pk: int) -> TokenPack:
    """Let nobody use the pack any more; what was used of it stays counted."""
    return _change(actor, "pack.withdrawn", _locked(pk), is_disabled=True)


@transaction.atomic
def give_back(actor: audit.Actor, pk: int) -> TokenPack:
    """Let a pack that was withdrawn be used again."""
    return _change(actor, "pack.given_back", _locked(pk), is_disabled=False)


def _locked(pk: int) -> TokenPack:
    """The pack as it is, and as it stays until the transaction ends."""
    return TokenPack.objects.select_for_update().select_related("environment").get(pk=pk)


def _change(actor: audit.Actor, action: str, pack: TokenPack, **values: Any) -> TokenPack:
    """Set the values and record it, unless they are so already; tokens go on being counted."""
    before = _state_of(pack)
    for name, value in values.items():
        setattr(pack, name, value)
    if _state_of(pack) != before:
        pack.save(update_fields=list(values))
        _record(actor, action, pack, before)
    return pack


def _record(actor: audit.Actor, action: str, pack: TokenPack, before: dict[str, Any]) -> None:
    key = f"{pack.environment.env_id}/{pack.package_id}"
    subject = ("pack", key, pack.package_id)
    audit.record(actor, action, subject, before=before, after=_state_of(pack))


def _state_of(pack: TokenPack) -> dict[str, Any]:
    return audit.state_of(pack, ("size_tokens", "expires_at", "is_disabled"))

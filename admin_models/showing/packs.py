"""Token packs as the page lists them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from admin_models.models import PackStatus, TokenPack


@dataclass(frozen=True, slots=True)
class Line:
    """A pack: how much of it is left, and whether it pays."""

    pack: TokenPack
    left: int
    state: str
    state_label: str
    is_next: bool
    """Whether answers draw on this one now."""


def lines(packs: Iterable[TokenPack]) -> list[Line]:
    """All packs of an environment, in their order; makes no query."""
    listed = list(packs)
    paying = [pack for pack in listed if pack.status is PackStatus.ACTIVE]
    drawn = min(paying, key=_use, default=None)
    return [_line(pack, is_next=pack is drawn) for pack in listed]


def _use(pack: TokenPack) -> tuple[bool, float, int]:
    """The order in which packs are used, as `TokenPack.objects.paying` has it."""
    end = pack.expires_at
    return end is None, end.timestamp() if end else 0, pack.pk


def _line(pack: TokenPack, *, is_next: bool) -> Line:
    state, label = _state_of(pack)
    left = max(0, pack.size_tokens - pack.used_tokens)
    return Line(pack, left, state, str(label), is_next)


def _state_of(pack: TokenPack) -> tuple[str, Promise | str]:
    """The state of a check that it resembles, and what it is called."""
    match pack.status:
        case PackStatus.ACTIVE:
            return "ok", PackStatus.ACTIVE.label
        case PackStatus.DISABLED:
            return "not_ok", pgettext_lazy("state of a token pack", "withdrawn")
    if pack.expires_at is not None and pack.expires_at <= timezone.now():
        return "skipped", pgettext_lazy("state of a token pack", "expired")
    return "skipped", _("used up")

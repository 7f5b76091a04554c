"""From the members of a file to the columns of our tables, and back to where a column came from."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django.db.models import Field, Model
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from admin_models.models import (
    AIModel,
    Environment,
    GroupStatus,
    ModelAbilities,
    ModelGroup,
    Price,
    Team,
    TokenPack,
)

from .format import Kind

TABLES: Final[Mapping[str, type[Model]]] = {
    Kind.ENVIRONMENT: Environment,
    Kind.PACK: TokenPack,
    Kind.GROUP: ModelGroup,
    Kind.MODEL: AIModel,
    Kind.PRICE: Price,
    Kind.EVERYONE: Team,
    Kind.TEAM: Team,
    Kind.ABILITIES: ModelAbilities,
}
_COLUMNS: Final = {
    "disabled": "is_disabled",
    "enabled": "is_enabled",
    "international": "is_international",
    "issued_at": "created_at",
    "groups": "model_groups",
    "models": "models_allowed",
}
_MOMENTS: Final = frozenset({"created_at", "expires_at", "tried_at", "valid_from"})
_DEFAULT_ENVIRONMENT: Final = _("default environment")


def column_of(kind: str, member: str) -> str:
    """The column that a member of the file is kept in."""
    if kind is Kind.GROUP and member == "enabled":
        return "status"
    return _COLUMNS.get(member, member)


def member_of(kind: str, column: str) -> str:
    """The member of the file that a column is told by."""
    if kind is Kind.GROUP and column == "status":
        return "enabled"
    return next((member for member, name in _COLUMNS.items() if name == column), column)


def columns(kind: str, members: Mapping[str, Any]) -> dict[str, Any]:
    """Members as the tables hold them."""
    named = {column_of(kind, name): value for name, value in members.items()}
    return {name: _kept(name, value) for name, value in named.items()}


def label(kind: str, member: str) -> str | Promise:
    """What people call a member."""
    if kind is Kind.SITE:
        return _DEFAULT_ENVIRONMENT
    column = TABLES[kind]._meta.get_field(column_of(kind, member))
    return column.verbose_name if isinstance(column, Field) else member


def _kept(column: str, value: Any) -> Any:
    if column == "status":
        return GroupStatus.ON if value else GroupStatus.OFF
    if column in _MOMENTS and value is not None:
        return datetime.fromisoformat(value)
    return value

"""What the file is made of, but for the sections of other apps.

A member that may be left out is `UNSET` where it was: what a file leaves out stays as it is, or
gets the table's default.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Final, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

FORMAT: Final = "chatsite.configuration"
VERSION: Final = 1
"""Raised when a reader of this version would misunderstand a file."""

Amount = Annotated[str, Meta(pattern=r"^[0-9]{1,16}(\.[0-9]{1,15})?\Z")]
"""Money; text, so that no figure becomes a binary fraction."""
Moment = Annotated[datetime, Meta(tz=True)]
GroupReference = Annotated[str, Meta(pattern=r"^[^/]+/[^/]+\Z")]
"""`<environment id>/<group>`; neither has a slash in it."""
ModelReference = Annotated[str, Meta(pattern=r"^[^/]+/[^/]+/(?s:.+)\Z")]
"""`<environment id>/<group>/<model>`; the model may have slashes."""


class Kind(StrEnum):
    """What the parts of a file are about, in the order in which they are applied; sections follow
    with kinds of their own."""

    ENVIRONMENT = "environment"
    SITE = "site"
    PACK = "pack"
    GROUP = "group"
    MODEL = "model"
    PRICE = "price"
    EVERYONE = "everyone"
    TEAM = "team"
    ABILITIES = "abilities"


class Part(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something that a file speaks of: found by the members that `IDENTITY` names, within the part
    that has it among its `CHILDREN`."""

    KIND: ClassVar[str]
    IDENTITY: ClassVar[tuple[str, ...]] = ("name",)
    CHILDREN: ClassVar[tuple[str, ...]] = ()


class Pack(Part, frozen=True, kw_only=True):
    """A token pack of the local environment; what was used of it is no configuration."""

    KIND = Kind.PACK
    IDENTITY = ("issued_at",)

    issued_at: Moment
    size_tokens: int
    expires_at: Moment | UnsetType | None = UNSET
    disabled: bool | UnsetType = UNSET


class Model(Part, frozen=True, kw_only=True):
    """A model of a group. Of a group that is kept elsewhere, `enabled`, `enable_mcp` and `tags`
    are not ours."""

    KIND = Kind.MODEL

    name: str
    label: str | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET
    context_length: int | UnsetType | None = UNSET
    parameters: dict[str, Any] | UnsetType = UNSET
    notice: str | UnsetType = UNSET
    enable_mcp: bool | UnsetType = UNSET
    tags: list[str] | UnsetType = UNSET


class Group(Part, frozen=True, kw_only=True):
    """A group of models. One that is kept elsewhere has nothing of ours but its models."""

    KIND = Kind.GROUP
    CHILDREN = ("models",)

    name: str
    base_url: str | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET
    remark: str | UnsetType = UNSET
    models: list[Model] = []


class Environment(Part, frozen=True, kw_only=True):
    """A place that answers; the local one has no region and no addresses."""

    KIND = Kind.ENVIRONMENT
    IDENTITY = ("env_id",)
    CHILDREN = ("packs", "groups")

    env_id: str
    kind: Literal["local", "cloudbase"] | UnsetType = UNSET
    name: str | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET
    region: str | UnsetType = UNSET
    international: bool | UnsetType = UNSET
    base_url: str | UnsetType = UNSET
    control_url: str | UnsetType = UNSET
    packs: list[Pack] = []
    groups: list[Group] = []


class Tier(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a million tokens cost in one tier; figures without needless zeros."""

    above: int = 0
    input: Amount
    output: Amount
    cached: Amount | None = None

    def __post_init__(self) -> None:
        for name in ("input", "output", "cached"):
            if (figure := getattr(self, name)) is not None:
                msgspec.structs.force_setattr(self, name, plain(figure))


class Price(Part, frozen=True, kw_only=True):
    """What a model costs from a moment on."""

    KIND = Kind.PRICE
    IDENTITY = ("model", "valid_from")

    model: ModelReference
    valid_from: Moment
    currency: str
    tiers: list[Tier]
    words: str = ""


class Everyone(Part, frozen=True, kw_only=True):
    """What everyone may use."""

    KIND = Kind.EVERYONE
    IDENTITY = ()

    allows_all: bool | UnsetType = UNSET
    groups: list[GroupReference] | UnsetType = UNSET
    models: list[ModelReference] | UnsetType = UNSET


class Team(Part, frozen=True, kw_only=True):
    """People, by their user names, and what they may use."""

    KIND = Kind.TEAM

    name: str
    allows_all: bool | UnsetType = UNSET
    groups: list[GroupReference] | UnsetType = UNSET
    models: list[ModelReference] | UnsetType = UNSET
    members: list[str] | UnsetType = UNSET


class Abilities(Part, frozen=True, kw_only=True):
    """What a model at an address did when it was tried; null is not known."""

    KIND = Kind.ABILITIES
    IDENTITY = ("base_url", "model")

    base_url: str
    model: str
    tried_at: Moment
    streams: bool | None = None
    reports_usage: bool | None = None
    accepts_tools: bool | None = None
    accepts_images: bool | None = None
    emits_reasoning: bool | None = None


class Configuration(Part, frozen=True, kw_only=True):
    """The file as a whole; what is read and written has the sections too (sections.whole)."""

    KIND = Kind.SITE
    IDENTITY = ()
    CHILDREN = ("environments", "prices", "everyone", "teams", "abilities")

    format: Literal["chatsite.configuration"] = FORMAT
    version: Literal[1] = VERSION
    default_environment: str | UnsetType = UNSET
    environments: list[Environment] = []
    prices: list[Price] = []
    everyone: Everyone | UnsetType = UNSET
    teams: list[Team] = []
    abilities: list[Abilities] = []


def written(configuration: Configuration) -> str:
    """The text of a file; the same configuration always makes the same text."""
    members = msgspec.to_builtins(configuration)
    return json.dumps(members, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def in_order(value: Any) -> Any:
    """Free JSON in the one way in which a file writes it, whatever database it comes from:
    members by name, and whole numbers beyond 16 digits without a fraction."""
    match value:
        case Mapping():
            return {name: in_order(value[name]) for name in sorted(value)}
        case list():
            return [in_order(each) for each in value]
        case float() if value.is_integer() and abs(value) >= 1e16:
            return int(Decimal(repr(value)))
        case float() if value == 0:
            return 0.0
    return value


def as_told(moment: datetime) -> str:
    """A moment as a file writes it."""
    return str(msgspec.to_builtins(moment))


def plain(figure: str) -> str:
    """A figure without needless zeros."""
    return f"{Decimal(figure).normalize():f}"


PARTS: Final[Mapping[str, type[Part]]] = {part.KIND: part for part in Part.__subclasses__()}

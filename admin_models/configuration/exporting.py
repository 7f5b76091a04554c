"""What is here, as a file says it; a constant number of queries, and no secret."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Final, TypeVar

from django.contrib.auth.models import User
from django.db.models import Prefetch
from msgspec import UNSET, UnsetType

from admin_models.models import AIModel, GroupStatus, ModelAbilities, ModelGroup, TokenPack
from admin_models.models import Environment as EnvironmentRow
from admin_models.models import Price as PriceRow
from admin_models.models import Team as TeamRow
from admin_models.models import Tier as TierRow
from chat.cloudbase import group_names

from . import secrets, sections
from .format import (
    Abilities,
    Configuration,
    Environment,
    Everyone,
    Group,
    Model,
    Pack,
    Price,
    Team,
    Tier,
    as_told,
    in_order,
)
from .planning import Here, is_kept_elsewhere
from .steps import Key

Named = TypeVar("Named", ModelGroup, AIModel, TeamRow)

_SEEN: Final = (
    "model",
    "tried_at",
    "streams",
    "reports_usage",
    "accepts_tools",
    "accepts_images",
    "emits_reasoning",
)


def current() -> Configuration:
    """The configuration of this installation, always in the same order.

    It is sorted here, as each database has an order of its own for letters.
    """
    rows = sorted(_environments(), key=lambda row: row.env_id)
    default = next((row.env_id for row in rows if row.is_default), UNSET)
    everyone, teams = _teams()
    return sections.whole()(
        default_environment=default,
        environments=[_environment(row) for row in rows],
        prices=_prices(),
        everyone=everyone,
        teams=teams,
        abilities=_abilities(),
        **{section.member: section.current() for section in sections.registered()},  # type: ignore[arg-type]  # members that are known only now
    )


def here() -> Here:
    """What no file says; a constant number of queries."""
    rows = list(EnvironmentRow.objects.order_by())
    groups = ModelGroup.objects.order_by().exclude(sealed_key="").select_related("environment")
    packs = TokenPack.objects.order_by().select_related("environment")
    everyone = TeamRow.objects.filter(is_everyone=True).values_list("name", flat=True).first()
    return Here(
        people=frozenset(User.objects.values_list("username", flat=True)),
        api_keys=frozenset((row.env_id,) for row in rows if row.has_key),
        key_pairs=frozenset((row.env_id,) for row in rows if row.has_cloud_keys),
        group_keys=frozenset((row.environment.env_id, row.name) for row in groups),
        used_tokens={_key_of(pack): pack.used_tokens for pack in packs},
        name_of_everyone=everyone or "",
    )


def without_keys() -> tuple[list[EnvironmentRow], list[ModelGroup]]:
    """The CloudBase environments and the custom groups for which no key is stored, in two
    queries; what an import leaves to be done."""
    kinds = EnvironmentRow.Kind
    clouds = EnvironmentRow.objects.filter(kind=kinds.CLOUDBASE).order_by("name")
    custom = ModelGroup.objects.filter(
        environment__kind=kinds.LOCAL, name__startswith=group_names.CUSTOM_PREFIX, sealed_key=""
    )
    return (
        [row for row in clouds if not (row.has_key and row.has_cloud_keys)],
        list(custom.select_related("environment").order_by("name")),
    )


# Environments


def _environments() -> Iterable[EnvironmentRow]:
    return EnvironmentRow.objects.order_by().prefetch_related(
        Prefetch("packs", TokenPack.objects.order_by("created_at", "pk")),
        Prefetch("groups", ModelGroup.objects.order_by()),
        Prefetch("groups__models", AIModel.objects.order_by()),
    )


def _environment(row: EnvironmentRow) -> Environment:
    place: dict[str, Any] = {}
    if not row.is_local:
        place = {
            "region": row.region,
            "international": row.is_international,
            "base_url": secrets.without_login(row.base_url),
            "control_url": secrets.without_login(row.control_url),
        }
    return Environment(
        env_id=row.env_id,
        kind="local" if row.is_local else "cloudbase",
        name=row.name,
        enabled=row.is_enabled,
        packs=_packs(row) if row.is_local else [],
        groups=[_group(row, group) for group in _by_name(row.groups.all())],
        **place,
    )


def _by_name(rows: Iterable[Named]) -> list[Named]:
    return sorted(rows, key=lambda row: row.name)


def _packs(environment: EnvironmentRow) -> list[Pack]:
    """Of several that were issued at the same moment, the last."""
    packs = {row.created_at: row for row in environment.packs.all()}
    return [
        Pack(
            issued_at=row.created_at,
            size_tokens=row.size_tokens,
            expires_at=row.expires_at,
            disabled=row.is_disabled,
        )
        for row in packs.values()
    ]


def _key_of(pack: TokenPack) -> Key:
    return (pack.environment.env_id, as_told(pack.created_at))


def _group(environment: EnvironmentRow, row: ModelGroup) -> Group:
    if is_kept_elsewhere(environment.kind, row.name):
        models = [Model(**_ours(model)) for model in _by_name(row.models.all())]
        return Group(name=row.name, models=models)
    return Group(
        name=row.name,
        base_url=secrets.without_login(row.base_url),
        enabled=row.status == GroupStatus.ON,
        remark=row.remark,
        models=[Model(**_ours(model), **_theirs(model)) for model in _by_name(row.models.all())],
    )


def _ours(row: AIModel) -> dict[str, Any]:
    """What is kept here, whoever keeps the group."""
    return {
        "name": row.name,
        "label": row.label,
        "context_length": row.context_length,
        "parameters": in_order(secrets.without(row.parameters)),
        "notice": row.notice,
    }


def _theirs(row: AIModel) -> dict[str, Any]:
    """What belongs to whoever keeps the group."""
    return {"enabled": row.is_enabled, "enable_mcp": row.enable_mcp, "tags": list(row.tags)}


# Prices, teams, abilities


def _prices() -> list[Price]:
    """Of several that count from the same moment the last, which is the one that counts."""
    rows = PriceRow.objects.order_by("pk")
    last = {(row.env_id, row.group, row.model, row.valid_from): row for row in rows}
    return [_price(last[key]) for key in sorted(last)]


def _price(row: PriceRow) -> Price:
    return Price(
        model=f"{row.env_id}/{row.group}/{row.model}",
        valid_from=row.valid_from,
        currency=row.currency,
        tiers=[_tier(tier) for tier in row.all_tiers()],
        words=row.words,
    )


def _tier(tier: TierRow) -> Tier:
    cached = None if tier.cached is None else f"{tier.cached:f}"
    return Tier(above=tier.above, input=f"{tier.input:f}", output=f"{tier.output:f}", cached=cached)


def _teams() -> tuple[Everyone | UnsetType, list[Team]]:
    everyone: Everyone | UnsetType = UNSET
    teams = []
    members = _names_of_members()
    for row in _by_name(_allowing()):
        allowed: dict[str, Any] = {
            "allows_all": row.allows_all,
            "groups": sorted(_reference(group) for group in row.model_groups.all()),
            "models": sorted(
                f"{_reference(model.group)}/{model.name}" for model in row.models_allowed.all()
            ),
        }
        if row.is_everyone:
            everyone = Everyone(**allowed)
        else:
            teams.append(Team(name=row.name, **allowed, members=sorted(members[row.pk])))
    return everyone, teams


def _allowing() -> Iterable[TeamRow]:
    groups = ModelGroup.objects.order_by().select_related("environment")
    models = AIModel.objects.order_by().select_related("group__environment")
    return TeamRow.objects.order_by().prefetch_related(
        Prefetch("model_groups", groups), Prefetch("models_allowed", models)
    )


def _names_of_members() -> dict[int, list[str]]:
    """The user names of every team's members."""
    found: dict[int, list[str]] = defaultdict(list)
    for team, name in TeamRow.members.through.objects.values_list("team", "user__username"):
        found[team].append(name)
    return found


def _reference(group: ModelGroup) -> str:
    return f"{group.environment.env_id}/{group.name}"


def _abilities() -> list[Abilities]:
    """Of addresses that only differ in what is left out of them, what was tried last."""
    rows = ModelAbilities.objects.order_by("tried_at", "pk")
    found = {}
    for row in rows:
        plain = Abilities(
            base_url=secrets.without_login(row.base_url),
            **{name: getattr(row, name) for name in _SEEN},
        )
        found[plain.base_url, plain.model] = plain
    return [found[key] for key in sorted(found)]

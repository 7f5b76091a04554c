"""The control plane of this very installation: the vendor's actions, on our own tables.

A change counts at once. What this installation has nothing for (keys of the data plane, resource
points) is refused as an action that is not known.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NoReturn

from channels.db import database_sync_to_async
from django.core.exceptions import ValidationError
from django.db import transaction

from admin_models import local, model_rows
from admin_models.models import AIModel, Environment, ModelGroup
from chat.cloudbase import errors, group_names
from chat.cloudbase.control_plane import (
    ActivityRecord,
    AIModelEntry,
    AIModelGroup,
    Answered,
    ApiKey,
    CreditsUsage,
    EnvironmentInfo,
    GroupSecret,
    KeyType,
    ManagedModel,
    ManagedModelGroup,
    ModelSpec,
    ModuleUsage,
    Page,
    PostpayPackage,
)
from chat.cloudbase.credentials import cleaned


class LocalControlPlane:
    """The `ControlPlane` of a local environment."""

    def __init__(self, environment: Environment) -> None:
        """Made by `admin_models.control_plane.of`."""
        self._environment = environment

    async def describe_ai_models(self) -> Answered[tuple[AIModelGroup, ...]]:
        """All groups, with the models that are enabled."""
        found = await database_sync_to_async(groups_of)(self._environment)
        return Answered(found, "DescribeAIModels", None)

    async def update_ai_model(
        self,
        group_name: str,
        *,
        models: Sequence[AIModelEntry] | None = None,
        status: int | None = None,
        base_url: str | None = None,
        remark: str | None = None,
        secret: GroupSecret | None = None,
    ) -> Answered[int | None]:
        """Change a group; models that `models` leaves out are switched off, and kept.

        A group here is called with an API key; an empty one removes what was stored.
        """
        await database_sync_to_async(self._update)(
            group_name, models, status, base_url, remark, secret
        )
        return Answered(1, "UpdateAIModel", None)

    async def create_ai_model(
        self,
        group_name: str,
        *,
        base_url: str | None = None,
        models: Sequence[AIModelEntry] | None = None,
        remark: str | None = None,
        status: int | None = None,
        secret: GroupSecret | None = None,
    ) -> Answered[int | None]:
        """Register a custom group."""
        await database_sync_to_async(self._create)(
            group_name, models, status, base_url, remark, secret
        )
        return Answered(1, "CreateAIModel", None)

    async def delete_ai_model(self, group_names: Sequence[str]) -> Answered[int | None]:
        """Remove custom groups with their models."""
        deleted = await database_sync_to_async(self._delete)(group_names)
        return Answered(deleted, "DeleteAIModel", None)

    async def describe_managed_ai_model_list(self) -> Answered[tuple[ManagedModelGroup, ...]]:
        """The models of the managed group, enabled or not; they have no price."""
        found = await database_sync_to_async(catalogue_of)(self._environment)
        return Answered(found, "DescribeManagedAIModelList", None)

    async def modify_ai_model_status(
        self, group_name: str, models: Mapping[str, bool]
    ) -> Answered[int | None]:
        """Switch single models on or off."""
        changed = await database_sync_to_async(self._switch)(group_name, models)
        return Answered(changed, "ModifyAIModelStatus", None)

    async def describe_activity_info(
        self, activity_names: Sequence[str]
    ) -> Answered[tuple[ActivityRecord, ...]]:
        """This installation takes part in nothing."""
        return Answered((), "DescribeActivityInfo", None)

    async def describe_env_postpay_package(self) -> Answered[tuple[PostpayPackage, ...]]:
        """The token packs that operations issued."""
        found = await database_sync_to_async(packs_of)(self._environment)
        return Answered(found, "DescribeEnvPostpayPackage", None)

    async def describe_envs(
        self, *, env_id: str | None = None, limit: int | None = None, offset: int | None = None
    ) -> Answered[Page[EnvironmentInfo]]:
        """This one environment."""
        is_asked_for = env_id in (None, self._environment.env_id)
        found = (self._information(),) if is_asked_for else ()
        return Answered(Page(found[offset or 0 :][:limit], len(found)), "DescribeEnvs", None)

    async def describe_env_info(self) -> Answered[EnvironmentInfo | None]:
        """This one environment."""
        return Answered(self._information(), "DescribeEnvInfo", None)

    async def create_api_key(
        self,
        *,
        key_type: KeyType = "api_key",
        name: str | None = None,
        expire_in: int | None = None,
    ) -> Answered[ApiKey]:
        """Refused: the groups hold the keys here."""
        _refuse("CreateApiKey")

    async def describe_api_key_list(
        self,
        *,
        key_type: KeyType | None = None,
        page_number: int | None = None,
        page_size: int | None = None,
    ) -> Answered[Page[ApiKey]]:
        """Refused: the groups hold the keys here."""
        _refuse("DescribeApiKeyList")

    async def delete_api_key(self, key_id: str) -> Answered[None]:
        """Refused: the groups hold the keys here."""
        _refuse("DeleteApiKey")

    async def describe_credits_usage(
        self, *, start_date: str, end_date: str
    ) -> Answered[CreditsUsage]:
        """Refused: nothing is paid by resource points here."""
        _refuse("DescribeCreditsUsage")

    async def describe_credits_usage_detail(
        self,
        *,
        modules: Sequence[str],
        start_date: str,
        end_date: str,
        need_usage_details: bool = False,
    ) -> Answered[tuple[ModuleUsage, ...]]:
        """Refused: nothing is paid by resource points here."""
        _refuse("DescribeCreditsUsageDetail")

    def _information(self) -> EnvironmentInfo:
        row = self._environment
        status = "NORMAL" if row.is_enabled else "UNAVAILABLE"
        return EnvironmentInfo(env_id=row.env_id, alias=row.name, status=status)

    # On the tables

    @transaction.atomic
    def _update(
        self,
        name: str,
        models: Sequence[AIModelEntry] | None,
        status: int | None,
        base_url: str | None,
        remark: str | None,
        secret: GroupSecret | None,
    ) -> None:
        group = self._group(name)
        _apply(group, status=status, base_url=base_url, remark=remark, secret=secret)
        if models is not None:
            _replace_models(group, models)

    @transaction.atomic
    def _create(
        self,
        name: str,
        models: Sequence[AIModelEntry] | None,
        status: int | None,
        base_url: str | None,
        remark: str | None,
        secret: GroupSecret | None,
    ) -> None:
        group_names.check(name)
        if not group_names.is_custom(name):
            raise errors.ControlParameterRefused("only custom groups are registered")
        if ModelGroup.objects.filter(environment=self._environment, name=name).exists():
            raise errors.GroupExists
        group = ModelGroup(environment=self._environment, name=name)
        _apply(group, status=status, base_url=base_url, remark=remark, secret=secret)
        _replace_models(group, models or ())

    @transaction.atomic
    def _delete(self, names: Sequence[str]) -> int:
        groups = [self._group(name) for name in names]
        if not all(group_names.is_custom(group.name) for group in groups):
            raise errors.ControlParameterRefused("only custom groups can be removed")
        for group in groups:
            group.delete()
        return len(groups)

    @transaction.atomic
    def _switch(self, name: str, models: Mapping[str, bool]) -> int:
        group = self._group(name)
        rows = [group.models.filter(name=model) for model in models]
        if not all(row.exists() for row in rows):
            raise errors.ResourceNotFound
        return sum(
            row.update(is_enabled=is_on) for row, is_on in zip(rows, models.values(), strict=True)
        )

    def _group(self, name: str) -> ModelGroup:
        group = ModelGroup.objects.filter(environment=self._environment, name=name).first()
        if group is None:
            raise errors.ResourceNotFound
        return group


def groups_of(environment: Environment) -> tuple[AIModelGroup, ...]:
    """What DescribeAIModels says of a local environment, in two queries."""
    groups = environment.groups.prefetch_related("models")
    return tuple(_as_group(group, group.models.all()) for group in groups)


def as_groups(models: Iterable[AIModel]) -> tuple[AIModelGroup, ...]:
    """The groups of some models, with nothing but these models in them; makes no query."""
    listed: defaultdict[int, list[AIModel]] = defaultdict(list)
    for model in models:
        listed[model.group_id].append(model)
    return tuple(_as_group(of_one[0].group, of_one) for of_one in listed.values())


def catalogue_of(environment: Environment) -> tuple[ManagedModelGroup, ...]:
    """What DescribeManagedAIModelList says of a local environment, in one query."""
    rows = AIModel.objects.filter(group__environment=environment, group__name=local.GROUP)
    return (ManagedModelGroup(local.GROUP, models=tuple(map(_as_managed, rows))),)


def packs_of(environment: Environment) -> tuple[PostpayPackage, ...]:
    """What DescribeEnvPostpayPackage says of a local environment, in one query."""
    return tuple(
        PostpayPackage(pack.package_id, status=pack.status) for pack in environment.packs.all()
    )


def _as_group(group: ModelGroup, models: Iterable[AIModel]) -> AIModelGroup:
    kind = "custom" if group_names.is_custom(group.name) else "builtin"
    return AIModelGroup(
        group.name,
        models=tuple(_as_entry(model) for model in models if model.is_enabled),
        status=group.status,
        type=kind,
        origin_type=kind,
        remark=group.remark,
        base_url=group.base_url,
        update_time=group.updated_at.isoformat(),
    )


def _as_entry(model: AIModel) -> AIModelEntry:
    return AIModelEntry(model.name, enable_mcp=model.enable_mcp, tags=tuple(model.tags))


def _as_managed(model: AIModel) -> ManagedModel:
    length = str(model.context_length) if model.context_length else ""
    spec = ModelSpec(context_length=length)
    return ManagedModel(model.name, enable_mcp=model.enable_mcp, spec=spec)


def _apply(
    group: ModelGroup,
    *,
    status: int | None,
    base_url: str | None,
    remark: str | None,
    secret: GroupSecret | None,
) -> None:
    """Change what is given, and save; raises ControlParameterRefused for what cannot be."""
    changes = {"status": status, "base_url": base_url, "remark": remark}
    for name, value in changes.items():
        if value is not None:
            setattr(group, name, value)
    if secret is not None:
        group.keep_key(_api_key(secret))
    _check(group, "name", *changes)
    group.save()


def _api_key(secret: GroupSecret) -> str:
    """Raises KeyMalformed, and ControlParameterRefused for a key of another kind."""
    if secret.secret_id or secret.secret_key:
        raise errors.ControlParameterRefused(
            "a group of this installation is called with an ApiKey, not with SecretId and SecretKey"
        )
    return cleaned(secret.api_key)


def _replace_models(group: ModelGroup, entries: Sequence[AIModelEntry]) -> None:
    for entry in entries:
        _check(AIModel(name=entry.model), "name")
    model_rows.offer(group, entries)


def _check(row: ModelGroup | AIModel, *names: str) -> None:
    """What the table says of each of these members alone; makes no query."""
    others = [field.name for field in row._meta.fields if field.name not in names]
    try:
        row.clean_fields(exclude=others)
    except ValidationError as error:
        raise errors.ControlParameterRefused(" ".join(error.messages)) from None


def _refuse(action: str) -> NoReturn:
    raise errors.ActionUnknown(service_code="InvalidAction", detail=action)

"""The `local` environment: this installation's own groups and models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_noop

from chat.cloudbase import group_names

from .models import AIModel, Environment, GroupStatus, ModelGroup, TokenPack

GROUP = group_names.MANAGED
FIRST_PACK_TOKENS = 10_000_000
"""So much may the managed models of a new installation use before somebody issues more."""
DEMO_NOTICE = gettext_noop(
    "A tiny demonstration model that runs on this machine. It is often wrong; "
    "connect a provider for real answers."
)


@transaction.atomic
def environment() -> Environment:
    """The local environment; made on first use with a token pack, so that the first chat works,
    and the default if there is no other."""
    local, is_new = Environment.objects.get_or_create(
        kind=Environment.Kind.LOCAL,
        defaults={
            "name": "Local",
            "env_id": "local",
            "is_default": not Environment.objects.filter(is_default=True).exists(),
        },
    )
    if is_new:
        TokenPack.objects.create(environment=local, size_tokens=FIRST_PACK_TOKENS)
    return local


def draws_on_packs(model: AIModel) -> bool:
    """Whether calls of `model`, with `group__environment` loaded, use up token packs of ours."""
    return is_embedded(model.group)


def is_embedded(group: ModelGroup) -> bool:
    """Whether `group`, with its environment loaded, holds the models that this installation
    serves itself."""
    return group.name == GROUP and group.environment.is_local


@transaction.atomic
def register_model(
    *,
    base_url: str,
    key: str,
    name: str,
    context_length: int | None,
    parameters: Mapping[str, Any],
    notice: str = DEMO_NOTICE,
) -> AIModel:
    """Offer the model served at `base_url` (with `key`) as one of the local `cloudbase` group.

    Whatever that group offered before is switched off, since its address is gone. The model is
    called by `name`; `context_length` is in tokens; `parameters` go with every request.
    """
    group, _ = ModelGroup.objects.get_or_create(environment=environment(), name=GROUP)
    group.base_url = base_url
    group.status = GroupStatus.ON
    group.keep_key(key)
    group.save()
    group.models.exclude(name=name).update(is_enabled=False)
    model, _ = AIModel.objects.update_or_create(
        group=group,
        name=name,
        defaults={
            "is_enabled": True,
            "context_length": context_length,
            "parameters": dict(parameters),
            "notice": notice,
        },
    )
    return model


def withdraw_models() -> None:
    """Switch the local `cloudbase` group off: its server is not running."""
    ModelGroup.objects.filter(environment__kind=Environment.Kind.LOCAL, name=GROUP).update(
        status=GroupStatus.OFF
    )

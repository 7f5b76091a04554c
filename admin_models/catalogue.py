"""Switches models on. The vendor's action replaces a group's whole list, so we merge: nothing that
somebody else switched on is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final

from django.core.cache import cache
from django.utils import timezone

from admin_models import control_plane
from admin_models.models import AIModel, Environment
from admin_models.preflight import PreflightFailed, asking
from chat.cloudbase import group_names
from chat.cloudbase.control_plane import (
    ON,
    AIModelEntry,
    AIModelGroup,
    Answered,
    ControlPlane,
)
from chat.cloudbase.errors import _

CHANGE_TAKES: Final = 120
"""Seconds after which a change that never ended keeps nobody from the next."""
ATTEMPTS: Final = 3
"""How often a change is made again that somebody else's undid at the same moment."""


class ModelNotInCatalogue(PreflightFailed):
    code = "preflight_not_in_catalogue"
    is_retryable = False
    user_message = _(
        "The catalogue of the environment has no model %(model)s; capital letters count."
    )


class NoSuchGroup(PreflightFailed):
    code = "preflight_no_such_group"
    is_retryable = False
    user_message = _("The environment has no group %(group)s in which to switch a model on.")


class SwitchNotKept(PreflightFailed):
    code = "preflight_switch_not_kept"
    user_message = _(
        "%(model)s was switched on, but the environment does not list it. Please try again."
    )


async def switch_on(environment_pk: int, group: str, model: str) -> None:
    """Switch `model` on in `group`, and the group itself; what is on stays as it is.

    Reads the list again, writes it with the model added, and reads it back. Changes of one group
    made here wait for each other. Raises NoSuchGroup, ModelNotInCatalogue, SwitchNotKept, and
    whatever the control plane says.
    """
    environment = await Environment.objects.aget(pk=environment_pk)
    plane = control_plane.of(environment)
    entry = await _entry(plane, group, model)
    async with _alone(environment_pk, group):
        for _attempt in range(ATTEMPTS):
            await _write(plane, group, entry)
            asked_at = timezone.now()
            said = await plane.describe_ai_models()
            if _is_on(said, group, model):
                break
        else:
            raise SwitchNotKept(model=model)
    await asking.keep_answer(environment, said, asked_at)
    await _note(environment_pk, group, model, asked_at)
    await asking.announce(environment_pk)


async def _entry(plane: ControlPlane, group: str, model: str) -> AIModelEntry:
    """As the model is to be listed; of the managed group only what the catalogue has."""
    if group != group_names.MANAGED:
        return AIModelEntry(model)
    catalogue = (await plane.describe_managed_ai_model_list()).value
    for listed in catalogue:
        for managed in listed.models if listed.group_name == group else ():
            if managed.model == model:
                return AIModelEntry(model, enable_mcp=managed.enable_mcp)
    raise ModelNotInCatalogue(model=model)


async def _write(plane: ControlPlane, name: str, entry: AIModelEntry) -> None:
    """Add the entry to what the group lists now; one that it has keeps its settings."""
    group = _named(await plane.describe_ai_models(), name)
    if group is None:
        raise NoSuchGroup(group=name)
    kept = [*group.models] if group.offers(entry.model) else [*group.models, entry]
    await plane.update_ai_model(name, models=kept, status=ON)


def _is_on(said: Answered[tuple[AIModelGroup, ...]], name: str, model: str) -> bool:
    group = _named(said, name)
    return group is not None and group.is_on and group.offers(model)


def _named(said: Answered[tuple[AIModelGroup, ...]], name: str) -> AIModelGroup | None:
    return next((group for group in said.value if group.group_name == name), None)


async def _note(environment_pk: int, group: str, model: str, at: datetime) -> None:
    rows = AIModel.objects.filter(group__environment=environment_pk, group__name=group, name=model)
    await rows.aupdate(switched_on_at=at)


@asynccontextmanager
async def _alone(environment_pk: int, group: str) -> AsyncGenerator[None, None]:
    """Wait until nobody else changes the group; across processes where they share a cache."""
    key = f"switching.{environment_pk}.{group}"
    while not await cache.aadd(key, True, CHANGE_TAKES):  # noqa: ASYNC110  # maybe elsewhere
        await asyncio.sleep(0.1)
    try:
        yield
    finally:
        await cache.adelete(key)

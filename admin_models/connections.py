"""From a model in our tables to one that can be called: environment → group → client."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import ClassVar

from chat.cloudbase import ChatModel, CloudBase, HttpPool, OpenAICompatible
from chat.cloudbase.errors import CloudBaseError, FixableBy, Stage, _

from . import crypto
from .models import AIModel, Environment


class KeyUnreadable(CloudBaseError):
    """The stored key was sealed with a sealing key that this installation no longer has."""

    code = "preflight_key_unreadable"
    stage: ClassVar[Stage] = "preflight"
    fixable_by: ClassVar[FixableBy] = "admin"
    user_message = _(
        "The stored key of this model cannot be read any more. "
        "An administrator must enter it again."
    )


class _Connections:
    """The process's HTTP pool; an `httpx.AsyncClient` belongs to the loop that opened it."""

    pool: HttpPool | None = None


@asynccontextmanager
async def opened() -> AsyncGenerator[None, None]:
    """Hold the HTTP pool open for as long as the application runs."""
    async with HttpPool() as pool:
        _Connections.pool = pool
        try:
            yield
        finally:
            _Connections.pool = None


def chat_model(model: AIModel) -> ChatModel:
    """The client of `model`, with its key unsealed only here.

    Expects `group__environment` to be loaded, makes no query. Raises `KeyUnreadable` and
    `chat.cloudbase.errors.IllegalGroupName`.
    """
    group, environment = model.group, model.group.environment
    pool = _Connections.pool
    if environment.kind == Environment.Kind.LOCAL:
        key = _unsealed(group.sealed_key)
        return (
            OpenAICompatible(base_url=group.base_url, api_key=key, http=pool)
            .ai()
            .create_model(group.name)
        )
    key = _unsealed(environment.sealed_key)
    return (
        CloudBase(
            env=environment.env_id,
            api_key=key,
            region=environment.region,
            http=pool,
        )
        .ai()
        .create_model(group.name)
    )


def _unsealed(sealed: str) -> str:
    try:
        return crypto.unseal(sealed)
    except crypto.CannotUnseal as error:
        raise KeyUnreadable from error

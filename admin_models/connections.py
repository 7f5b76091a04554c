"""From a row in our tables to a client: environment → its app, model → what can be called."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, TypeVar

from django.conf import settings

from chat.cloudbase import ChatModel, CloudBase, HttpPool, OpenAICompatible, addresses
from chat.cloudbase.credentials import Credential
from chat.cloudbase.errors import CloudBaseError, FixableBy, Stage, _
from chat.cloudbase.transport import MoreHeaders

from . import crypto, endings, local
from .models import AIModel, Environment, ModelGroup

T = TypeVar("T")

_THIS_MACHINE: Final = addresses.allowing(("127.0.0.0/8", "::1"))
"""Where the embedded model is, at a port that its own start chose."""


def allowed_addresses() -> addresses.Allowed:
    """What may be called besides public addresses: what the operator lists. Raises ValueError.

    Whoever makes an HttpPool of their own gives it this.
    """
    return addresses.allowing(settings.PRIVATE_HOSTS)


class KeyUnreadable(CloudBaseError):
    """The stored key was sealed with a sealing key that this installation no longer has."""

    code = "preflight_key_unreadable"
    stage: ClassVar[Stage] = "preflight"
    fixable_by: ClassVar[FixableBy] = "admin"
    user_message = _(
        "The stored key of this model cannot be read any more. "
        "An administrator must enter it again."
    )


@dataclass(slots=True)
class _Open:
    """The process's HTTP pools; an `httpx.AsyncClient` belongs to the loop that opened it."""

    pool: HttpPool
    embedded_pool: HttpPool
    """For the embedded model alone."""
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    context: Context = field(default_factory=copy_context)
    apps: dict[int, tuple[tuple[object, ...], CloudBase]] = field(default_factory=dict)
    """The app of each environment and the settings that it was made from."""
    tasks: set[asyncio.Task[Any]] = field(default_factory=set)


_open: _Open | None = None


@asynccontextmanager
async def opened(more_headers: MoreHeaders | None = None) -> AsyncGenerator[None, None]:
    """Hold the HTTP pools open for as long as the application runs; `more_headers` is theirs."""
    global _open
    async with (
        HttpPool(allowed=allowed_addresses(), more_headers=more_headers) as pool,
        HttpPool(allowed=_THIS_MACHINE, more_headers=more_headers) as embedded_pool,
    ):
        _open = _Open(pool, embedded_pool)
        try:
            yield
        finally:
            await endings.ended(_open.tasks)
            _open = None


def are_open_here() -> bool:
    """Whether the application runs, on the loop that runs this."""
    return _open is not None and _open.loop is asyncio.get_running_loop()


def in_background(work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
    """Run `work` as a task of the application, which outlives whoever asked for it.

    It gets the context of the application and not the caller's: a view's context names a thread
    for database work that ends with the request. Expects the application to run, on this loop.
    """
    if _open is None:
        work.close()
        raise RuntimeError("admin_models.connections.opened() is not running")
    task = _open.loop.create_task(work, name=name, context=_open.context.copy())
    _open.tasks.add(task)
    task.add_done_callback(_open.tasks.discard)
    return task


def chat_model(model: AIModel) -> ChatModel:
    """The client of `model`, with its key unsealed only here.

    Expects `group__environment` to be loaded, makes no query. Raises `KeyUnreadable` and
    `chat.cloudbase.errors.IllegalGroupName`.
    """
    return group_client(model.group)


def group_client(group: ModelGroup) -> ChatModel:
    """The client of a group, as `chat_model`."""
    if group.environment.is_local:
        key = _unsealed(group.sealed_key)
        app = OpenAICompatible(base_url=group.base_url, api_key=key, http=_pool_of(group))
        return app.ai().create_model(group.name)
    return cloudbase_app(group.environment).ai().create_model(group.name)


async def post_json(
    url: str, body: bytes, credential: Credential, *, within: float
) -> tuple[int, bytes]:
    """`HttpPool.post_json` to an address that somebody entered, if it may be called."""
    if are_open_here():
        return await _pool().post_json(url, body, credential, within=within)
    async with HttpPool(allowed=allowed_addresses()) as pool:
        return await pool.post_json(url, body, credential, within=within)


def stored_key(group: ModelGroup) -> str:
    """The key of a group, to try the address with that it is stored for; "" for none.

    Raises `KeyUnreadable`.
    """
    return _unsealed(group.sealed_key)


def cloudbase_app(environment: Environment) -> CloudBase:
    """The app of a CloudBase environment, the same one until its settings change, as it learns how
    the service wants to be spoken to. One that is not saved gets an app of its own.

    Makes no query. Raises `KeyUnreadable`, and what `CloudBase` raises.
    """
    if _open is None or environment.pk is None:
        return _made(environment)
    settings = settings_of(environment)
    known = _open.apps.get(environment.pk)
    if known is not None and known[0] == settings:
        return known[1]
    app = _made(environment)
    _open.apps[environment.pk] = (settings, app)
    return app


def settings_of(environment: Environment) -> tuple[object, ...]:
    """What its client is made from, the keys still sealed."""
    return (
        environment.env_id,
        environment.region,
        environment.is_international,
        environment.base_url,
        environment.control_url,
        environment.sealed_key,
        environment.sealed_secret_id,
        environment.sealed_secret_key,
    )


def _made(environment: Environment) -> CloudBase:
    return CloudBase(
        env=environment.env_id,
        api_key=_unsealed(environment.sealed_key) or None,
        secret_id=_unsealed(environment.sealed_secret_id) or None,
        secret_key=_unsealed(environment.sealed_secret_key) or None,
        region=environment.region,
        intl=environment.is_international,
        base_url=environment.base_url or None,
        control_url=environment.control_url or None,
        http=_pool(),
    )


def _pool_of(group: ModelGroup) -> HttpPool:
    """The embedded model is on this machine, at an address that we chose ourselves: it needs no
    entry in the operator's list, and nothing of that list counts for it."""
    if local.is_embedded(group):
        return _open.embedded_pool if _open else HttpPool(allowed=_THIS_MACHINE)
    return _pool()


def _pool() -> HttpPool:
    return _open.pool if _open else HttpPool(allowed=allowed_addresses())


def _unsealed(sealed: str) -> str:
    try:
        return crypto.unseal(sealed)
    except crypto.CannotUnseal as error:
        raise KeyUnreadable from error

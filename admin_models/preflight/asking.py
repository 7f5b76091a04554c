"""Asks an environment, and stores what it says as the facts of preflight.

However many ask, an environment hears each question once at a time; each question has a time
limit of its own, and its answer is stored and announced as it comes.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from django.conf import settings
from django.db import DatabaseError
from django.utils import timezone

from admin_models import connections, control_plane, endings, signals
from admin_models.models import AIModel, Environment, ModelGroup
from admin_models.preflight import noting
from admin_models.preflight.eligibility import GROWTH_ACTIVITY
from admin_models.preflight.facts import REFUSALS
from admin_models.preflight.seeing import CALL
from admin_models.signals import TestCall
from chat.cloudbase import group_names
from chat.cloudbase.control_plane import Answered, ControlPlane
from chat.cloudbase.errors import (
    ActionUnknown,
    CloudBaseError,
    EnvironmentNotFound,
    ProviderTimedOut,
)
from chat.cloudbase.events import Usage

logger = logging.getLogger(__name__)

CALL_TIMEOUT: Final = 60.0
"""Seconds; some models think before their first token."""
CREDITS_OF: Final = timedelta(days=30)
"""Whose resource points are asked for."""
LOOK_INTERVAL: Final = 5.0
"""Seconds between two looks for environments whose answers run out."""
ALL_CHANGES: Final = "preflight"
"""The channel-layer group that hears of every environment."""
PROOF_INTERVAL: Final = 60.0
"""Seconds; so often at the most a model's answered calls are noted."""

Ask = Callable[[ControlPlane, str], Awaitable[Answered[Any]]]


async def _activities(plane: ControlPlane, env_id: str) -> Answered[Any]:
    """Only what is said of this environment; the answer is about the whole account."""
    said = await plane.describe_activity_info([GROWTH_ACTIVITY])
    ours = tuple(record for record in said.value if record.env_id == env_id)
    return Answered(ours, said.action, said.request_id)


async def _information(plane: ControlPlane, env_id: str) -> Answered[Any]:
    said = await plane.describe_envs(env_id=env_id)
    ours = next((info for info in said.value.items if info.env_id == env_id), None)
    if ours is None:
        raise EnvironmentNotFound(request_id=said.request_id)
    return Answered(ours, said.action, said.request_id)


async def _credits(plane: ControlPlane, _env_id: str) -> Answered[Any]:
    today = timezone.now().date()
    return await plane.describe_credits_usage(
        start_date=(today - CREDITS_OF).isoformat(), end_date=today.isoformat()
    )


ACTIONS: Final[Mapping[str, Ask]] = {
    "DescribeActivityInfo": _activities,
    "DescribeEnvPostpayPackage": lambda plane, _: plane.describe_env_postpay_package(),
    "DescribeAIModels": lambda plane, _: plane.describe_ai_models(),
    "DescribeManagedAIModelList": lambda plane, _: plane.describe_managed_ai_model_list(),
    "DescribeEnvs": _information,
    "DescribeCreditsUsage": _credits,
}
"""What is asked, and how."""

_Flight = asyncio.Task[None]
_Key = tuple[int, str, tuple[object, ...]]
_flights: dict[_Key, _Flight] = {}
"""What is being asked now, by environment, action and settings: after a change of keys nobody waits
for an answer to the old ones."""
_proven: dict[tuple[int, str], float] = {}
"""When a model's answered call was noted last, in seconds of the monotonic clock."""


def channel_group(environment_pk: int) -> str:
    """The channel-layer group of those who look at an environment's checks.

    It hears `{"type": "preflight.changed", "environment": pk}`.
    """
    return f"{ALL_CHANGES}.{environment_pk}"


# The control plane


async def renew(environment_pk: int, *actions: str) -> None:
    """Ask for `actions`, or for everything; returns when each was answered, failed or timed out.

    Does nothing for an environment that is gone, is this installation, or has no cloud keys.
    """
    environment = await Environment.objects.filter(pk=environment_pk).afirst()
    if environment is None or environment.is_local or not environment.has_cloud_keys:
        return
    wanted = [
        _joined(
            (environment_pk, action, connections.settings_of(environment)),
            partial(_ask, environment, action),
        )
        for action in actions or ACTIONS
    ]
    await asyncio.wait(wanted)


async def _ask(environment: Environment, action: str) -> None:
    asked_at = timezone.now()
    try:
        answered = await _within_time(environment, ACTIONS[action])
    except CloudBaseError as error:
        level = logging.INFO if isinstance(error, ActionUnknown) else logging.WARNING
        logger.log(level, "%s of environment %s failed: %s", action, environment.pk, error.code)
        await _keep(noting.failed, environment.pk, action, "", error, asked_at)
    except Exception:  # the edge of a task: whoever waits sees what was known before
        logger.exception("%s of environment %s broke", action, environment.pk)
    else:
        await _keep(noting.answered, environment.pk, action, answered, asked_at)


async def _within_time(environment: Environment, ask: Ask) -> Answered[Any]:
    try:
        async with asyncio.timeout(settings.PREFLIGHT_TIMEOUT_SECONDS):
            return await ask(control_plane.of(environment), environment.env_id)
    except TimeoutError:
        raise ProviderTimedOut from None


async def keep_answer(environment: Environment, said: Answered[Any], asked_at: datetime) -> None:
    """Store what an environment said to somebody else, as if it had been asked here."""
    if not environment.is_local:
        await _keep(noting.answered, environment.pk, said.action, said, asked_at)


# A real call


async def try_call(
    environment_pk: int, group: str, model: str, actor_pk: int | None = None
) -> None:
    """Make a real call of one token and note how it went; only ever on a person's click.

    Who clicks while such a call is being made waits for that one; it is told as a call of who
    clicked first. Does nothing for an environment that is gone. Raises IllegalGroupName.
    """
    group_names.check(group)
    row = await database_sync_to_async(_group)(environment_pk, group)
    if row is None:
        return
    settings = (*connections.settings_of(row.environment), row.base_url, row.sealed_key)
    key = (environment_pk, f"{CALL} {group}/{model}", settings)
    await asyncio.wait([_joined(key, partial(_call, row, model, actor_pk))])


async def _call(row: ModelGroup, model: str, actor_pk: int | None) -> None:
    asked_at = timezone.now()
    called = await _called(row, model)
    await _keep_call(row.environment.pk, row.name, model, called.error, asked_at)
    tell = database_sync_to_async(signals.tell_called)
    await tell(actor_pk, row.environment, row.name, [called])


async def _called(row: ModelGroup, model: str) -> TestCall:
    started = time.monotonic()
    usage: Usage | None = None
    error: CloudBaseError | None = None
    try:
        async with asyncio.timeout(CALL_TIMEOUT):
            said = await connections.group_client(row).generate_text(
                model=model, messages=[{"role": "user", "content": "1"}], max_tokens=1, max_steps=1
            )
        usage = said.usage if said.usage.total_tokens else None
    except TimeoutError:
        error = ProviderTimedOut()
    except CloudBaseError as refused:
        error = refused
    return TestCall(model, usage, time.monotonic() - started, error)


def _group(environment_pk: int, name: str) -> ModelGroup | None:
    """The row of a group, or what it would be: the service may know one that we do not."""
    environment = Environment.objects.filter(pk=environment_pk).first()
    if environment is None:
        return None
    row = environment.groups.select_related("environment").filter(name=name).first()
    return row or ModelGroup(environment=environment, name=name)


async def call_ended(model: AIModel, error: CloudBaseError | None) -> None:
    """Hear how a real call of a turn ended, None for well.

    Of a CloudBase environment only; an answer is noted once a minute at the most, and of refusals
    those that say something about the next call. Never raises.
    """
    environment_pk, key = model.group.environment_id, (model.group_id, model.name)
    if model.group.environment.is_local or (error and error.code not in REFUSALS):
        return
    is_known = error is None and time.monotonic() < _proven.get(key, 0.0)
    if not is_known:
        _proven[key] = 0.0 if error else time.monotonic() + PROOF_INTERVAL
        await _keep_call(environment_pk, model.group.name, model.name, error, timezone.now())


async def _keep_call(
    environment_pk: int, group: str, model: str, error: CloudBaseError | None, at: datetime
) -> None:
    subject = f"{group}/{model}"
    if error is None:
        await _keep(noting.call_answered, environment_pk, group, model, at)
    else:
        logger.warning("call %s of environment %s failed: %s", subject, environment_pk, error.code)
        await _keep(noting.failed, environment_pk, CALL, subject, error, at)


# What is common to both


def _joined(key: _Key, ask: Callable[[], Coroutine[Any, Any, None]]) -> _Flight:
    """The asking that goes on under `key`, begun now if there is none."""
    if key not in _flights:
        _flights[key] = connections.in_background(ask(), name=f"{key[1]} {key[0]}")
        _flights[key].add_done_callback(lambda _task: _flights.pop(key, None))
    return _flights[key]


async def _keep(note: Callable[..., None], environment_pk: int, *what: Any) -> None:
    """Store what was heard, and tell who looks at it."""
    try:
        await database_sync_to_async(note)(environment_pk, *what)
    except noting.EnvironmentGone:
        logger.info("environment %s was deleted while it was asked", environment_pk)
    except DatabaseError:
        logger.exception("what environment %s said could not be stored", environment_pk)
    else:
        await announce(environment_pk)


async def announce(environment_pk: int) -> None:
    """Tell the pages that show an environment that something is known anew."""
    if (layer := get_channel_layer()) is None:
        return
    news = {"type": "preflight.changed", "environment": environment_pk}
    for group in (ALL_CHANGES, channel_group(environment_pk)):
        try:
            await layer.group_send(group, news)
        except Exception:  # whatever the layer's own service raises while it is away
            logger.exception("the pages of environment %s could not be told", environment_pk)


# In the background


@asynccontextmanager
async def renewing() -> AsyncGenerator[None, None]:
    """Inside, answers are asked for anew before they run out, by one process for all."""
    task = asyncio.create_task(_keep_renewing(), name="preflight")
    try:
        yield
    finally:
        await endings.ended([task])


async def _keep_renewing() -> None:
    while True:
        try:
            await renew_due()
        except Exception:  # the edge of a task: what fails once is tried again
            logger.exception("the background renewal of preflight failed; it is tried again")
        await asyncio.sleep(LOOK_INTERVAL)


async def renew_due() -> None:
    """Begin to ask each environment whose time has come and that no other process asks."""
    for environment_pk in await database_sync_to_async(noting.claim_due)():
        connections.in_background(_renew_claimed(environment_pk), f"renewal {environment_pk}")


async def _renew_claimed(environment_pk: int) -> None:
    await renew(environment_pk)
    await database_sync_to_async(noting.hurry_if_failed)(environment_pk)

"""What runs beside it: other processes, what they share, the disk, jobs and the embedded model."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import secrets
import shutil
import socket
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from asgiref.sync import async_to_sync
from django.conf import settings
from django.core.cache import cache
from django.utils import timezone

from admin_models import local
from admin_models.models import Environment, GroupStatus, ModelGroup
from chat.models import JobState, Worker
from chat.operations import readiness
from chat.turns.log import SILENCE

from .findings import Finding, error, ok, warning

_PATIENCE: Final = 5.0
"""Seconds that something beside us gets to answer."""
_MB: Final = 1024 * 1024
_REDIS: Final = "Set REDIS_URL to the same for all of them"


def _processes() -> int:
    """How many server processes work with this database now."""
    return Worker.objects.filter(heartbeat_at__gt=timezone.now() - SILENCE).count()


def channel_layer() -> Iterator[Finding]:
    """What is sent to a channel arrives, in every process."""
    try:
        async_to_sync(_ask_channel_layer)()
    except Exception as trouble:  # whatever a layer raises
        said = f"it does not pass messages on ({type(trouble).__name__})"
        yield error("channel layer", said, "Check REDIS_URL, and that Redis runs")
        return
    count = _processes()
    if count > 1 and not settings.REDIS_URL:
        said = f"{count} processes work with this database and do not hear of each other"
        yield error("channel layer", said, _REDIS)
    else:
        kind = "Redis" if settings.REDIS_URL else "this process alone"
        yield ok("channel layer", f"messages arrive ({kind}); processes that serve: {count}")


async def _ask_channel_layer() -> None:
    await asyncio.wait_for(readiness.channel_layer(), _PATIENCE)


def shared_cache() -> Iterator[Finding]:
    """What is put into the cache is there, for every process."""
    key, value = f"doctor-{secrets.token_hex(8)}", secrets.token_hex(8)
    try:
        cache.set(key, value, 10)
        found = cache.get(key)
        cache.delete(key)
    except Exception as trouble:  # whatever a cache raises
        said = f"it does not answer ({type(trouble).__name__})"
        yield error("cache", said, "Check REDIS_URL, and that Redis runs")
        return
    if found != value:
        yield error("cache", "it does not keep what it is given", "Check the memory of Redis")
    elif _processes() > 1 and not settings.REDIS_URL:
        yield warning("cache", "each process counts by itself how often people do things", _REDIS)
    else:
        yield ok("cache", "it keeps what it is given")


def disk() -> Iterator[Finding]:
    """There is room."""
    usage = shutil.disk_usage(settings.DATA_DIR)
    free = usage.free // _MB
    remedy = "Make room, or keep less: see the page Housekeeping"
    if free < settings.MIN_FREE_MB:
        yield error("disk", f"{free} MB are free; no process is ready with that", remedy)
    elif free < 5 * settings.MIN_FREE_MB or usage.free < usage.total // 50:
        yield warning("disk", f"{free} MB are free", remedy)
    else:
        yield ok("disk", f"{free} MB are free")


def jobs() -> Iterator[Finding]:
    """What is done in the background is done."""
    now, conditions = timezone.now(), JobState.Condition
    rows = list(JobState.objects.all())
    bad = {row: row.condition(now) for row in rows}
    for row, condition in bad.items():
        if condition in {conditions.STUCK, conditions.FAILING}:
            said = f"{row.name} is {condition.value} ({row.last_error or 'nothing is heard of it'})"
            yield warning("jobs", said, "The server's log says why; it is tried again by itself")
    if not {conditions.STUCK, conditions.FAILING} & {*bad.values()}:
        yield ok("jobs", f"{len(rows)} are in order")


def embedded_model() -> Iterator[Finding]:
    """The model that came along answers, where it is wanted."""
    if os.environ.get("CHATSITE_NO_MODEL"):
        yield ok("embedded model", "it is switched off (CHATSITE_NO_MODEL)")
        return
    if importlib.util.find_spec("xllamacpp") is None:
        yield ok("embedded model", "it is not installed; `manage.py up` without --no-model does so")
        return
    groups = ModelGroup.objects.filter(
        environment__kind=Environment.Kind.LOCAL, name=local.GROUP, status=GroupStatus.ON
    )
    addresses = {*groups.exclude(base_url="").values_list("base_url", flat=True)}
    if not addresses:
        yield ok("embedded model", "it is not running; `manage.py up` starts it")
    for address in addresses:
        yield _answering(address)


def _answering(address: str) -> Finding:
    parts = urlsplit(address)
    try:
        where = (parts.hostname or "", parts.port or 80)
        socket.create_connection(where, timeout=_PATIENCE).close()
    except OSError:
        remedy = "Restart the server; data/local-model.log says why it ended"
        return warning("embedded model", "it is registered and does not answer", remedy)
    return ok("embedded model", "it answers")

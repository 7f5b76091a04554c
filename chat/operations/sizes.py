"""How much is stored: rows of tables, and bytes of files."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import connection
from django.db.models import Model
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from admin_models.models import AuditEntry, ListVersion, Observation
from chat.models import (
    Alert,
    Conversation,
    DaySpeeds,
    DayTotal,
    Failure,
    HourTotal,
    Message,
    Reconciliation,
    SiteDaySpeeds,
    SiteDayTotal,
    Usage,
)

TABLES: Final[tuple[tuple[Promise, tuple[type[Model], ...]], ...]] = (
    (_("conversations"), (Conversation,)),
    (_("messages"), (Message,)),
    (_("rows of the ledger"), (Usage,)),
    (
        _("totals of the ledger"),
        (HourTotal, SiteDayTotal, DayTotal, SiteDaySpeeds, DaySpeeds, Failure),
    ),
    (_("comparisons with environments"), (Reconciliation,)),
    (_("entries of the audit log"), (AuditEntry,)),
    (_("earlier lists of models"), (ListVersion,)),
    (_("answers of environments"), (Observation,)),
    (_("alerts"), (Alert,)),
    (_("sessions"), (Session,)),
)


@dataclass(frozen=True, slots=True)
class Place:
    """Something on the disk, and its size in bytes."""

    name: Promise
    size: int


def tables() -> list[tuple[Promise, int]]:
    """What is in the database, and how many rows there are of it."""
    return [
        (name, sum(model._default_manager.count() for model in models)) for name, models in TABLES
    ]


def places() -> Iterator[Place]:
    """The database, the files, and the room that is left."""
    yield Place(_("database"), _database())
    yield Place(_("files that people brought"), _below(settings.MEDIA_ROOT))
    yield Place(_("free on the disk"), shutil.disk_usage(settings.DATA_DIR).free)


def _database() -> int:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_database_size(current_database())")
            return int(cursor.fetchone()[0])
    file = Path(str(connection.settings_dict["NAME"]))
    return sum(path.stat().st_size for path in file.parent.glob(f"{file.name}*"))


def _below(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())

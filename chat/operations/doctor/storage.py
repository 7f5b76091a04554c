"""What is stored: the database, its rules, the totals, and whether what is sealed can be read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from django.apps import apps
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from admin_models import append_only, crypto, resealing
from admin_models.models import AuditEntry, Price
from chat.ledger import totals
from chat.models import Usage

from .findings import Finding, error, ok, warning

ONLY_GROW: Final = (AuditEntry, Price, Usage)
COUNTED: Final = 100_000
"""Rows of a ledger that are counted without being told to: nobody writes meanwhile."""
_MIGRATE: Final = "Stop the servers and run: python3 manage.py up"


def database() -> Iterator[Finding]:
    """It answers, and is not damaged."""
    with connection.cursor() as cursor:
        if connection.vendor != "sqlite":
            cursor.execute("SELECT version()")
            yield ok("database", f"{cursor.fetchone()[0].split(' on ')[0]} answers")
            return
        cursor.execute("PRAGMA integrity_check(5)")
        if (faults := [row[0] for row in cursor.fetchall()]) != ["ok"]:
            remedy = "Stop the server and restore a backup: python3 manage.py restore FILE"
            yield error("database", f"it is damaged: {faults[0]}", remedy)
            return
        cursor.execute("PRAGMA journal_mode")
        if (mode := cursor.fetchone()[0]) == "wal":
            yield ok("database", "SQLite finds no fault")
        else:
            remedy = "Keep the data folder on a local disk"
            yield warning("database", f"its journal is {mode}: readers wait for writers", remedy)


def migrations() -> Iterator[Finding]:
    """The tables are those of this version."""
    executor = MigrationExecutor(connection)
    ours = {config.label for config in apps.get_app_configs()}
    applied = executor.loader.applied_migrations
    newer = [
        key for key in applied if key[0] in ours and key not in executor.loader.disk_migrations
    ]
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if newer:
        said = f"a newer version made {'.'.join(sorted(newer)[-1])}"
        yield error("migrations", said, "Install that version, or restore a backup of this one")
    elif missing:
        yield error("migrations", f"{len(missing)} steps are missing", _MIGRATE)
    else:
        yield ok("migrations", f"all {len(applied)} steps were taken")


def sealed_values() -> Iterator[Finding]:
    """The sealing keys open everything that is sealed; counted, never shown."""
    unreadable: Counter[str] = Counter()
    total = 0
    for model, name in resealing.columns():
        sealed = model._default_manager.exclude(**{name: ""}).values_list(name, flat=True)
        for value in sealed.iterator():
            total += 1
            unreadable[f"{model.__name__}.{name}"] += not _opens(value)
    lost = ", ".join(f"{count} of {name}" for name, count in unreadable.items() if count)
    if lost:
        remedy = (
            "Put the key file that was kept back into the data folder (keys/sealing), or its keys "
            "into CHATSITE_SECRET_KEYS; else enter these keys again"
        )
        yield error("sealing keys", f"they do not open {lost}; there are {total} values", remedy)
    else:
        yield ok("sealing keys", f"they open all {total} sealed values")


def _opens(sealed: str) -> bool:
    try:
        crypto.unseal(sealed)
    except crypto.CannotUnseal:
        return False
    return True


def only_growing() -> Iterator[Finding]:
    """The database refuses to change what was written down for good."""
    names = [table._meta.db_table for table in ONLY_GROW]
    if open_ones := [name for name in names if not append_only.is_protected(connection, name)]:
        said = f"these tables can be changed: {', '.join(open_ones)}"
        remedy = "Run: python3 manage.py migrate (it protects them), and ask who changed that"
        yield error("append-only tables", said, remedy)
    else:
        yield ok("append-only tables", f"{len(names)} tables only grow")


def ledger_totals(*, is_thorough: bool = False) -> Iterator[Finding]:
    """The totals are what the rows of the ledger come to."""
    rows = Usage.objects.count()
    if rows > COUNTED and not is_thorough:
        said = f"{rows} rows were not counted, as nobody can write meanwhile"
        yield ok("ledger totals", f"{said}; `manage.py doctor --thorough` does")
    elif found := totals.differences():
        said = f"{len(found)} are not what {rows} rows come to, one in {found[0].table}"
        yield error("ledger totals", said, "Run: python3 manage.py rebuild_totals")
    else:
        yield ok("ledger totals", f"they are what {rows} rows come to")


def clock() -> Iterator[Finding]:
    """This machine's clock agrees with the database's, and with what was written before."""
    newest = Usage.objects.order_by("-created_at").values_list("created_at", flat=True).first()
    apart = timedelta(0)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            apart = abs(cursor.fetchone()[0] - timezone.now())
    if newest is not None and newest > timezone.now() + timedelta(minutes=1):
        said = f"the ledger has rows of {newest:%Y-%m-%d %H:%M} UTC, which is not yet"
        yield error("clock", said, "Set this machine's clock by a time server")
    elif apart > timedelta(seconds=2):
        said = f"it is {apart.total_seconds():.0f} s apart from the database's"
        yield warning("clock", said, "Set both clocks by a time server")
    else:
        yield ok("clock", f"{timezone.now():%Y-%m-%d %H:%M} UTC")

"""Tables that only grow: the database itself refuses to change or delete their rows."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model

_REFUSALS: Final = {
    "sqlite": {"update": "", "delete": ""},
    "postgresql": {
        "update": "FOR EACH ROW",
        "delete": "FOR EACH ROW",
        "truncate": "FOR EACH STATEMENT",  # no trigger of rows hears of it
    },
}
"""What each kind of database can do to rows, and how often it asks."""
_SQLITE: Final = (
    "CREATE TRIGGER IF NOT EXISTS {table}_no_{verb} BEFORE {verb} ON {table} "
    "BEGIN SELECT RAISE(ABORT, '{table} only grows'); END"
)
_FUNCTION: Final = (
    "CREATE OR REPLACE FUNCTION {table}_only_grows() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION '{table} only grows' USING ERRCODE = 'integrity_constraint_violation'"
    "; END $$"
)
_POSTGRESQL: Final = (
    "CREATE OR REPLACE TRIGGER {table}_no_{verb} BEFORE {verb} ON {table} "
    "{each} EXECUTE FUNCTION {table}_only_grows()"
)


def protect(connection: BaseDatabaseWrapper, table: str) -> None:
    """From now on rows of `table` can only be added. Changing or deleting one raises
    django.db.IntegrityError. Does nothing to a table that is protected."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(_FUNCTION.format(table=table))
        statement = _POSTGRESQL if connection.vendor == "postgresql" else _SQLITE
        for verb, each in _REFUSALS[connection.vendor].items():
            cursor.execute(statement.format(table=table, verb=verb, each=each))


def unprotect(connection: BaseDatabaseWrapper, table: str) -> None:
    """Rows of `table` can be changed and deleted again."""
    target = f" ON {table}" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        for verb in _REFUSALS[connection.vendor]:
            cursor.execute(f"DROP TRIGGER IF EXISTS {table}_no_{verb}{target}")


def is_protected(connection: BaseDatabaseWrapper, table: str) -> bool:
    """Whether the database refuses to change and to delete rows of `table`."""
    names = [f"{table}_no_{verb}" for verb in _REFUSALS[connection.vendor]]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT tgname FROM pg_trigger "
                "WHERE tgrelid = to_regclass(%s) AND tgenabled <> 'D'",
                [table],
            )
        else:
            cursor.execute(
                "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s", [table]
            )
        return {*names} <= {name for (name,) in cursor.fetchall()}


@contextmanager
def opened(connection: BaseDatabaseWrapper, *tables: type[Model]) -> Generator[None, None, None]:
    """Inside, rows of `tables` can be deleted; for housekeeping, within one transaction."""
    names = [table._meta.db_table for table in tables]
    for name in names:
        unprotect(connection, name)
    yield
    for name in names:
        protect(connection, name)

"""What is written into the audit log and the price list stays as it was written."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from admin_models import append_only, audit
from admin_models.models import AuditEntry, Price


@pytest.fixture
def entry(transactional_db, root):
    audit.record(root, "group.updated", ("group", "local/custom-a", "custom-a"), after={"a": 1})
    return AuditEntry.objects.get()


@pytest.fixture
def price(transactional_db):
    return Price.objects.create(
        env_id="local",
        group="custom-a",
        model="m",
        currency="CNY",
        tiers=[{"above": 0, "input": "1", "output": "2", "cached": None}],
        valid_from=timezone.now(),
        set_by="root",
    )


@pytest.mark.parametrize(("row", "member"), [("entry", "actor"), ("price", "set_by")])
def test_a_row_can_neither_be_changed_nor_deleted(row, member, request):
    table = type(request.getfixturevalue(row)).objects
    with pytest.raises(IntegrityError), transaction.atomic():
        table.update(**{member: "mallory"})
    with pytest.raises(IntegrityError), transaction.atomic():
        table.all().delete()
    assert table.count() == 1


def _on_postgresql_only():
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no such statement")


def test_a_table_cannot_be_emptied_at_once_either(entry):
    _on_postgresql_only()
    with (
        pytest.raises(IntegrityError),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"TRUNCATE {AuditEntry._meta.db_table}")
    assert AuditEntry.objects.count() == 1


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE {table} DISABLE TRIGGER {table}_no_delete",
        "DROP TRIGGER {table}_no_truncate ON {table}",
    ],
)
def test_protection_that_was_switched_off_is_noticed_and_can_be_set_again(entry, statement):
    _on_postgresql_only()
    table = AuditEntry._meta.db_table
    assert append_only.is_protected(connection, table)
    with connection.cursor() as cursor:
        cursor.execute(statement.format(table=table))
    assert not append_only.is_protected(connection, table)
    append_only.protect(connection, table)
    assert append_only.is_protected(connection, table)


def test_another_schemas_table_of_the_same_name_does_not_stand_for_ours(entry):
    _on_postgresql_only()
    table = AuditEntry._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA before")
        cursor.execute(f"ALTER TABLE {table} SET SCHEMA before")
        cursor.execute(f"CREATE TABLE {table} (LIKE before.{table})")
        try:
            assert not append_only.is_protected(connection, table)
        finally:
            cursor.execute(f"DROP TABLE {table}")
            cursor.execute(f"ALTER TABLE before.{table} SET SCHEMA public")
            cursor.execute("DROP SCHEMA before")


def test_housekeeping_can_delete_and_leaves_the_table_protected(entry, root):
    old = timezone.now() + timedelta(seconds=1)
    with transaction.atomic(), append_only.opened(connection, AuditEntry):
        AuditEntry.objects.filter(at__lt=old).delete()
    audit.record(root, "group.updated", ("group", "local/custom-a", "custom-a"), after={"a": 2})
    with pytest.raises(IntegrityError), transaction.atomic():
        AuditEntry.objects.all().delete()

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


def test_housekeeping_can_delete_and_leaves_the_table_protected(entry, root):
    old = timezone.now() + timedelta(seconds=1)
    with transaction.atomic(), append_only.opened(connection, AuditEntry):
        AuditEntry.objects.filter(at__lt=old).delete()
    audit.record(root, "group.updated", ("group", "local/custom-a", "custom-a"), after={"a": 2})
    with pytest.raises(IntegrityError), transaction.atomic():
        AuditEntry.objects.all().delete()

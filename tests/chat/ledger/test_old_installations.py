"""Databases of before keep what was paid to the last digit; processes that write at once lose
nothing. Each in an installation of its own, with real processes."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest

from chatsite import throwaway
from tests.installations import Installation

BEFORE = "0002_prices_of_the_day"

_OLD_ROWS = """
from datetime import datetime, timedelta, UTC
from decimal import Decimal
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

apps = MigrationExecutor(connection).loader.project_state(("chat", "0002_prices_of_the_day")).apps
Usage = apps.get_model("chat", "Usage")
for number, amounts in enumerate({amounts!r}):
    names = ("input_price", "output_price", "cached_price", "cost")
    prices = {{name: amount and Decimal(amount) for name, amount in zip(names, amounts)}}
    Usage.objects.create(
        requested_model="old", confidence="reported", final_status="done", total_tokens=number,
        currency="CNY" if amounts[0] else "", **prices,
    )
"""
_NEW_ROWS = """
import json
from django.db import IntegrityError
from chat.figures import sums
from chat.ledger import totals
from chat.models import HourTotal, Usage

rows = Usage.objects.order_by("pk")
names = ("input_price", "output_price", "cached_price", "cost")
try:
    rows.update(cost=0)
    is_protected = False
except IntegrityError:
    is_protected = True
print(json.dumps({
    "amounts": [
        [amount if amount is None else f"{amount:f}" for amount in row]
        for row in rows.values_list(*names)
    ],
    "is_protected": is_protected,
    "requests": sum(HourTotal.objects.values_list("requests", flat=True)),
    "differences": len(totals.differences()),
}))
"""
_WRITE = """
from datetime import datetime, UTC
from chat.ledger import entries
from chat.models import Usage

at = datetime(2026, 5, 4, tzinfo=UTC)
for batch in range(40):
    names = "abc" if (batch + {number}) % 2 else "cba"
    entries.write([
        Usage(
            requested_model=name, confidence="reported", final_status="done", created_at=at,
            total_tokens=1, first_token_seconds=1.0, user_id={number},
        )
        for name in names
    ])
"""
_COUNT = """
import json
from chat.ledger import totals
from chat.figures import speeds
from chat.models import HourTotal, SiteDaySpeeds

hours = HourTotal.objects.order_by("model_name").values_list("requests", "total_tokens")
print(json.dumps({
    "hours": list(hours),
    "speeds": [
        sum(speeds.counts_of(text).values())
        for text in SiteDaySpeeds.objects.values_list("first_token", flat=True)
    ],
    "differences": len(totals.differences()),
}))
"""
AMOUNTS = [
    ("2.0001", "8.0003", "0.5", "0.0060102504"),
    ("1234567.8901", "0.0001", "0", "922336.123456789"),
    ("0.1", "0.2", "0.3", "0.0000000001"),
    ("3", "4", "3", None),
    (None, None, None, None),
]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.scale)])
def site(request, tmp_path):
    """An installation without any tables."""
    if request.param == "sqlite":
        yield Installation(tmp_path / "data")
        return
    try:
        with throwaway.postgresql() as url:
            yield Installation(tmp_path / "data", {"DATABASE_URL": url})
    except throwaway.NotInstalledError as missing:
        if os.environ.get("CI", "").lower() in {"1", "true"}:
            raise
        pytest.skip(str(missing))


def _exact(amount: str | None) -> Decimal | None:
    return None if amount is None else Decimal(amount)


def test_amounts_survive_the_change_of_their_column(site):
    site.command("migrate", "chat", BEFORE)
    site.python(_OLD_ROWS.format(amounts=AMOUNTS))
    site.command("migrate")
    found = json.loads(site.python(_NEW_ROWS))
    assert [[_exact(amount) for amount in row] for row in found["amounts"]] == [
        [_exact(amount) for amount in row] for row in AMOUNTS
    ]
    assert (found["is_protected"], found["requests"], found["differences"]) == (True, 5, 0)


def test_a_migration_can_be_taken_back_and_done_again(site):
    site.command("migrate")
    site.command("migrate", "chat", BEFORE)
    site.python(_OLD_ROWS.format(amounts=AMOUNTS[:1]))
    site.command("migrate")
    found = json.loads(site.python(_NEW_ROWS))
    assert (found["is_protected"], found["requests"], found["differences"]) == (True, 1, 0)


def test_two_processes_that_write_at_once_lose_nothing(site):
    site.command("migrate")
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda number: site.python(_WRITE.format(number=number)), (1, 2)))
    found = json.loads(site.python(_COUNT))
    assert found["hours"] == [[80, 80]] * 3
    assert found["speeds"] == [80] * 3
    assert found["differences"] == 0


def test_a_start_in_another_time_zone_makes_the_totals_anew(tmp_path):
    site = Installation(tmp_path / "data")
    site.command("migrate")
    site.python(_WRITE.format(number=1))
    elsewhere = Installation(tmp_path / "data", {"TIME_ZONE": "Pacific/Pago_Pago"})
    assert json.loads(elsewhere.python(_COUNT))["differences"] > 0
    with elsewhere.served("--no-model"):
        assert json.loads(elsewhere.python(_COUNT))["differences"] == 0

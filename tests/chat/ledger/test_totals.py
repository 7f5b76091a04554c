"""The totals are what the ledger's rows come to, after any writes in any order."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connections, transaction
from django.test import override_settings
from hypothesis import given

from chat.figures import spans, speeds
from chat.ledger import entries, totals
from chat.models import (
    DaySpeeds,
    DayTotal,
    Failure,
    HourTotal,
    SiteDaySpeeds,
    SiteDayTotal,
    Usage,
)
from chat.models.totals import TIMED
from tests.chat.ledger import rows as some
from tests.chat.ledger.rows import NOW, ago, anything, row, taken_back, written

pytestmark = pytest.mark.usefixtures("transactional_db")

TABLES = (HourTotal, SiteDayTotal, DayTotal, SiteDaySpeeds, DaySpeeds, Failure)


def kept() -> list[list[str]]:
    """All that the totals hold, but the numbers of their rows; texts in any order are alike."""
    return [sorted(str(_alike(each)) for each in table.objects.values()) for table in TABLES]


def _alike(total: Mapping[str, Any]) -> dict[str, Any]:
    texts = {name: speeds.counts_of(total[name]) for name in TIMED if name in total}
    return {**total, "id": 0, **{name: sorted(counts.items()) for name, counts in texts.items()}}


@anything
@given(some.batches, some.zones)
def test_totals_equal_a_full_count_after_any_writes(batches, zone):
    with taken_back(zone):
        some.write(batches)
        assert totals.differences() == []
        before = kept()
        totals.rebuild()
        assert kept() == before


def test_a_batch_is_one_statement_a_table(django_assert_num_queries):
    rows = [
        row(requested_model=name, created_at=ago(hours=hours)) for name in "ab" for hours in (1, 30)
    ]
    with transaction.atomic(), django_assert_num_queries(3):
        totals.add(rows)  # the hours, the days, the days of people
    assert HourTotal.objects.count() == DayTotal.objects.count() == 4


def test_speeds_are_one_more_for_all_and_one_for_people(django_assert_num_queries):
    rows = [row(first_token_seconds=1.0, created_at=ago(hours=hours)) for hours in (1, 30)]
    with transaction.atomic(), django_assert_num_queries(5):
        totals.add(rows)


def test_speeds_of_a_busy_day_stay_short():
    at = spans.begin_of(spans.day_of(NOW))
    for _ in range(5):
        written(*(row(first_token_seconds=0.5 + n / 500, created_at=at) for n in range(600)))
    kept = SiteDaySpeeds.objects.get()
    assert len(kept.first_token) < speeds.LONG
    assert sum(speeds.counts_of(kept.first_token).values()) == 3000
    assert totals.differences() == []


def test_nothing_to_write_asks_nothing(django_assert_num_queries):
    with django_assert_num_queries(0):
        totals.add([])


def test_what_is_rolled_back_is_counted_nowhere():
    with taken_back():
        written(row())
    assert not HourTotal.objects.exists()


def test_differences_name_what_is_wrong():
    written(row(requested_model="m"), row(requested_model="n"))
    HourTotal.objects.filter(model_name="n").update(requests=7)
    DayTotal.objects.filter(model_name="n").delete()
    hour, day = totals.differences()
    assert (hour.table, hour.key["model_name"]) == ("chat_hourtotal", "n")
    assert (hour.kept["requests"], hour.counted["requests"]) == (7, 1)
    assert (day.table, day.kept) == ("chat_daytotal", {})
    totals.rebuild()
    assert totals.differences() == []


def test_a_rebuild_keeps_what_only_the_totals_know():
    entries.write([], [totals.failure(NOW, stage="preflight", code="x", kind="chat")])
    totals.rebuild()
    assert Failure.objects.get().answers == 1


def test_totals_are_made_where_there_are_none():
    written(row())
    for table in TABLES:
        table.objects.all().delete()
    assert totals.rebuild_if_needed()
    assert totals.differences() == []
    assert not totals.rebuild_if_needed()


def test_a_migration_makes_them():
    written(row())
    HourTotal.objects.all().delete()
    DayTotal.objects.all().delete()
    call_command("migrate", verbosity=0)
    assert totals.differences() == []


def test_totals_are_made_anew_in_another_time_zone():
    with override_settings(TIME_ZONE="UTC"):
        written(*(row(created_at=ago(hours=hours)) for hours in range(72)))
        assert not totals.rebuild_if_needed()
    with override_settings(TIME_ZONE="Pacific/Auckland"):
        assert totals.rebuild_if_needed()
        assert totals.differences() == []


def test_the_command_tells_and_mends(capsys):
    written(row())
    HourTotal.objects.update(requests=2)
    with pytest.raises(CommandError, match="1"):
        call_command("rebuild_totals", "--check")
    assert HourTotal.objects.get().requests == 2
    call_command("rebuild_totals")
    call_command("rebuild_totals", "--check")
    assert "equal" in capsys.readouterr().out


def test_writers_at_the_same_time_lose_nothing():
    barrier = threading.Barrier(2)

    def write(number: int) -> None:
        barrier.wait()
        for batch in range(15):
            names = ["a", "b", "c"] if (batch + number) % 2 else ["c", "b", "a"]
            entries.write([row(requested_model=name, created_at=NOW) for name in names])
        connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write, range(2)))
    assert Usage.objects.count() == 90
    assert (
        list(HourTotal.objects.order_by("model_name").values_list("requests", flat=True))
        == [30] * 3
    )
    assert totals.differences() == []


def test_a_rebuild_beside_a_writer_loses_nothing():
    def write() -> None:
        for _ in range(20):
            entries.write([row(created_at=NOW)])
        connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        for _ in range(3):
            totals.rebuild()
        writing.result()
    assert DayTotal.objects.get().requests == 20
    assert totals.differences() == []

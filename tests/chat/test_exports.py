"""The ledger as a file: what is in it, and that its length costs no memory."""

from __future__ import annotations

import csv
import io
import json
import random
import re
import threading
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from arro3.io import read_parquet
from asgiref.sync import sync_to_async
from django.conf import settings as site
from django.contrib.auth.models import User
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from admin_models import local
from admin_models.models import Team
from chat.figures.spans import Dimension, Narrowing, Span
from chat.forms.exports import ExportForm
from chat.ledger import entries
from chat.models import Usage
from chat.models.amounts import LARGEST, PLACES
from chat.operations.exports import Format, as_parquet, pages, sending, written
from chat.operations.exports import rows as rows_table
from chat.operations.exports import sums as sums_table
from chat.operations.exports.columns import Column, Kind
from chat.operations.exports.rows import Rows
from chat.operations.exports.sums import SumsOf
from tests.admin_models.browsers import Browser, signed_in
from tests.chat.ledger import rows as some
from tests.chat.ledger.rows import ago, row, taken_back
from tests.pages.html import page, the, words

pytestmark = pytest.mark.usefixtures("transactional_db")

EVERYTHING = Narrowing()
anything = settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def recently(**members) -> Span:
    return Span(ago(**(members or {"days": 5})), ago(days=-1))


def as_csv(table, form=Format.CSV) -> list[dict[str, str]]:
    text = b"".join(written(table, form)).decode()
    return list(csv.DictReader(io.StringIO(text, newline="")))


def as_json_lines(table) -> list[dict[str, Any]]:
    return [json.loads(line) for line in b"".join(written(table, Format.JSON_LINES)).splitlines()]


def read_as_parquet(table) -> list[dict[str, Any]]:
    read = read_parquet(io.BytesIO(b"".join(written(table, Format.PARQUET)))).read_all()
    columns = {name: read[name].to_pylist() for name in read.column_names}
    return [dict(zip(columns, each, strict=True)) for each in zip(*columns.values(), strict=True)]


# What is in a file


def test_the_columns_are_those_that_are_promised():
    text = (site.BASE_DIR / "docs" / "usage-export.md").read_text()
    parts = dict(part.split("\n", 1) for part in text.split("\n## ")[1:])
    for of, columns in (("rows", rows_table.COLUMNS), ("sums", sums_table.COLUMNS)):
        promised = re.findall(r"^\| `(\w+)` \| (\w+)", parts[f"Columns of {of}"], re.MULTILINE)
        assert promised == [(column.name, column.kind.name.lower()) for column in columns]


def test_a_row_is_the_same_in_every_format(alice):
    cost = Decimal("0.0000000001")
    at = datetime(2026, 11, 3, 4, 5, 6, 789, tzinfo=UTC)
    entries.write(
        [row(user_id=alice.pk, currency="CNY", cost=cost, created_at=at, first_token_seconds=0.25)]
    )
    table = Rows(Span(at, at + timedelta(seconds=1)), EVERYTHING)
    (plain,), (lined,), (typed,) = as_csv(table), as_json_lines(table), read_as_parquet(table)
    assert list(plain) == list(lined) == list(typed) == [c.name for c in rows_table.COLUMNS]
    for name, value in lined.items():
        assert plain[name] == ("" if value is None else str(value)), name
    assert lined["created_at"] == "2026-11-03T04:05:06.000789Z"
    assert typed["created_at"] == at
    assert lined["cost"] == "0.0000000001"
    assert typed["cost"] == cost
    assert (lined["user_id"], lined["user"]) == (alice.pk, "alice")
    assert typed["cached_tokens"] is lined["cached_tokens"] is None
    assert typed["first_token_seconds"] == lined["first_token_seconds"] == 0.25
    assert lined["agent"] == typed["agent"] == ""


@pytest.mark.parametrize("amount", [LARGEST, -LARGEST, Decimal(0), Decimal("-1.5")])
def test_money_is_exact_in_every_format(amount):
    entries.write([row(currency="CNY", cost=amount)])
    table = Rows(recently(), EVERYTHING)
    told = f"{amount:.{PLACES}f}"
    assert as_csv(table)[0]["cost"] == as_json_lines(table)[0]["cost"] == told
    assert read_as_parquet(table)[0]["cost"] == amount


def test_what_could_be_a_formula_is_text_and_a_negative_number_is_a_number(alice):
    User.objects.filter(pk=alice.pk).update(username="=HYPERLINK(1)")
    entries.write([row(user_id=alice.pk, agent="-1+1", prompt_tokens=-5)])
    (plain,) = as_csv(Rows(recently(), EVERYTHING))
    assert plain["user"] == "'=HYPERLINK(1)"
    assert plain["agent"] == "'-1+1"
    assert plain["prompt_tokens"] == "-5"


def test_whoever_is_gone_has_no_name_any_more(alice):
    entries.write([row(user_id=alice.pk)])
    number = alice.pk
    alice.delete()
    (told,) = as_json_lines(Rows(recently(), EVERYTHING))
    assert (told["user_id"], told["user"]) == (number, "")
    (summed,) = as_json_lines(SumsOf(recently(), EVERYTHING, "day", Dimension.PERSON))
    assert (summed["key"], summed["name"]) == (str(number), "")


@pytest.mark.parametrize("table", [Rows, lambda span, of: SumsOf(span, of, "day")])
def test_of_nothing_there_is_a_file_too(table):
    nothing = table(recently(), EVERYTHING)
    assert as_csv(nothing) == as_json_lines(nothing) == read_as_parquet(nothing) == []
    (header,) = csv.reader(io.StringIO(b"".join(written(nothing, Format.CSV)).decode()))
    read = read_parquet(io.BytesIO(b"".join(written(nothing, Format.PARQUET))))
    assert read.schema.names == header == [column.name for column in nothing.columns]


def test_parquet_says_what_its_columns_are():
    entries.write([row()])
    for table in (Rows(recently(), EVERYTHING), SumsOf(recently(), EVERYTHING, "hour")):
        schema = read_parquet(io.BytesIO(b"".join(written(table, Format.PARQUET)))).schema
        told = {field.name: str(field.type) for field in map(schema.field, schema.names)}
        assert "Decimal128(38, 10)" in told["cost"]
        assert "UTC" in told["begins_at" if "begins_at" in told else "created_at"]
        assert "Int64" in told["total_tokens"]


def test_rows_are_narrowed_as_on_the_pages(alice):
    entries.write([row(agent="a"), row(agent="b", final_status="failed"), row(agent="b")])
    found = Rows(recently(), Narrowing(agent="b"), {"final_status": "failed"})
    assert [each["agent"] for each in as_json_lines(found)] == ["b"]


# Sums


@anything
@given(
    st.lists(some.rows, max_size=10),
    some.spans,
    st.sampled_from(["hour", "day"]),
    st.sampled_from([None, *(each for each in Dimension if each != Dimension.TEAM)]),
)
@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata"])
def test_exported_sums_are_what_the_rows_come_to(settings, zone, rows, span, step, by):
    settings.TIME_ZONE = zone
    with taken_back():
        entries.write(rows)
        told = as_json_lines(SumsOf(span, EVERYTHING, step, by))
        expected = some.sums_of(some.in_span(span))
        for name in ("requests", "corrections", "done", "units", "uncosted", "total_tokens"):
            assert sum(each[name] for each in told) == getattr(expected, name), name
        cost = sum(Decimal(each["cost"]) for each in told if each["cost"] is not None)
        assert cost == sum(map(expected.cost_in, expected.cost))
        places = [(e["begins_at"], e["key"], e["confidence"], e["currency"]) for e in told]
        assert places == sorted(set(places))


def test_a_model_without_a_price_has_no_cost_and_not_one_of_nothing():
    entries.write([row()])
    (told,) = as_json_lines(SumsOf(recently(), EVERYTHING, "day"))
    assert (told["currency"], told["cost"], told["requests"]) == ("", None, 1)


def test_days_begin_where_the_installation_is(settings):
    settings.TIME_ZONE = "Asia/Shanghai"
    at = datetime(2026, 11, 3, 17, tzinfo=UTC)
    entries.write([row(created_at=at)])
    (told,) = as_json_lines(
        SumsOf(Span(at - timedelta(days=3), at + timedelta(days=1)), EVERYTHING, "day")
    )
    assert (told["date"], told["begins_at"]) == ("2026-11-04", "2026-11-03T16:00:00.000000Z")


def test_whoever_belongs_to_several_teams_counts_in_each(alice, mallory):
    for name in ("Lab", "Shop"):
        Team.objects.create(name=name).members.add(alice)
    entries.write([row(user_id=alice.pk), row(user_id=mallory.pk)])
    told = as_json_lines(SumsOf(recently(), EVERYTHING, "hour", Dimension.TEAM))
    assert {each["name"]: each["requests"] for each in told} == {"Lab": 1, "Shop": 1, "": 1}


def test_keys_have_the_names_that_people_know(alice):
    environment = local.environment()
    entries.write([row(user_id=alice.pk, env_id=environment.env_id)])
    names = {
        by: as_json_lines(SumsOf(recently(), EVERYTHING, "day", by))[0]["name"]
        for by in (Dimension.PERSON, Dimension.ENVIRONMENT, Dimension.MODEL)
    }
    assert list(names.values()) == ["alice", environment.name, "m"]


# Piece by piece


def test_rows_are_read_some_at_a_time_with_a_query_each(django_assert_num_queries):
    entries.write([row() for _ in range(25)])
    table = Rows(recently(), EVERYTHING, at_a_time=10)
    with django_assert_num_queries(4):
        assert [len(batch) for batch in table.batches()] == [10, 10, 5]


def test_rows_of_one_moment_are_each_read_once():
    at = ago(hours=1)
    entries.write([row(created_at=at) for _ in range(7)])
    table = Rows(recently(), EVERYTHING, at_a_time=3)
    found = [each[0] for batch in table.batches() for each in batch]
    assert found == sorted(Usage.objects.values_list("pk", flat=True))


@pytest.mark.parametrize("form", Format)
def test_a_file_grows_with_the_rows_that_were_read(form):
    read = []

    class Counted(Rows):
        def batches(self, after=None):
            for batch in super().batches(after):
                read.append(len(batch))
                yield batch

    entries.write([row() for _ in range(40)])
    pieces = written(Counted(recently(), EVERYTHING, at_a_time=10), form)
    seen = [len(read) for _piece in pieces]
    assert read == [10, 10, 10, 10]
    assert all(after - before <= 1 for before, after in pairwise(seen))


def test_parquet_is_written_while_it_is_read():
    """What is not written yet is what the library holds of one row group of 20,000 rows."""
    unlike = random.Random(1)
    columns = (Column("cost", Kind.AMOUNT), Column("request_id"))
    batches = (
        [(Decimal(unlike.getrandbits(31)), f"{unlike.getrandbits(60):x}") for _ in range(2000)]
        for _ in range(50)
    )
    sizes = [len(piece) for piece in as_parquet.pieces(columns, batches)]
    assert len(sizes) == 51
    assert [at for at, size in enumerate(sizes) if size] == [9, 19, 29, 39, 49, 50]


@pytest.mark.parametrize("form", Format)
def test_whoever_hangs_up_ends_the_work(form, django_assert_num_queries):
    entries.write([row() for _ in range(40)])
    before = threading.active_count()
    pieces = written(Rows(recently(), EVERYTHING, at_a_time=10), form)
    with django_assert_num_queries(1):
        next(pieces)
        next(pieces) if form is Format.CSV else None
        pieces.close()
    assert threading.active_count() == before


def test_what_goes_wrong_while_a_file_is_written_is_told():
    class Broken(Rows):
        def batches(self, after=None):
            yield [("not a row",)]

    for form in (Format.JSON_LINES, Format.PARQUET):
        with pytest.raises(Exception, match=r"argument|length|Error"):
            list(written(Broken(recently(), EVERYTHING), form))
    assert "parquet" not in {thread.name for thread in threading.enumerate()}


async def test_a_response_that_is_not_read_to_its_end_closes_the_file():
    closed = []

    def pieces():
        try:
            yield from (b"1", b"", b"2", b"3")
        finally:
            closed.append(True)

    stream = sending.sent(pieces())
    assert [await anext(stream), await anext(stream)] == [b"1", b"2"]
    await stream.aclose()
    assert closed


# Pages


@anything
@given(st.lists(some.rows, max_size=12), st.integers(1, 5), st.sampled_from([None, *Dimension]))
def test_pages_add_up_to_the_table(rows, length, by):
    with taken_back():
        entries.write(rows)
        for table in (Rows(recently(), EVERYTHING), SumsOf(recently(), EVERYTHING, "hour", by)):
            whole = [each for batch in table.batches() for each in batch]
            found, cursor = [], ""
            while True:
                read = pages.read(table, cursor, length)
                found += read.rows
                if not (cursor := read.next):
                    break
                assert len(read.rows) == length
            assert found == whole


@pytest.mark.parametrize(
    "cursor", ["x", "é", "W10", "WzEsMl0", "bnVsbA", "WyIyMDI2IiwxXQ", "a" * 900]
)
def test_a_cursor_that_was_never_given_out_is_refused(cursor):
    for table in (Rows(recently(), EVERYTHING), SumsOf(recently(), EVERYTHING, "day")):
        with pytest.raises(pages.WrongCursor):
            pages.read(table, cursor, 5)


# The page


async def asked(browser: Browser, **query: str):
    return await browser.get(reverse("usage_export"), query)


async def body(response) -> bytes:
    return b"".join([piece async for piece in response.streaming_content])


async def test_the_form_leads_to_the_file(root):
    await sync_to_async(entries.write)([row(), row()])
    browser = await signed_in(root)
    form = the(page(await asked(browser)), "main form[method=get]")
    chosen = {str(box["name"]): str(box["value"]) for box in form.select("input[checked]")}
    assert chosen == {"of": "rows", "format": "csv"}
    response = await asked(browser, **chosen)
    assert response.status_code == 200
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert re.fullmatch(
        r'attachment; filename="usage-rows-[\d-]{10}-[\d-]{10}\.csv"',
        response["Content-Disposition"],
    )
    text = (await body(response)).decode()
    assert text.startswith('\ufeff"id","created_at"')
    assert len(text.splitlines()) == 3


@pytest.mark.parametrize("form", Format)
@pytest.mark.parametrize("of", ["rows", "sums"])
async def test_every_file_can_be_saved(root, of, form):
    await sync_to_async(entries.write)([row()])
    response = await asked(await signed_in(root), of=of, format=form, by="model", step="hour")
    assert response["Content-Type"] == form.content_type
    assert await body(response)


async def test_of_a_head_request_only_what_it_is(root):
    browser = await signed_in(root)
    address = reverse("usage_export") + "?of=rows&format=parquet"
    response = await browser.head(address)
    assert response["Content-Type"] == Format.PARQUET.content_type
    assert not response.content


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ({"since": "soon"}, "Write a day"),
        ({"since": "2026-02-02", "until": "2026-01-01"}, "before it begins"),
        ({"person": "nobody"}, "Nobody has this username"),
        ({"of": "sums", "status": "failed"}, "Only rows can be narrowed by this"),
        (
            {"of": "sums", "step": "hour", "since": "2020-01-01", "until": "2026-01-01"},
            "hour by hour",
        ),
        ({"since": "2001-01-01", "until": "2026-01-01"}, "At most 3660 days"),
        ({"format": "xls"}, "xls is not one of the available choices"),
    ],
)
async def test_what_is_wrong_is_told_where_it_is_and_what_was_typed_stays(root, query, says):
    response = await asked(await signed_in(root), **{"of": "rows", "format": "csv"} | query)
    assert response.status_code == 422
    shown = page(response)
    assert says in " ".join(words(error) for error in shown.select("[role=alert]"))
    for name, value in query.items():
        field = shown.select_one(f"input[name={name}]:not([type=radio])")
        assert field is None or field["value"] == value


async def test_the_form_shows_the_days_and_keeps_what_the_dashboard_looked_at(root):
    form = page(await asked(await signed_in(root), period="week", agent="clerk", step="hour"))
    first, last = (
        date.fromisoformat(str(the(form, f"#id_{n}")["value"])) for n in ("since", "until")
    )
    assert (last - first).days == 6
    assert the(form, "#id_agent")["value"] == "clerk"
    assert the(form, "#id_step option[selected]")["value"] == "hour"


def test_what_the_dashboard_looks_at_is_exported(alice):
    query = {"of": "sums", "format": "csv", "by": "model", "model": "m", "person": "alice"}
    form = ExportForm(query)
    assert form.is_valid(), form.errors
    table = form.table
    assert isinstance(table, SumsOf)
    assert table.narrowing == Narrowing(model_name="m", user_pk=alice.pk)
    assert table.by is Dimension.MODEL

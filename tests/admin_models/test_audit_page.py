"""The audit log is read page by page, filtered, and saved as a file that no spreadsheet runs."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from admin_models import audit, roles, spreadsheets
from admin_models.models import AuditEntry
from admin_models.showing import audit as showing
from admin_models.views.audit import AT_A_TIME, COLUMNS, PAGE_LENGTH
from tests.admin_models.browsers import signed_in
from tests.pages.html import page, the, words

pytestmark = pytest.mark.usefixtures("transactional_db")


@pytest.fixture
def browser(client, root):
    client.force_login(root)
    return client


def record(
    actor: audit.Actor = None,
    action: str = "group.updated",
    name: str = "custom-a",
    kind: str = "group",
    **values: tuple[Any, Any],
) -> AuditEntry:
    """A change of `values`, each from one thing to another."""
    audit.record(
        actor,
        action,
        (kind, f"local/{name}", name),
        before={key: old for key, (old, _new) in values.items()},
        after={key: new for key, (_old, new) in values.items()},
    )
    newest = AuditEntry.objects.first()
    assert newest is not None
    return newest


def shown(browser, **query: str):
    return page(browser.get(reverse("audit_log"), query))


def titles(soup) -> list[str]:
    return [words(title) for title in soup.select(".check h2")]


def change(soup) -> list[list[str]]:
    """The table of the first entry, row by row."""
    return [[words(cell) for cell in row.select("th, td")] for row in soup.select("tbody tr")]


# The page


def test_the_newest_stands_first_with_who_and_what(browser, root):
    record(name="custom-a")
    record(root, "price.set", "m1", "model")
    soup = shown(browser)
    assert titles(soup) == ["Price set: m1", "Group changed: custom-a"]
    first, second = (words(line) for line in soup.select(".evidence"))
    assert "root" in first
    assert "model local/m1" in first
    assert "command line" in second


def test_what_changed_can_be_read(browser, root):
    record(
        root,
        base_url=("https://a.example/v1", "https://b.example/v1"),
        status=(1, 2),
        is_enabled=(True, False),
        remark=("", "moved"),
        secret=("", "changed"),
        size_tokens=(1_000, 2_000_000),
        expires_at=(None, "2027-01-31T18:00:30Z"),
    )
    assert change(shown(browser)) == [
        ["address", "https://a.example/v1", "https://b.example/v1"],
        ["enabled", "yes", "no"],
        ["expires", "–", "2027-01-31 18:00"],
        ["remark", "–", "moved"],
        ["secret", "–", "changed"],
        ["size (tokens)", "1,000", "2,000,000"],
        ["status", "on", "off"],
    ]


def test_what_was_empty_and_stays_empty_is_left_out(browser):
    audit.record(None, "price.set", ("model", "local/m", "m"), after={"words": "", "currency": "X"})
    assert change(shown(browser)) == [["currency", "–", "X"]]


def test_of_lists_only_what_differs_is_told(browser):
    record(teams=(["a", "b", "c"], ["b", "c", "d"]))
    assert change(shown(browser)) == [["teams", "a and 2 that stayed", "d and 2 that stayed"]]


def test_models_and_tiers_are_told_one_a_line(browser):
    plain, with_tools = {"enable_mcp": False, "tags": []}, {"enable_mcp": True, "tags": ["a", "b"]}
    record(
        models=({"m0": plain, "m1": plain}, {"m0": plain, "m1": with_tools, "m2": plain}),
        tiers=(None, [{"above": 0, "input": "2", "output": "8", "cached": None}]),
    )
    assert change(shown(browser)) == [
        ["for a million tokens", "–", "above 0, cached –, question 2, answer 8"],
        [
            "models",
            "m1: MCP no, tags – and 1 that stayed",
            "m1: MCP yes, tags a, b m2: MCP no, tags – and 1 that stayed",
        ],
    ]


def test_markup_in_what_was_typed_stays_text(browser):
    record(name="<script>alert(1)</script>", remark=("<b>", "<i>"))
    soup = shown(browser)
    assert "<script>alert(1)</script>" in titles(soup)[0]
    assert not soup.select(".check script, .check b, .check i")


def test_an_action_that_nobody_named_is_shown_as_it_is(browser):
    record(action="moon.landed", kind="moon")
    assert titles(shown(browser)) == ["moon.landed: custom-a"]


def test_every_action_that_is_recorded_has_a_title():
    kinds = {action.partition(".")[0] for action in showing.ACTIONS}
    assert kinds <= {*showing.KINDS, "models", "price", "alert", "ledger"}


def test_every_action_in_our_code_has_a_title():
    kinds = {action.partition(".")[0] for action in showing.ACTIONS}
    action = re.compile(rf'"((?:{"|".join(kinds)})\.[a-z_]+)"')
    project = Path(showing.__file__).parents[2]
    files = [file for app in ("admin_models", "chat") for file in (project / app).rglob("*.py")]
    used = {found for file in files for found in action.findall(file.read_text())}
    assert {"price.confirmed", "ledger.corrected"} <= used
    assert used <= {*showing.ACTIONS}


def test_an_empty_log_says_so(browser):
    assert "Nothing was changed yet" in words(the(shown(browser), ".empty"))


def test_a_long_log_is_read_page_by_page_without_gaps(browser):
    for number in range(PAGE_LENGTH * 2 + 1):
        record(name=f"custom-{number}")
    seen: list[str] = []
    query: dict[str, str] = {}
    while True:
        soup = shown(browser, **query)
        seen += titles(soup)
        link = soup.select_one("a[rel=next]")
        if link is None:
            break
        record(name="in-between")  # what is new moves no page
        query = {"before": str(link["href"]).partition("before=")[2]}
    assert seen == [f"Group changed: custom-{n}" for n in reversed(range(PAGE_LENGTH * 2 + 1))]
    assert "Newest" in words(soup)


def test_every_page_takes_as_many_queries(browser):
    def queries(**query: str) -> int:
        with CaptureQueriesContext(connection) as seen:
            shown(browser, **query)
        return len(seen)

    record()
    before = queries()
    for number in range(PAGE_LENGTH + 5):
        record(name=f"custom-{number}", base_url=(1, 2))
    assert queries() == queries(before="40") == queries(text="custom", person="x") == before


def test_a_page_that_is_no_number_is_the_first(browser):
    record()
    for number in ("x", "-1", "9" * 30, "１"):
        assert len(titles(shown(browser, before=number))) == 1


# The filter


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"person": "root"}, ["p1"]),
        ({"person": "command line"}, ["t1", "g1"]),
        ({"person": "roo"}, []),
        ({"action": "team.created"}, ["t1"]),
        ({"kind": "model"}, ["p1"]),
        ({"text": "P1"}, ["p1"]),
        ({"text": "local/"}, ["t1", "p1", "g1"]),
        ({"text": "local/", "kind": "group"}, ["g1"]),
        ({"text": "%"}, []),
        ({"kind": "team", "person": "root"}, []),
    ],
)
def test_entries_are_found_by_what_is_known_of_them(browser, root, query, found):
    record(name="g1")
    record(root, "price.set", "p1", "model")
    record(action="team.created", name="t1", kind="team")
    soup = shown(browser, **query)
    assert [title.rpartition(" ")[2] for title in titles(soup)] == found
    if not found:
        assert "Nothing found" in words(the(soup, ".empty"))


def test_entries_are_found_by_their_day_in_our_time_zone(browser, settings):
    settings.TIME_ZONE = "Asia/Shanghai"
    record()
    today = timezone.localtime(timezone.now()).date()
    day = timedelta(days=1)
    for query, number in [
        ({"since": today}, 1),
        ({"until": today}, 1),
        ({"since": today, "until": today}, 1),
        ({"since": today + day}, 0),
        ({"until": today - day}, 0),
    ]:
        assert len(titles(shown(browser, **{k: str(v) for k, v in query.items()}))) == number


@pytest.mark.parametrize(
    ("query", "field", "says"),
    [
        ({"since": "yesterday"}, "since", "Write a day"),
        ({"since": "0001-01-01"}, "since", "2000"),
        ({"until": "9999-12-31"}, "until", "2999"),
        ({"since": "2026-02-02", "until": "2026-02-01"}, "until", "before it begins"),
        ({"action": "moon.landed"}, "action", "not one of the available choices"),
        ({"text": "a\0b"}, "text", "Null characters"),
    ],
)
def test_a_filter_that_is_wrong_is_told_and_nothing_is_shown(browser, query, field, says):
    record()
    response = browser.get(reverse("audit_log"), query)
    assert response.status_code == 422
    soup = page(response)
    assert says in words(the(soup, f"#id_{field}_error"))
    assert titles(soup) == []
    assert browser.get(reverse("audit_csv"), query).status_code == 302


def test_the_filter_stays_on_the_way_to_older_entries_and_into_the_file(browser):
    for number in range(PAGE_LENGTH + 1):
        record(name=f"custom-{number}")
    soup = shown(browser, text="custom", kind="group")
    assert "text=custom&kind=group&before=" in the(soup, "a[rel=next]")["href"]
    assert the(soup, f'a[href^="{reverse("audit_csv")}"]')["href"].endswith(
        "?text=custom&kind=group"
    )


# The file


async def pieces(person, **query: str) -> list[bytes]:
    """The file as it is sent, piece by piece."""
    response: Any = await (await signed_in(person)).get(reverse("audit_csv"), query)
    assert response.status_code == 200
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"].startswith('attachment; filename="audit-20')
    return [piece async for piece in response.streaming_content]


async def saved(person, **query: str) -> list[list[str]]:
    """The cells of the file, without its byte order mark."""
    content = b"".join(await pieces(person, **query)).decode()
    assert content.startswith("\ufeff")
    return list(csv.reader(io.StringIO(content[1:])))


async def test_a_file_holds_what_is_filtered_in_columns_that_stay(root):
    def changed() -> AuditEntry:
        record(name="other")
        return record(root, "price.set", "m1", "model", words=("旧", "新"))

    entry = await sync_to_async(changed)()
    header, *rows = await saved(root, kind="model")
    assert tuple(header) == COLUMNS
    (row,) = rows
    cells = dict(zip(header, row, strict=True))
    assert cells["id"] == str(entry.pk)
    assert datetime.fromisoformat(cells["time"]) == entry.at.replace(microsecond=0)
    assert cells["time"].endswith("Z")
    assert (cells["person"], cells["person_id"]) == ("root", str(root.pk))
    assert (cells["action"], cells["kind"]) == ("price.set", "model")
    assert (cells["key"], cells["subject"]) == ("local/m1", "m1")
    assert json.loads(cells["before"]) == {"words": "旧"}
    assert json.loads(cells["after"]) == {"words": "新"}


async def test_a_long_log_is_written_piece_by_piece(root):
    numbers = range(AT_A_TIME * 2 + 1)
    await AuditEntry.objects.abulk_create(
        AuditEntry(actor="root", action="group.updated", subject=str(n)) for n in numbers
    )
    assert len(await pieces(root)) == 4
    _header, *rows = await saved(root)
    assert [row[7] for row in rows] == [str(number) for number in reversed(numbers)]


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "＝1", "\u00a0=1"]
)
def test_what_could_be_a_formula_is_text_in_the_file(text):
    (row,) = csv.reader(io.StringIO(spreadsheets.lines([[text]]), newline=""))
    assert row == [f"'{text}"]


@given(st.lists(st.lists(st.text(), min_size=1, max_size=4), max_size=4))
def test_every_cell_is_read_back_and_none_begins_a_formula(table):
    read = list(csv.reader(io.StringIO(spreadsheets.lines(table), newline="")))
    assert len(read) == len(table)
    for typed, seen in zip(table, read, strict=True):
        for before, after in zip(typed, seen, strict=True):
            assert after in (before, f"'{before}")
            assert after.lstrip()[:1] not in set("=+-@＝＋－＠")
            assert after[:1] not in set("\t\r\n")


# Who may read it


async def test_those_who_look_after_the_site_may_read_it(client, alice):
    await sync_to_async(roles.set_role)(None, alice, roles.Role.OPERATIONS)
    response = await (await signed_in(alice)).get(reverse("audit_log"))
    assert response.status_code == 200
    assert len(await saved(alice)) == 2


@pytest.mark.parametrize("name", ["audit_log", "audit_csv"])
async def test_nobody_else_reads_it(mallory, async_client, name):
    assert (await (await signed_in(mallory)).get(reverse(name))).status_code == 404
    response = await async_client.get(reverse(name))
    assert response.status_code == 302
    assert "login" in response["Location"]

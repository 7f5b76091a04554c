"""The dashboard says what the ledger holds, how sure that is, and leads to the rows behind it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

import pytest
from asgiref.sync import sync_to_async
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from admin_models import roles
from admin_models.models import Environment, Team
from chat.figures.spans import Dimension
from chat.ledger import entries, totals
from chat.models import SiteDayTotal, Usage
from chat.operations import periods
from chat.operations.dashboard import MOST_IN_HOURS
from chat.operations.periods import Choice
from tests.admin_models.browsers import signed_in
from tests.chat.ledger.rows import ago, row, written
from tests.chat.usage_pages import cards, cells, lines, shown, split
from tests.pages.html import page, the, words

pytestmark = pytest.mark.usefixtures("transactional_db")


@pytest.fixture
def browser(client, root):
    client.force_login(root)
    return client


# Figures


def test_reported_estimated_and_unknown_tokens_are_told_apart(browser):
    written(row(), row(confidence="estimated", total_tokens=40))
    nothing = dict.fromkeys(("prompt_tokens", "completion_tokens", "total_tokens"))
    written(row(confidence="unknown", **nothing), row(confidence="unknown", **nothing))
    assert cards(shown(browser))["Tokens"] == {
        "": "190",
        "reported": "150",
        "estimated": "40",
        "unknown": "2 requests",
    }


def test_requests_are_told_by_their_end(browser):
    written(row(), row(), row(final_status="stopped"), row(final_status="failed"))
    assert cards(shown(browser))["Requests"] == {
        "": "4",
        "done": "2",
        "stopped": "1",
        "interrupted": "0",
        "failed": "1",
    }


def test_currencies_are_never_added_up_and_no_price_is_not_free(browser):
    written(
        row(currency="CNY", cost=Decimal("1.5")),
        row(currency="CNY", cost=Decimal("0.25"), confidence="estimated"),
        row(currency="USD", cost=Decimal(2)),
        row(currency="USD"),
        row(),
        row(),
    )
    found = cards(shown(browser))
    assert found["Cost in CNY"] == {
        "": "1.75",
        "reported": "1.50",
        "estimated": "0.25",
        "without a price": "2 requests",
        "cost not known": "1 request",
    }
    assert found["Cost in USD"] == {"": "2.00", "reported": "2.00", "estimated": "0.00"}


def test_without_any_price_the_cost_is_a_dash(browser):
    written(row())
    assert cards(shown(browser))["Cost"] == {"": "–", "without a price": "1 request"}


def test_a_currency_of_which_nothing_is_known_is_no_zero(browser):
    written(row(currency="CNY", confidence="unknown", total_tokens=None))
    soup = shown(browser)
    assert cards(soup)["Cost in CNY"] == {"": "–", "cost not known": "1 request"}
    [line] = split(soup)
    assert line[-1] == "1 of unknown cost"


def test_people_and_speeds_are_told(browser, alice, mallory):
    for person in (alice, alice, mallory):
        written(row(user=person, first_token_seconds=0.5, duration_seconds=1.5))
    found = cards(shown(browser))
    assert found["People"][""] == "2"
    milliseconds = int(found["First token (p50)"][""].removesuffix(" ms"))
    assert 487 <= milliseconds <= 513
    assert found["Tokens a second (p50)"]["measured"] == "3 requests"


def test_corrections_are_counted_in_and_said(browser, root):
    entries.correct(root, written(row()), reason="counted twice", prompt_tokens=-50)
    soup = shown(browser)
    assert cards(soup)["Tokens"][""] == "100"
    assert cards(soup)["Requests"][""] == "1"
    link = the(soup, ".compared a")
    assert words(link) == "1 correction is counted in."
    assert len(lines(page(browser.get(link["href"])))) == 1


def test_what_changed_is_told_against_the_period_before(browser):
    written(row(created_at=ago(days=8)), row(created_at=ago(days=9)), row(), row(), row())
    change = words(the(shown(browser), ".cards .change"))
    assert "+1" in change
    assert "+50 %" in change


def test_an_empty_time_says_so(browser):
    soup = shown(browser)
    assert "Nothing was asked of a model in this time" in words(the(soup, ".empty"))
    assert not soup.select(".plot")


# Every figure leads to its rows


def test_each_figure_leads_to_as_many_rows_as_it_counts(browser):
    statuses = ["done"] * 3 + ["stopped"] * 2 + ["failed", "interrupted"]
    written(*[row(final_status=status, currency="CNY") for status in statuses], row())
    found = shown(browser, period="today")
    links = {
        (words(the(card, "h2")), words(the(part, "dt"))): the(part, "dd a")["href"]
        for card in found.select(".cards .figure")
        for part in card.select("dl > div:has(a)")
    }
    numbers = {"done": 4, "stopped": 2, "failed": 1, "interrupted": 1}
    for status, number in numbers.items():
        assert len(lines(page(browser.get(links["Requests", status])))) == number
    for part, number in {"without a price": 1, "cost not known": 7}.items():
        (link,) = [href for (_title, name), href in links.items() if name == part]
        assert len(lines(page(browser.get(link)))) == number
    assert len(lines(page(browser.get(links["Tokens", "reported"])))) == 8


def test_the_narrowing_goes_along_to_the_rows(browser):
    written(row(requested_model="m"), row(requested_model="n"), row(requested_model="n"))
    soup = shown(browser, model="n", period="today", step="hour", by="kind")
    query = parse_qs(urlsplit(str(the(soup, ".amount a")["href"])).query)
    assert query == {"model": ["n"], "period": ["today"]}
    assert words(the(soup, ".chips a")) == "Model: n"
    assert cards(page(browser.get(the(soup, ".chips a")["href"])))["Requests"][""] == "3"


def test_a_step_of_a_plot_leads_to_its_day_and_that_to_its_hour(browser):
    written(row(), row(created_at=ago(days=3)))
    day = the(shown(browser), "figure tbody a")
    soup = page(browser.get(day["href"]))
    assert cards(soup)["Requests"][""] == "1"
    hour = the(soup, "figure tbody a")
    assert len(lines(page(browser.get(hour["href"])))) == 1


def test_sums_are_split_by_every_dimension(browser, alice):
    Team.objects.create(name="Lab").members.add(alice)
    Environment.objects.create(kind="cloudbase", name="Berlin", env_id="lab-1")
    written(row(user=alice, env_id="lab-1", agent="clerk"), row(user=alice, env_id="lab-1"))
    names = {
        Dimension.ENVIRONMENT: "Berlin",
        Dimension.GROUP: "custom-a",
        Dimension.MODEL: "m",
        Dimension.KIND: "answer",
        Dimension.PERSON: "alice",
        Dimension.TEAM: "Lab",
        Dimension.CONFIDENCE: "reported",
    }
    for by, name in names.items():
        soup = shown(browser, by=by.value)
        (line,) = split(soup)
        assert line[:3] == [name, "300", "2"]
        for link in the(soup, "#split table").select("a"):
            found = page(browser.get(link["href"]))
            assert len(lines(found)) == 2 or cards(found)["Requests"][""] == "2"
    agents = split(shown(browser, by="agent"))
    assert {line[0]: line[2] for line in agents} == {"clerk": "1", "no agent": "1"}


def test_a_person_whose_account_is_gone_is_found_by_their_number(browser, alice):
    pk = alice.pk
    written(row(user=alice))
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM auth_user WHERE id = %s", [pk])
    soup = shown(browser, by="person")
    assert split(soup)[0][0] == f"#{pk}"
    found = page(browser.get(the(soup, "#split tbody a")["href"]))
    assert cards(found)["Requests"][""] == "1"


def test_errors_are_told_by_stage_and_code_also_where_nothing_was_called(browser):
    failed = {"final_status": "failed", "error_stage": "quota", "error_code": "rate_limited"}
    refused = totals.failure(
        timezone.now(),
        env_id="local",
        model_name="m",
        kind="chat",
        stage="preflight",
        code="model_not_enabled",
    )
    entries.write([row(**failed), row(**failed)], [refused])
    soup = shown(browser)
    table = cells(the(soup, "#failures ~ .table-scroll table"))
    assert [[line[0].split()[0], *line[2:]] for line in table] == [
        ["rate_limited", "2", "Quota", "called"],
        ["model_not_enabled", "1", "Before the call", "not called"],
    ]
    link = the(soup, "#failures ~ .table-scroll a")
    assert len(lines(page(browser.get(link["href"])))) == 2


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("limit_used_up", "The limit is used up: …."),
        (
            "answer_took_too_long",
            "The answer was ended after … minutes, the longest that one may take here.",
        ),
    ],
)
def test_what_an_error_named_is_left_open_in_the_sum_of_all(browser, code, sentence):
    place = {"env_id": "local", "model_name": "m", "kind": "chat", "stage": "quota"}
    entries.write([], [totals.failure(timezone.now(), **place, code=code)])
    assert words(the(shown(browser), "#failures ~ .table-scroll small")) == sentence


# Time


def test_days_are_those_of_the_time_zone_that_is_named(browser, settings):
    settings.TIME_ZONE = "Asia/Shanghai"
    written(row(created_at=datetime(2026, 3, 1, 15, 59, tzinfo=UTC)))
    written(row(created_at=datetime(2026, 3, 1, 16, 1, tzinfo=UTC)))
    first, second = (
        cards(shown(browser, since=day, until=day))["Requests"][""]
        for day in ("2026-03-01", "2026-03-02")
    )
    assert (first, second) == ("1", "1")
    assert "Asia/Shanghai" in words(the(shown(browser), ".when-shown"))


def test_a_named_period_ends_with_today_and_is_compared_with_what_was_before():
    for choice in set(Choice) - {Choice.CUSTOM}:
        found, now = periods.of(choice, None, None, None), timezone.now()
        before = found.before(now)
        assert found.last == timezone.localdate()
        assert found.span.begin <= now < found.span.end
        assert before.end <= found.span.begin
        if choice is not Choice.TODAY:
            assert before.end == found.span.begin


def test_a_month_is_compared_with_the_month_before():
    found = periods.Period(Choice.MONTH, date(2026, 3, 1), date(2026, 3, 31), "day")
    assert periods.words(found.before(timezone.now())) == ("2026-02-01", "2026-02-28")


def test_today_is_compared_with_as_much_of_yesterday():
    found = periods.Period(Choice.TODAY, date(2026, 3, 2), date(2026, 3, 2), "hour")
    before = found.before(datetime(2026, 3, 2, 9, 30, tzinfo=UTC))
    assert periods.words(before) == ("2026-03-01 00:00", "2026-03-01 10:00")


def test_a_day_on_which_clocks_change_has_the_hours_it_has(settings):
    settings.TIME_ZONE = "Europe/Berlin"
    day = date(2026, 3, 29)
    found = periods.of(Choice.CUSTOM, day, day, None)
    assert found.span.end - found.span.begin == timedelta(hours=23)


WRONG = [
    ({"since": "yesterday"}, "since", "Write a day"),
    ({"since": "0001-01-01"}, "since", "2000"),
    ({"since": "2026-02-02", "until": "2026-02-01"}, "until", "before it begins"),
    ({"since": "2020-01-01", "until": "2026-01-01"}, "until", "At most 366 days"),
    ({"period": "30days", "step": "hour"}, "step", "At most 14 days"),
    ({"person": "nobody"}, "person", "Nobody has this username"),
    ({"person": "#"}, "person", "Nobody has this username"),
    ({"team": "x"}, "team", "not one of the available choices"),
    ({"model": "a\0b"}, "model", "Null characters"),
]
ODD = [
    {"by": "moon"},
    {"period": "ever"},
    {"hour": "x"},
    {"hour": "9999-12-31T23:30Z"},
    {"hour": "0001-01-01T00:00+14:00"},
    {"team": "9" * 40},
    {"environment": "\0"},
    {"person": "#" + "9" * 40},
    {"before": "9" * 18 + "-1"},
    {"before": "１-１"},
]


def test_hours_of_very_much_are_shown_as_days(browser):
    written(row(created_at=ago(days=1)))
    query = {"since": f"{ago(days=2):%Y-%m-%d}", "until": f"{ago(days=1):%Y-%m-%d}", "step": "hour"}
    assert not shown(browser, **query).select("p.aside")
    SiteDayTotal.objects.update(requests=MOST_IN_HOURS + 1)
    soup = shown(browser, **query)
    assert "shown by days" in words(the(soup, "p.aside"))
    assert words(the(soup, "figure tbody th")) == query["until"]


@pytest.mark.parametrize("name", ["usage", "usage_rows"])
def test_a_filter_that_is_wrong_is_told_and_nothing_is_shown(browser, name):
    written(row())
    for query, field, says in WRONG:
        response = browser.get(reverse(name), query)
        assert response.status_code == 422
        soup = page(response)
        assert says in words(the(soup, f"#id_{field}_error"))
        assert not soup.select(".cards, .ledger")
        assert the(soup, "details.more").has_attr("open")


@pytest.mark.parametrize("name", ["usage", "usage_rows"])
def test_no_address_breaks_a_page(browser, name):
    written(row())
    for query in ODD:
        assert browser.get(reverse(name), query).status_code in (200, 422), query


# The number of queries does not depend on how much there is


def test_the_dashboard_makes_as_many_queries_for_much_as_for_little(browser, alice, mallory):
    def queries(**query) -> int:
        with CaptureQueriesContext(connection) as seen:
            shown(browser, **query)
        return len(seen)

    written(row(user=alice))
    few = {by: queries(by=by.value) for by in Dimension}
    for day in range(5):
        models = (row(requested_model=f"m-{n}", created_at=ago(days=day)) for n in range(20))
        written(*models, row(user=mallory, currency="CNY", cost=Decimal(1)))
    assert {by: queries(by=by.value) for by in Dimension} == few
    assert max(few.values()) <= 40


# Who may see it


@pytest.fixture
async def operator(alice):
    await sync_to_async(roles.set_role)(None, alice, roles.Role.OPERATIONS)
    return await signed_in(alice)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL reads small tables whole")
def test_rows_of_an_error_are_found_among_those_that_failed(browser):
    written(row(), row(final_status="failed", error_code="rate_limited"))
    with CaptureQueriesContext(connection) as seen:
        shown(browser, "usage_rows", error="rate_limited")
    search = next(q["sql"] for q in seen.captured_queries if "error_code\" = 'rate" in q["sql"])
    with connection.cursor() as cursor:
        plan = cursor.execute(f"EXPLAIN QUERY PLAN {search}").fetchall()
    assert "usage_that_failed" in str(plan)


async def test_those_who_look_after_the_site_see_all_and_correct_nothing(operator):
    kept = await sync_to_async(written)(row())
    address = reverse("usage_row", args=[kept.pk])
    for path in (reverse("usage"), reverse("usage_rows"), reverse("usage_live"), address):
        response = await operator.get(path)
        assert response.status_code == 200
        assert not page(response).select("[name=reason]")
    typed = {"prompt_tokens": "5", "reason": "why"}
    assert (await operator.post(address, typed)).status_code == 200
    assert await Usage.objects.acount() == 1

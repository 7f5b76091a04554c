"""Rows of the ledger are found, read page by page, shown whole, and corrected by administrators."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from admin_models.models import AuditEntry
from chat.models import Usage
from chat.operations import ledger_rows
from tests.chat.ledger.rows import ago, row, written
from tests.chat.usage_pages import cells, lines, shown
from tests.pages.html import page, the, words

pytestmark = pytest.mark.usefixtures("transactional_db")


@pytest.fixture
def browser(client, root):
    client.force_login(root)
    return client


def test_rows_are_read_page_by_page_without_gaps_also_those_of_one_moment(browser):
    moment = ago(hours=1)
    numbers = range(ledger_rows.PAGE_LENGTH * 2 + 1)
    written(*[row(created_at=moment, request_id=f"{n:03}") for n in numbers])
    seen, address = [], reverse("usage_rows")
    while address:
        soup = page(browser.get(address))
        seen += [str(link["href"]) for link in soup.select(".ledger th a")]
        link = soup.select_one("a[rel=next]")
        address = str(link["href"]) if link else ""
        written(row())  # what is new moves no page
    assert len(seen) == len(set(seen)) == len(numbers)


KNOWN = [
    ({}, 4),
    ({"status": "failed"}, 1),
    ({"confidence": "estimated"}, 1),
    ({"error": "rate_limited"}, 1),
    ({"request": "id-1"}, 1),
    ({"only": "unpriced"}, 3),
    ({"only": "corrections"}, 0),
    ({"model": "n", "status": "failed"}, 0),
    ({"kind": "image"}, 0),
    ({"person": "alice"}, 1),
    ({"group": "custom-a", "agent": "clerk"}, 1),
]


def test_rows_are_found_by_what_is_known_of_them(browser, alice):
    written(
        row(user=alice, request_id="id-1"),
        row(final_status="failed", error_code="rate_limited"),
        row(confidence="estimated", requested_model="n"),
        row(currency="CNY", agent="clerk"),
    )
    for query, number in KNOWN:
        assert len(lines(shown(browser, "usage_rows", **query))) == number, query


def test_a_row_shows_everything_that_is_kept_and_nothing_private(browser, conversation, alice):
    kept = written(
        row(
            user=alice,
            conversation_id=conversation.pk,
            env_id="lab-1",
            agent="clerk",
            answered_model="m-2",
            cached_tokens=17,
            reasoning_tokens=19,
            units=23,
            currency="CNY",
            cost=Decimal("0.0000000123"),
            input_price=Decimal("1.25"),
            final_status="failed",
            error_stage="quota",
            error_code="rate_limited",
            request_id="01ABC",
            first_token_seconds=0.25,
            duration_seconds=61,
        )
    )
    soup = page(browser.get(reverse("usage_row", args=[kept.pk])))
    text = words(the(soup, "main"))
    for part in (
        "alice", "lab-1", "clerk", "m-2", "17", "19", "23", "0.0000000123", "1.25 a million",
        "rate_limited", "01ABC", "250 ms", "1.02 min", "reported", "Quota",
    ):  # fmt: skip
        assert part in text
    titles = {words(title) for title in soup.select(".topics dt")}
    assert len(titles) >= 24
    assert not soup.select(f'a[href*="/c/{conversation.pk}"]')
    assert conversation.title not in text


def test_an_unknown_row_is_not_there(browser):
    assert browser.get(reverse("usage_row", args=[4711])).status_code == 404


# Corrections


def test_an_administrator_corrects_a_row_and_it_stays_as_it_was(browser, root):
    kept = written(row())
    address = reverse("usage_row", args=[kept.pk])
    response = browser.post(address, {"completion_tokens": "-20", "reason": "counted twice"})
    assert response.status_code == 302
    soup = page(browser.get(address))
    assert "150" in words(the(soup, ".topics"))
    assert "total tokens 130" in words(the(soup, ".standing"))
    assert cells(the(soup, ".block table"))[0][3:] == ["counted twice", "root"]
    correction = Usage.objects.get(corrects=kept.pk)
    assert (correction.completion_tokens, correction.corrected_by) == (-20, root)
    assert AuditEntry.objects.get(action="ledger.corrected").actor == "root"
    theirs = page(browser.get(reverse("usage_row", args=[correction.pk])))
    assert the(theirs, ".aside a")["href"] == address
    assert not theirs.select("form[method=post]:not(#sign-out):has([name=reason])")


REFUSED = [
    ({"reason": "why"}, "Say what has to be added or taken away."),
    ({"prompt_tokens": "5"}, "This field is required."),
    ({"prompt_tokens": "x", "reason": "why"}, "Enter a whole number."),
    ({"prompt_tokens": "-101", "reason": "why"}, "There are only 100 to take from."),
    ({"prompt_tokens": "9" * 20, "reason": "why"}, "2000000000"),
    ({"cost": "1e99", "reason": "why"}, ""),
]


def test_a_correction_that_is_wrong_is_told_and_kept(browser):
    kept = written(row())
    for typed, says in REFUSED:
        response = browser.post(reverse("usage_row", args=[kept.pk]), typed)
        assert response.status_code == 422
        soup = page(response)
        assert says in words(the(soup, "details.more"))
        assert len(soup.select(".form-error")) == 1
        assert the(soup, "details.more").has_attr("open")
        for name, value in typed.items():
            if box := soup.select_one(f"[name={name}]"):
                assert box["value"] == value
    assert not Usage.objects.exclude(pk=kept.pk).exists()


def test_a_second_click_adds_no_second_correction(browser):
    kept = written(row())
    address = reverse("usage_row", args=[kept.pk])
    seen = the(page(browser.get(address)), "[name=seen]")["value"]
    typed = {"completion_tokens": "-20", "reason": "counted twice", "seen": seen}
    assert browser.post(address, typed).status_code == 302
    response = browser.post(address, typed)
    assert response.status_code == 422
    soup = page(response)
    assert "A correction was added meanwhile" in words(the(soup, "details.more .form-error"))
    assert len(cells(the(soup, ".block table"))) == 1
    assert the(soup, "[name=completion_tokens]")["value"] == "-20"
    again = typed | {"seen": the(soup, "[name=seen]")["value"]}
    assert browser.post(address, again).status_code == 302
    assert Usage.objects.filter(corrects=kept.pk).count() == 2


def test_a_row_without_a_currency_takes_no_cost(browser):
    soup = page(browser.get(reverse("usage_row", args=[written(row()).pk])))
    assert not soup.select("[name=cost]")


def test_the_rows_make_as_many_queries_for_much_as_for_little(browser, alice):
    def queries() -> int:
        with CaptureQueriesContext(connection) as seen:
            shown(browser, "usage_rows")
        return len(seen)

    written(row(user=alice))
    few = queries()
    written(*[row(user=alice) for _ in range(ledger_rows.PAGE_LENGTH)])
    assert queries() == few <= 15

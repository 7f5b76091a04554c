"""Reading the pages of usage."""

from __future__ import annotations

from django.urls import reverse

from tests.pages.html import page, the, words


def shown(browser, name: str = "usage", **query):
    response = browser.get(reverse(name), query)
    assert response.status_code == 200
    return page(response)


def cards(soup) -> dict[str, dict[str, str]]:
    """What each figure says: its amount under "", its parts by their names."""
    return {
        words(the(card, "h2")): {
            "": words(the(card, ".amount")),
            **{words(the(part, "dt")): words(the(part, "dd")) for part in card.select("dl > div")},
        }
        for card in soup.select(".cards .figure")
    }


def cells(table) -> list[list[str]]:
    return [[words(cell) for cell in row.select("th, td")] for row in table.select("tbody tr")]


def lines(soup) -> list[list[str]]:
    """The rows of the page of rows."""
    return cells(the(soup, ".ledger")) if soup.select(".ledger") else []


def split(soup) -> list[list[str]]:
    return [[cell for cell in line if cell] for line in cells(the(soup, "#split table"))]

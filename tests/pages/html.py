"""Reading a page."""

from __future__ import annotations

from bs4 import BeautifulSoup, Tag


def page(response) -> BeautifulSoup:
    """The page of a response."""
    return BeautifulSoup(response.content.decode(), "html.parser")


def the(place: Tag, selector: str) -> Tag:
    """The element that must be there."""
    found = place.select_one(selector)
    assert found is not None, f"there is no {selector}"
    return found


def words(element: Tag) -> str:
    """What an element says, on one line."""
    return " ".join(element.get_text(" ").split())

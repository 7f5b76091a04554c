"""The forms of the pages of groups, as a browser sends them."""

from __future__ import annotations

from bs4 import BeautifulSoup, Tag
from django.urls import reverse

from admin_models.models import Environment
from tests.pages.html import page, the, words

KEY = "sk-canary-4d1f-of-the-pages"
HTMX = {"hx-request": "true"}


def at(environment: Environment, name: str, *more: object) -> str:
    """The address of a page of an environment."""
    return reverse(name, args=[environment.pk, *more])


def typed(**changes: str) -> dict[str, str]:
    """All of a new group."""
    return {
        "name": "custom-new",
        "base_url": "https://llm.example/v1",
        "api_key": KEY,
        "more": "lab-7b\nlab-70b",
        "is_on": "on",
    } | changes


async def form_of(browser, environment: Environment, group: str) -> dict[str, str]:
    """What the form of a group would send untouched."""
    return sent_by(page(await browser.get(at(environment, "group_settings", group))))


def sent_by(soup: BeautifulSoup) -> dict[str, str]:
    """What the form of a page would send: fields with a value, and boxes that are ticked."""
    form = the(soup, "form:has([name=base_url])")
    boxes = form.select("input[name]:not([type=checkbox]), input[type=checkbox][checked]")
    return {str(box["name"]): str(box.get("value", _nothing(box))) for box in boxes} | {
        str(area["name"]): area.text.lstrip("\n") for area in form.select("textarea")
    }


def _nothing(box: Tag) -> str:
    return "on" if box["type"] == "checkbox" else ""


def hidden(soup: BeautifulSoup) -> dict[str, str]:
    """What the hidden fields of a page's last form hold."""
    return {str(f["name"]): str(f["value"]) for f in soup.select("main input[type=hidden]")}


def changes(soup: BeautifulSoup) -> set[str]:
    """What a page says that changes, for example `added new-1`."""
    return {f"{words(the(line, 'b'))} {words(the(line, 'code'))}" for line in lines(soup)}


def lines(soup: BeautifulSoup) -> list[Tag]:
    """The lines of a page's list of changes."""
    return soup.select(".changes li")

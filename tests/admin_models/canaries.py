"""Keys that are recognised wherever they turn up, and everything that a person can look at.

Nothing here is a list of pages, forms or tables: those come from the url conf, from the pages
themselves and from the models, so that what is new is looked at as well.
"""

from __future__ import annotations

import base64
import binascii
import itertools
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin

from bs4 import BeautifulSoup, Tag
from django.contrib.sessions.models import Session
from django.db import connection
from django.urls import NoReverseMatch, URLPattern, URLResolver, get_resolver, reverse

from chatsite.logs import JsonFormatter

HEAD, TAIL = "Kn4r1e", "Qx9vTz"
"""How every canary begins and ends: a mask that leaves six characters of either shows too much."""
_LAST = f"0123456789{TAIL}"


def canary(place: str) -> str:
    """The key for a place, for example a field of a form. Nothing in it looks like a key."""
    return f"{HEAD}-{place}-{_LAST}"


def _spellings() -> tuple[str, ...]:
    """Both ends as they are, and the last part in hexadecimal and in base64, wherever it begins
    there; those are long enough not to turn up by chance in what is random."""
    found = [HEAD, TAIL, binascii.hexlify(_LAST.encode()).decode()]
    for shift in range(3):
        whole = base64.b64encode(b"\0" * shift + _LAST.encode()).decode()
        found.append(whole[-(-shift * 8 // 6) :].rstrip("=")[:-1])
    return tuple(spelling.lower() for spelling in found)


SPELLINGS = _spellings()


@dataclass
class Lookout:
    """Looks at text and remembers where a canary was seen."""

    seen: list[str] = field(default_factory=list)
    looked_at: set[str] = field(default_factory=set)
    more: tuple[str, ...] = ()
    """Other secrets that must be nowhere."""
    tokens: dict[str, str] = field(default_factory=dict)
    """What some addresses are to be shown, by their names."""

    def look(self, where: str, text: object) -> None:
        """Look at a text."""
        self.looked_at.add(where)
        lower = str(text).lower()
        for spelling in (*SPELLINGS, *map(str.lower, self.more)):
            at = lower.find(spelling)
            if at >= 0:
                self.seen.append(f"{where}: …{str(text)[max(0, at - 60) : at + 60]}…")

    async def look_at_response(self, where: str, response: Any) -> str:
        """A whole answer, with its headers; returns its body."""
        if response.streaming:
            body = b"".join([part async for part in response])
        else:
            body = response.content
        self.look(where, f"{dict(response.headers)} {response.cookies} {body.decode()}")
        return str(body, "utf-8")

    def look_at_log(self, records: Iterable[logging.LogRecord]) -> None:
        """Lines of the log, tracebacks included."""
        text = logging.Formatter("%(levelname)s %(name)s: %(message)s")
        for record in records:
            for formatter in (text, JsonFormatter()):
                self.look(f"log of {record.name}", formatter.format(record))

    def look_at_database(self) -> None:
        """Every value of every table, and what is packed inside of sessions."""
        with connection.cursor() as cursor:
            for table in connection.introspection.table_names(cursor):
                cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")  # noqa: S608
                for row in cursor.fetchall():
                    self.look(f"table {table}", row)
        for session in Session.objects.all():
            self.look("table django_session", session.get_decoded())


# Every address


@dataclass(frozen=True)
class Place:
    """An address of the url conf: its name, and the names of what varies in it."""

    name: str
    parameters: tuple[str, ...]

    def addresses(self, candidates: Mapping[str, Sequence[object]]) -> Iterator[str]:
        """With every combination of the candidates; raises KeyError for one that has none."""
        values = [candidates[parameter] for parameter in self.parameters]
        for chosen in itertools.product(*values):
            try:
                yield reverse(self.name, kwargs=dict(zip(self.parameters, chosen, strict=True)))
            except NoReverseMatch:
                continue  # a word where a number belongs


def every_place(
    resolver: URLResolver | None = None, space: str = "", outer: tuple[str, ...] = ()
) -> Iterator[Place]:
    """All addresses that have a name."""
    resolver = resolver or get_resolver()
    for entry in resolver.url_patterns:
        found = (*outer, *entry.pattern.regex.groupindex)
        if isinstance(entry, URLResolver):
            inner = f"{space}{entry.namespace}:" if entry.namespace else space
            yield from every_place(entry, inner, found)
        elif isinstance(entry, URLPattern) and entry.name:
            yield Place(f"{space}{entry.name}", tuple(dict.fromkeys(found)))


# Every form that takes a secret


@dataclass
class SecretForm:
    """A form of a page that asks for secrets: what it sends untouched, and where to."""

    fields: dict[str, str]
    secrets: tuple[str, ...]
    actions: tuple[tuple[str, dict[str, str], dict[str, str]], ...]
    """For each of its buttons: the address, what the button sends, and headers."""

    @classmethod
    def all_on(cls, html: str, address: str) -> Iterator[SecretForm]:
        """Those of a page."""
        for form in BeautifulSoup(html, "html.parser").select("form:has(input[type=password])"):
            yield cls(_sent(form), _named(form, "input[type=password]"), _actions(form, address))

    def typings(self, filled: Mapping[str, str]) -> Iterator[dict[str, str]]:
        """Ways to fill it in: each secret alone, all, and all with something wrong."""
        base = {name: value or filled.get(name, "") for name, value in self.fields.items()}
        every = {name: canary(name) for name in self.secrets}
        for name, value in every.items():
            yield base | {name: value}
        yield base | every
        yield dict.fromkeys(self.fields, "!") | every
        yield base | {name: f"{value}\n{value}" for name, value in every.items()}
        yield base | {name: f"{value}，{value}" for name, value in every.items()}
        yield base | {name: value * 200 for name, value in every.items()}


def _sent(form: Tag) -> dict[str, str]:
    """What a browser sends of a form, secrets and buttons apart."""
    sent = {
        str(box["name"]): str(box.get("value", "on"))
        for box in form.select("input[name]:not([type=password]):not([type=submit])")
        if box.get("type") not in ("checkbox", "radio") or box.has_attr("checked")
    }
    sent |= {str(area["name"]): area.text for area in form.select("textarea[name]")}
    for choice in form.select("select[name]"):
        option = choice.select_one("option[selected]") or choice.select_one("option")
        sent[str(choice["name"])] = str(option["value"]) if option else ""
    return {name: "" if name == "csrfmiddlewaretoken" else text for name, text in sent.items()}


def _named(form: Tag, selector: str) -> tuple[str, ...]:
    return tuple(str(found["name"]) for found in form.select(selector) if found.get("name"))


def _actions(form: Tag, address: str) -> tuple[tuple[str, dict[str, str], dict[str, str]], ...]:
    own = urljoin(address, str(form.get("action") or address))
    found: list[tuple[str, dict[str, str], dict[str, str]]] = [(own, {}, {})]
    for button in form.select("button, input[type=submit]"):
        name = button.get("name")
        sent = {str(name): str(button.get("value", ""))} if name else {}
        found.append((urljoin(address, str(button.get("formaction") or own)), sent, {}))
        if button.get("hx-post"):
            found.append((urljoin(address, str(button["hx-post"])), sent, {"hx-request": "true"}))
    return tuple(each for at, each in enumerate(found) if each not in found[:at])

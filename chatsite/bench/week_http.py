"""What a server says of a week over HTTP: its API, added up over all pages, and the dashboard, read
off the page as somebody sees it."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any, Final

import aiohttp

from chatsite.bench import week_figures
from chatsite.bench.processes import ProcessFailed
from chatsite.bench.week_figures import ALL, ERRORS, PLACES, STATES, TOKENS, Figures

OF_A_PAGE: Final = "500"
"""Rows that are asked for at a time."""
_LINES: Final = {
    "question": "prompt",
    "of which cached": "cached",
    "answer": "completion",
    "of which reasoning": "reasoning",
    "all": "total",
}
"""What the page calls kinds of tokens."""
_COST: Final = re.compile(r'title="([\d,.]+) ([A-Z]{3})"')

Rows = list[dict[str, Any]]


# The API


async def told_by_api(site: str, token: str, week: Sequence[date]) -> Figures:
    """Raises ProcessFailed if it refuses."""
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(headers=headers) as http:
        api = _Api(http, site, week)
        days, people = await api.sums(), await api.sums(by="person")
        figures = {ALL: _added(days), **_by(days, "date", "day")}
        figures |= _by(people, "name", "person")
        for by in ("model", "kind"):
            figures |= _by(await api.sums(by=by), "key", by)
        for part, count in _people(people):
            figures[part]["people"] = str(count)
        figures[ERRORS] = _errors(await api.pages("rows"))
    return figures


class _Api:
    """The addresses of the ledger for programs."""

    def __init__(self, http: aiohttp.ClientSession, site: str, week: Sequence[date]) -> None:
        self._http = http
        self._address = f"{site}/api/v1/usage"
        self._span = _span(week)

    async def sums(self, **more: str) -> Rows:
        """By day."""
        return await self.pages("sums", step="day", **more)

    async def pages(self, what: str, **more: str) -> Rows:
        """All rows of a table."""
        rows: Rows = []
        asked = {**self._span, **more, "limit": OF_A_PAGE}
        while True:
            async with self._http.get(f"{self._address}/{what}", params=asked) as answer:
                page = await answer.json()
            if answer.status != 200:
                raise ProcessFailed(f"The API refused: {page}")
            rows += page["data"]
            if not page["next_cursor"]:
                return rows
            asked["cursor"] = page["next_cursor"]


def _span(week: Sequence[date]) -> dict[str, str]:
    return {"since": week[0].isoformat(), "until": week[-1].isoformat()}


def _by(rows: Iterable[dict[str, Any]], column: str, title: str) -> Figures:
    parts: defaultdict[str, Rows] = defaultdict(list)
    for row in rows:
        parts[f"{title} {row[column]}"].append(row)
    return {part: _added(of_it) for part, of_it in parts.items()}


def _added(rows: Rows) -> dict[str, str]:
    counts = Counter[str]()
    for row in rows:
        counts.update({name: row[name] for name in ("requests", "units", "uncosted", *STATES)})
        confidence, currency = row["confidence"], row["currency"]
        counts.update({f"{confidence} {name} tokens": row[f"{name}_tokens"] for name in TOKENS})
        if currency:
            counts[f"{confidence} {currency}"] += int(Decimal(row["cost"]).scaleb(PLACES))
        else:
            counts["unpriced"] += row["requests"]
    return week_figures.written(counts)


def _people(rows: Rows) -> Iterator[tuple[str, int]]:
    """How many there were, on the whole and by day; of sums by person."""
    yield ALL, len({row["key"] for row in rows})
    for day in {row["date"] for row in rows}:
        yield f"day {day}", len({row["key"] for row in rows if row["date"] == day})


def _errors(rows: Rows) -> dict[str, str]:
    """Of answers with a row, which are those where something was called."""
    failed = [row for row in rows if row["final_status"] == "failed"]
    names = (
        week_figures.error_name(row["error_stage"], row["error_code"], was_called=True)
        for row in failed
    )
    return week_figures.written(Counter(names))


def as_told(expected: Figures) -> Figures:
    """The bookkeeping without errors before a call, of which the API tells nothing."""
    errors = expected.get(ERRORS, {})
    called = {name: count for name, count in errors.items() if not name.endswith("not called")}
    return {**expected, ERRORS: called}


# The dashboard


async def shown_on_page(site: str, cookie: str, week: Sequence[date]) -> Figures:
    """Tokens, cost, errors and the split by model, as the page has them in English."""
    headers = {"Cookie": cookie, "Accept-Language": "en"}
    async with aiohttp.ClientSession(headers=headers) as http:
        address = f"{site}/usage/"
        asked = {**_span(week), "period": "custom", "by": "model"}
        async with http.get(address, params=asked) as answer:
            if answer.status != 200:
                raise ProcessFailed(f"The dashboard answered {answer.status}.")
            return read(await answer.text())


def as_shown(expected: Figures) -> Figures:
    """The part of the bookkeeping that the page shows in full; its errors without their stages."""
    whole = expected[ALL]
    errors = Counter[str]()
    for name, count in expected.get(ERRORS, {}).items():
        errors[name.partition("/")[2]] += int(count)
    shown = {
        name: count
        for name, count in whole.items()
        if name.endswith("tokens") and not name.startswith("unknown")
    }
    costs: defaultdict[str, Decimal] = defaultdict(Decimal)
    for name, amount in whole.items():
        if name[-3:].isupper():
            costs[name[-3:]] += Decimal(amount)
    models = {
        part: {"requests": of_it["requests"]}
        for part, of_it in expected.items()
        if part.startswith("model ")
    }
    return {
        ALL: shown | {name: _plain(amount) for name, amount in costs.items()},
        ERRORS: week_figures.written(errors),
        **models,
    }


def _plain(amount: Decimal) -> str:
    """Without zeros at its end."""
    return f"{amount.normalize():f}"


def read(page: str) -> Figures:
    """What stands on the page."""
    tables = _Tables()
    tables.feed(page)
    figures: Figures = {ALL: {}, ERRORS: {}}
    for amount, currency in _COST.findall(page):
        figures[ALL][currency] = _plain(Decimal(amount.replace(",", "")))
    for first, *rows in tables.found:
        match first:
            case ["Tokens", "reported", "estimated", *_]:
                figures[ALL] |= dict(_tokens(rows))
            case ["Error", *_]:
                figures[ERRORS] = {_error(row): _number(row[2]) for row in rows}
            case ["Model", _, "Tokens", "Requests", *_]:
                figures |= {f"model {row[0]}": {"requests": _number(row[3])} for row in rows}
    return figures


def _tokens(rows: Iterable[Sequence[str]]) -> Iterator[tuple[str, str]]:
    for label, *counts in rows:
        for confidence, count in zip(("reported", "estimated"), map(_number, counts), strict=True):
            if count != "0":
                yield f"{confidence} {_LINES[label]} tokens", count


def _error(row: Sequence[str]) -> str:
    """Its code, and whether anything was called."""
    return row[0].split()[0] + (", not called" if row[4] == "not called" else "")


def _number(shown: str) -> str:
    return shown.replace(",", "")


class _Tables(HTMLParser):
    """The tables of a page: rows of texts."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[list[list[str]]] = []
        self._is_in_cell = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a table, a row or a cell."""
        match tag:
            case "table":
                self.found.append([])
            case "tr":
                self.found[-1].append([])
            case "th" | "td":
                self.found[-1][-1].append("")
                self._is_in_cell = True

    def handle_endtag(self, tag: str) -> None:
        """End a cell."""
        if tag in {"th", "td"}:
            self._is_in_cell = False
            row = self.found[-1][-1]
            row[-1] = " ".join(row[-1].split())

    def handle_data(self, data: str) -> None:
        """Take in what a cell says."""
        if self._is_in_cell:
            self.found[-1][-1][-1] += f" {data}"

"""The figures of a week by name, so that they can be held against each other: those that the
bench's own bookkeeping comes to, and those that the product tells."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

from chatsite.bench.week_plan import Entry

Figures = dict[str, dict[str, str]]
"""By part of the week ("all", "day 2026-11-20", "model uniform", …) and by name. What is nothing
has no figure; all are texts, amounts with every digit."""

ALL: Final = "all"
ERRORS: Final = "errors"
PLACES: Final = 10
"""Decimals of an amount of money."""
TOKENS: Final = ("prompt", "completion", "cached", "reasoning", "total")
STATES: Final = ("done", "stopped", "failed", "interrupted")


def of_entries(entries: Iterable[Entry]) -> Figures:
    """What entries come to, added up one by one."""
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    people: defaultdict[str, set[str]] = defaultdict(set)
    for entry in entries:
        if entry.stage:
            counts[ERRORS][error_name(entry.stage, entry.code, was_called=entry.was_called)] += 1
        if not entry.was_called:
            continue
        for part in _parts(entry):
            counts[part].update(_counts(entry))
            people[part].add(entry.person)
    for part in (ALL, *(part for part in people if part.startswith("day "))):
        counts[part]["people"] = len(people[part])
    return {part: written(found) for part, found in counts.items()}


def _parts(entry: Entry) -> tuple[str, ...]:
    return (
        ALL,
        f"day {entry.day}",
        f"model {entry.model}",
        f"person {entry.person}",
        f"kind {entry.kind}",
    )


def _counts(entry: Entry) -> Mapping[str, int]:
    counts = {f"{entry.confidence} {name} tokens": getattr(entry, name) for name in TOKENS}
    counts |= {"requests": 1, entry.status: 1, "units": entry.units}
    if entry.currency:
        counts[f"{entry.confidence} {entry.currency}"] = entry.cost or 0
        counts["uncosted"] = int(entry.cost is None)
    else:
        counts["unpriced"] = 1
    return counts


def error_name(stage: str, code: str, *, was_called: bool) -> str:
    """What a way to fail is called."""
    return f"{stage}/{code}" + ("" if was_called else ", not called")


def written(counts: Mapping[str, Any]) -> dict[str, str]:
    """Numbers as texts; amounts (a name that ends with a currency) are whole parts before."""
    return {
        name: f"{Decimal(number).scaleb(-PLACES):f}" if name[-3:].isupper() else str(number)
        for name, number in counts.items()
        if number
    }


def differences(expected: Figures, found: Figures) -> list[str]:
    """A sentence for every figure that is not what it must be."""
    return [
        f"{part}: {name}: {ours or 'nothing'} was to be, {theirs or 'nothing'} is"
        for part in sorted({*expected, *found})
        for name in sorted({*expected.get(part, {}), *found.get(part, {})})
        if (ours := expected.get(part, {}).get(name, ""))
        != (theirs := found.get(part, {}).get(name, ""))
    ]

"""What importing a file would do: a pure difference between what is here and what the file says.

Nothing is ever taken away: what the file does not name stays, and the people and models that a team
has here stay with it.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from chat.cloudbase import group_names

from . import sections
from .format import Configuration, Kind
from .steps import (
    PERSON,
    Item,
    Key,
    Known,
    Lack,
    Members,
    Missing,
    Problem,
    Step,
    Verdict,
    as_text,
    items,
)

LOCAL: Final = "local"
ADDRESSES: Final = frozenset({"base_url", "control_url", "region", "international"})
"""Members that say where requests go, with the keys that are stored."""
_ORDER: Final[Mapping[str, int]] = {kind: number for number, kind in enumerate(Kind)}
_NAMED_BY_TEAMS: Final[Mapping[str, tuple[str, Lack]]] = {
    "members": (PERSON, Lack.PERSON),
    "groups": (Kind.GROUP, Lack.GROUP),
    "models": (Kind.MODEL, Lack.MODEL),
}
"""The kinds of what may not be here, by the member of a team that names it."""


@dataclass(frozen=True, slots=True)
class Here:
    """What is here and in no file: people, which keys are stored, what is used of packs."""

    people: frozenset[str] = frozenset()
    api_keys: frozenset[Key] = frozenset()
    key_pairs: frozenset[Key] = frozenset()
    group_keys: frozenset[Key] = frozenset()
    used_tokens: Mapping[Key, int] = field(default_factory=dict)
    name_of_everyone: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What importing would do, in the order in which it is done."""

    steps: tuple[Step, ...]
    missing: tuple[Missing, ...] = ()
    problems: tuple[Problem, ...] = ()
    """What stands against it; then nothing can be done."""

    @property
    def to_do(self) -> tuple[Step, ...]:
        """The steps that do something."""
        return tuple(step for step in self.steps if step.verdict is not Verdict.SAME)

    @property
    def digest(self) -> str:
        """The same for the same plan, another one as soon as anything in it differs."""
        told = [[step.kind, step.key, step.before, step.after] for step in self.steps]
        missing = [[each.lack, each.name] for each in self.missing]
        return hashlib.sha256(as_text([told, missing]).encode()).hexdigest()


def plan(current: Configuration, wanted: Configuration, here: Here) -> Plan:
    """What has to be done so that `current` has all that `wanted` says."""
    now, asked = list(items(current)), list(items(wanted))
    known = _known([*now, *asked], here)
    ours = _ours(now, asked)
    found = sorted((_limited(step, known) for step in ours), key=lambda step: _ORDER[step.kind])
    missing = [
        *dict.fromkeys(_missing_keys(found, here)),
        *(each for step in ours for each in _lacks(step, known)),
    ]
    compared = [
        section.compared(_of(section.kind, asked), _of(section.kind, now), known)
        for section in sections.registered()
    ]
    return Plan(
        steps=(*found, *(step for each in compared for step in each.steps)),
        missing=(*missing, *(lack for each in compared for lack in each.missing)),
        problems=tuple(problem for each in compared for problem in each.problems),
    )


def _of(kind: str, parts: Iterable[Item]) -> list[Item]:
    return [item for item in parts if item.kind == kind]


def _known(parts: Iterable[Item], here: Here) -> Known:
    names: defaultdict[str, set[str]] = defaultdict(set)
    for item in parts:
        names[item.kind].add("/".join(item.key))
    return Known({**names, PERSON: here.people})


def _ours(now: Iterable[Item], asked: Iterable[Item]) -> list[Step]:
    """What becomes of the parts that are not of a section, each found by its key."""
    there = {(item.kind, item.key): item for item in now}
    return [_step(item, there.get((item.kind, item.key))) for item in asked if item.kind in _ORDER]


def is_kept_elsewhere(environment_kind: str, group: str) -> bool:
    """Whether a group is told by its environment and only mirrored here: every one of a CloudBase
    environment, and that of the embedded model, which each start of the server registers."""
    return environment_kind != LOCAL or group == group_names.MANAGED


def _step(item: Item, here: Item | None) -> Step:
    before = here.members if here is not None else None
    after = item.members
    if before is not None and item.kind is Kind.ABILITIES and _is_older(after, before):
        after = before
    return Step(item.kind, item.key, item.place, before, after)


def _is_older(one: Members, other: Members) -> bool:
    """Whether abilities were found before others."""
    times = (datetime.fromisoformat(members["tried_at"]) for members in (one, other))
    return next(times) < next(times)


# Teams name people, groups and models that may not be here


def _limited(step: Step, known: Known) -> Step:
    """A step of a team that adds who and what is known to whom and what it has."""
    if step.kind not in (Kind.TEAM, Kind.EVERYONE):
        return step
    after = dict(step.after)
    for name in _NAMED_BY_TEAMS.keys() & after.keys():
        kind, _lack = _NAMED_BY_TEAMS[name]
        has = (step.before or {}).get(name, ())
        after[name] = sorted({*has, *(each for each in after[name] if known.has(kind, each))})
    return Step(step.kind, step.key, step.place, step.before, after)


def _lacks(step: Step, known: Known) -> Iterator[Missing]:
    """What a step of a team names in vain."""
    if step.kind not in (Kind.TEAM, Kind.EVERYONE):
        return
    for name, (kind, lack) in _NAMED_BY_TEAMS.items():
        for number, each in enumerate(step.after.get(name, ())):
            if not known.has(kind, each):
                yield Missing(lack, each, f"{step.place}.{name}[{number}]")


# Keys are in no file


def _missing_keys(steps: Sequence[Step], here: Here) -> Iterator[Missing]:
    kinds = kinds_of(steps)
    for step in steps:
        if step.kind is Kind.ENVIRONMENT and kinds[step.key] != LOCAL:
            yield from _of_keys(step, Lack.API_KEY, here.api_keys)
            yield from _of_keys(step, Lack.KEY_PAIR, here.key_pairs)
        elif step.kind is Kind.GROUP and not is_kept_elsewhere(kinds[step.key[:1]], step.key[1]):
            yield from _of_keys(step, Lack.GROUP_KEY, here.group_keys)


def _of_keys(step: Step, lack: Lack, stored: Container[Key]) -> Iterator[Missing]:
    """That a key has to be entered, or that a stored one will go to another address."""
    name = "/".join(step.key)
    if step.key not in stored:
        yield Missing(lack, name, step.place)
    elif step.before is not None and not ADDRESSES.isdisjoint(step.changed):
        yield Missing(Lack.KEY_GOES_ELSEWHERE, name, step.place)


def kinds_of(steps: Iterable[Step]) -> dict[Key, str]:
    """The kind of every environment that the file names, empty where nothing says it."""
    environments = (step for step in steps if step.kind is Kind.ENVIRONMENT)
    return {step.key: str(step.result.get("kind", "")) for step in environments}

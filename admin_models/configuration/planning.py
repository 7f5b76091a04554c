"""What importing a file would do: a pure difference between what is here and what the file says.

Nothing is ever taken away: what the file does not name stays, and the people and models that a team
has here stay with it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import msgspec
from msgspec import UNSET

from chat.cloudbase import group_names

from .format import Configuration, Kind, Part
from .reading import TOP, Problem

Key = tuple[str, ...]
"""What a part is found by: the identities of the parts that hold it, and its own."""
Members = Mapping[str, Any]
"""As JSON holds them."""
LOCAL: Final = "local"
ADDRESSES: Final = frozenset({"base_url", "control_url", "region", "international"})
"""Members that say where requests go, with the keys that are stored."""
_ORDER: Final = {kind: number for number, kind in enumerate(Kind)}
_NOT_TOLD: Final = ("format", "version")


class Verdict(StrEnum):
    """What becomes of a part."""

    CREATE = "create"
    CHANGE = "change"
    SAME = "same"


class Lack(StrEnum):
    """What the file cannot bring."""

    API_KEY = "api_key"
    KEY_PAIR = "key_pair"
    GROUP_KEY = "group_key"
    PERSON = "person"
    GROUP = "group"
    MODEL = "model"
    KEY_GOES_ELSEWHERE = "key_goes_elsewhere"
    """It brings another address for a key that is stored here."""


@dataclass(frozen=True, slots=True)
class Item:
    """A part of a file with the members that are its own."""

    kind: Kind
    key: Key
    place: str
    members: Members


@dataclass(frozen=True, slots=True)
class Step:
    """What becomes of one part: `before` are its members here, None if it is not here; `after`
    those that the file gives it."""

    kind: Kind
    key: Key
    place: str
    before: Members | None
    after: Members

    @property
    def changed(self) -> tuple[str, ...]:
        """The members that will differ, in the order of the format."""
        before = self.before or {}
        return tuple(
            name
            for name, value in self.after.items()
            if name not in before or not are_same(before[name], value)
        )

    @property
    def verdict(self) -> Verdict:
        """What becomes of it."""
        if self.before is None:
            return Verdict.CREATE
        return Verdict.CHANGE if self.changed else Verdict.SAME

    @property
    def result(self) -> dict[str, Any]:
        """All its members as they will be."""
        return {**(self.before or {}), **self.after}


@dataclass(frozen=True, slots=True)
class Missing:
    """Something that a person has to see to; `place` says where the file names it."""

    lack: Lack
    name: str
    place: str


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
        return hashlib.sha256(_as_text([told, missing]).encode()).hexdigest()


def plan(current: Configuration, wanted: Configuration, here: Here) -> Plan:
    """What has to be done so that `current` has all that `wanted` says."""
    now = {(item.kind, item.key): item for item in items(current)}
    asked = list(items(wanted))
    steps = [_step(item, now.get((item.kind, item.key))) for item in asked]
    known = _Known.of([*now.values(), *asked], here)
    found = sorted(map(known.limited, steps), key=lambda step: _ORDER[step.kind])
    missing = [
        *dict.fromkeys(_missing_keys(found, here)),
        *(each for step in steps for each in known.lacks(step)),
    ]
    return Plan(tuple(found), tuple(missing))


def items(part: Part, place: str = TOP, above: Key = ()) -> Iterator[Item]:
    """A part and all that is within it."""
    key = (*above, *(str(msgspec.to_builtins(getattr(part, name))) for name in part.IDENTITY))
    apart = {*part.IDENTITY, *part.CHILDREN, *_NOT_TOLD}
    members = {
        name: msgspec.to_builtins(value)
        for name, value in msgspec.structs.asdict(part).items()
        if name not in apart and value is not UNSET
    }
    if part.KIND is not Kind.SITE or members:
        yield Item(part.KIND, key, place, members)
    for name in part.CHILDREN:
        match getattr(part, name):
            case list(children):
                for number, child in enumerate(children):
                    yield from items(child, f"{place}.{name}[{number}]", key)
            case Part() as child:
                yield from items(child, f"{place}.{name}", key)


def is_kept_elsewhere(environment_kind: str, group: str) -> bool:
    """Whether a group is told by its environment and only mirrored here: every one of a CloudBase
    environment, and that of the embedded model, which each start of the server registers."""
    return environment_kind != LOCAL or group == group_names.MANAGED


def are_same(one: Any, other: Any) -> bool:
    """Whether two values are the same JSON; `1`, `1.0` and `true` are not."""
    return _as_text(one) == _as_text(other)


def _as_text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


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


@dataclass(frozen=True, slots=True)
class _Known:
    """What a team can name, by the member that names it."""

    names: Mapping[str, Container[str]]

    @classmethod
    def of(cls, there: Iterable[Item], here: Here) -> _Known:
        named = {kind: {"/".join(i.key) for i in there if i.kind is kind} for kind in _NAMED}
        return cls(
            {"groups": named[Kind.GROUP], "models": named[Kind.MODEL], "members": here.people}
        )

    def limited(self, step: Step) -> Step:
        """A step of a team that adds who and what is known to whom and what it has."""
        if step.kind not in (Kind.TEAM, Kind.EVERYONE):
            return step
        after = dict(step.after)
        for name in self.names.keys() & after.keys():
            has = (step.before or {}).get(name, ())
            after[name] = sorted(
                {*has, *(each for each in after[name] if each in self.names[name])}
            )
        return Step(step.kind, step.key, step.place, step.before, after)

    def lacks(self, step: Step) -> Iterator[Missing]:
        """What a step of a team names in vain."""
        if step.kind not in (Kind.TEAM, Kind.EVERYONE):
            return
        for name, lack in _LACKS.items():
            for number, each in enumerate(step.after.get(name, ())):
                if each not in self.names[name]:
                    yield Missing(lack, each, f"{step.place}.{name}[{number}]")


_NAMED: Final = (Kind.GROUP, Kind.MODEL)
_LACKS: Final = {"members": Lack.PERSON, "groups": Lack.GROUP, "models": Lack.MODEL}


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

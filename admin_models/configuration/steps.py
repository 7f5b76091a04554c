"""The parts of a file one by one, and what becomes of each."""

from __future__ import annotations

import json
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import msgspec
from msgspec import UNSET

from .format import Kind, Part

TOP: Final = "$"
"""The place of the whole."""
Key = tuple[str, ...]
"""What a part is found by: the identities of the parts that hold it, and its own."""
Members = Mapping[str, Any]
"""As JSON holds them."""
PERSON: Final = "person"
"""What people are known as; they are no part of a file."""
_NOT_TOLD: Final = ("format", "version")


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, and where: a path such as `$.environments[0].name`, or a line and column."""

    place: str
    sentence: str


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
    NAMED = "named"
    """A part of a section names it, and is left out."""


@dataclass(frozen=True, slots=True)
class Item:
    """A part of a file with the members that are its own."""

    kind: str
    key: Key
    place: str
    members: Members


@dataclass(frozen=True, slots=True)
class Step:
    """What becomes of one part: `before` are its members here, None if it is not here; `after`
    those that the file gives it."""

    kind: str
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
class Known:
    """What parts can name, by its kind: what is here, and what the file brings."""

    names: Mapping[str, Container[str]]

    def has(self, kind: str, name: str) -> bool:
        """Whether there is, or will be, such a thing of this name."""
        return name in self.names.get(kind, ())


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


def are_same(one: Any, other: Any) -> bool:
    """Whether two values are the same JSON; `1`, `1.0` and `true` are not."""
    return as_text(one) == as_text(other)


def as_text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)

"""Reads a file: all that is wrong with its form, each with its place."""

from __future__ import annotations

import json
import math
import re
import types
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, lru_cache, reduce
from operator import or_
from typing import Any, Final, Literal, NoReturn, TypeVar, Union, get_args, get_origin

import msgspec
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from msgspec import Struct, UnsetType

from chat.cloudbase.errors import scrub

from . import secrets, sections
from .format import (
    FORMAT,
    VERSION,
    Amount,
    Configuration,
    GroupReference,
    ModelReference,
    Moment,
    in_order,
)
from .steps import TOP, Problem

S = TypeVar("S", bound=Struct)

_SHOWN_LENGTH: Final = 60
_CANNOT_BE_KEPT: Final = re.compile("[\0\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Reading:
    """What a file says; None if there are problems. One that has secrets is shown to nobody."""

    configuration: Configuration | None
    problems: tuple[Problem, ...] = ()
    has_secrets: bool = False


def read(text: str) -> Reading:
    """Read a file; never raises."""
    try:
        value = json.loads(
            text, object_pairs_hook=_Members.of_pairs, parse_constant=_refuse_constant
        )
    except json.JSONDecodeError as mistake:
        return _unreadable(text, _line_and_column(mistake), _json_mistake(mistake.msg))
    except RecursionError:
        return _unreadable(text, TOP, gettext("This is nested too deeply."))
    except ValueError:  # a number of thousands of digits, or NaN
        return _unreadable(text, TOP, gettext("A number in this file cannot be kept."))
    if refusal := _refusal_of_kind(value):
        return Reading(None, (refusal,), secrets.are_named_in(text))
    return _read_members(value)


def compact(text: str) -> str:
    """The same JSON without blanks between its parts; expects that it was read without problems."""
    return json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":"))


def _read_members(value: Any) -> Reading:
    reader = _Reader()
    found = list(_oddities(value, TOP))
    configuration = reader.struct(sections.whole(), value, TOP)
    secret = {problem.place for problem in found if problem.is_secret}
    problems = [Problem(each.place, each.sentence) for each in found]
    problems += [problem for problem in reader.problems if problem.place not in secret]
    return Reading(None if problems else configuration, tuple(problems), bool(secret))


def _unreadable(text: str, place: str, sentence: str) -> Reading:
    return Reading(None, (Problem(place, sentence),), secrets.are_named_in(text))


def _refusal_of_kind(value: Any) -> Problem | None:
    """Why the rest need not be looked at: it is something else, or of a later version."""
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        sentence = gettext('This is no configuration: it must say "format": "%(format)s".')
        return Problem(f"{TOP}.format", sentence % {"format": FORMAT})
    if (version := value.get("version")) != VERSION or isinstance(version, bool):
        sentence = gettext(
            "This installation reads version %(ours)s. Export the file with an installation of "
            "the same version as this one, or bring this one up to date."
        )
        return Problem(f"{TOP}.version", sentence % {"ours": VERSION})
    return None


# Places and words


def inside(place: str, name: str) -> str:
    """The place of a member."""
    return place + _step_to(name)


@lru_cache(1000)
def _step_to(name: str) -> str:
    shown = scrub(name)[:_SHOWN_LENGTH]
    return f".{shown}" if shown.isidentifier() else f"[{json.dumps(shown)}]"


def _line_and_column(mistake: json.JSONDecodeError) -> str:
    words = gettext("line %(line)s, column %(column)s")
    return words % {"line": mistake.lineno, "column": mistake.colno}


_JSON_MISTAKES: Final[Sequence[tuple[str, Promise]]] = (
    ("Expecting property name", _('A member name in double quotes is expected, or a "}".')),
    ("Expecting ':'", _('A ":" is expected after the name of a member.')),
    ("Expecting ','", _('A "," is expected, or the end of the list or object.')),
    ("Expecting value", _("A value is expected.")),
    ("Unterminated string", _("A text begins here that does not end.")),
    ("Invalid control", _("A line break or another control character stands within a text.")),
    ("Invalid \\", _("A backslash is followed by something that it cannot introduce.")),
    ("Extra data", _("The file should end here, and goes on.")),
    ("Illegal trailing comma", _("There is a comma too many.")),
    ("Unexpected UTF-8 BOM", _("The text begins with a byte order mark; remove it.")),
)


def _json_mistake(message: str) -> str:
    found = (words for start, words in _JSON_MISTAKES if message.startswith(start))
    return str(next(found, _("This cannot be read as JSON.")))


# What no member may be


class _Members(dict[str, Any]):
    """An object of JSON that knows which of its names were there twice."""

    repeated: frozenset[str] = frozenset()

    @classmethod
    def of_pairs(cls, pairs: list[tuple[str, Any]]) -> _Members:
        members = cls(pairs)
        if len(members) < len(pairs):
            names = [name for name, _value in pairs]
            members.repeated = frozenset(name for name in members if names.count(name) > 1)
        return members


def _refuse_constant(_name: str) -> NoReturn:
    raise ValueError("NaN and Infinity are no JSON")


@dataclass(frozen=True, slots=True)
class _Oddity:
    place: str
    sentence: str
    is_secret: bool = False


def _oddities(value: Any, place: str) -> Iterator[_Oddity]:
    """What is wrong anywhere in a file, whatever the member is for."""
    if isinstance(value, _Members):
        for name, inner in value.items():
            yield from _oddities_of_member(value, name, inner, inside(place, name))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _oddities(inner, f"{place}[{number}]")
    elif isinstance(value, str) and not _can_be_kept(value):
        yield _Oddity(place, gettext("This text has a character in it that cannot be kept."))
    elif isinstance(value, float) and not math.isfinite(value):
        yield _Oddity(place, gettext("This number is too large."))


def _oddities_of_member(members: _Members, name: str, value: Any, place: str) -> Iterator[_Oddity]:
    if secrets.holds(name, value):
        sentence = gettext(
            "This looks like a secret. A configuration carries none: leave it out, and enter it "
            "on the page of what it belongs to."
        )
        yield _Oddity(place, sentence, is_secret=True)
        return
    if name in members.repeated:
        yield _Oddity(place, gettext("This member is there twice."))
    if not _can_be_kept(name):
        yield _Oddity(place, gettext("This text has a character in it that cannot be kept."))
    yield from _oddities(value, place)


def _can_be_kept(text: str) -> bool:
    """Whether every database has room for it: no NUL, no half of a surrogate pair."""
    return _CANNOT_BE_KEPT.search(text) is None


# What each member must be

_EXPECTED: Final[dict[Any, Promise]] = {
    str: _("text"),
    bool: _("true or false"),
    bool | None: _("true, false or null"),
    int: _("a whole number"),
    int | None: _("a whole number or null"),
    list[str]: _("a list of texts"),
    dict[str, Any]: _("an object, for example {}"),
    Moment: _('a time with its zone, for example "2026-01-31T12:00:00Z"'),
    Moment | None: _('a time with its zone, for example "2026-01-31T12:00:00Z", or null'),
    Amount: _('an amount as text, for example "1.25"'),
    Amount | None: _('an amount as text, for example "1.25", or null'),
    ModelReference: _('text such as "local/custom-lab/lab-7b"'),
    list[ModelReference]: _('a list of texts such as "local/custom-lab/lab-7b"'),
    list[GroupReference]: _('a list of texts such as "local/custom-lab"'),
}


@dataclass(slots=True)
class _Reader:
    """Makes structs from JSON and goes on after a problem, unlike msgspec itself."""

    problems: list[Problem] = field(default_factory=list)

    def struct(self, kind: type[S], value: Any, place: str) -> S | None:
        """Read an object; None if something in it is wrong, which is noted."""
        if not isinstance(value, dict):
            self._note(place, _expected(_("an object, for example {}"), value))
            return None
        known = _members_of(kind)
        before = len(self.problems)
        for name in value.keys() - known.keys():
            self._note(inside(place, name), gettext("This version knows no such member here."))
        for name, each in known.items():
            if each.required and name not in value:
                self._note(place, gettext('The member "%(name)s" is missing.') % {"name": name})
        found = {
            name: self._value(known[name].type, value[name], inside(place, name))
            for name in known
            if name in value
        }
        return kind(**found) if len(self.problems) == before else None

    def _value(self, kind: Any, value: Any, place: str) -> Any:
        if isinstance(kind, type) and issubclass(kind, Struct):
            return self.struct(kind, value, place)
        inner = get_args(kind)[0] if get_origin(kind) is list else None
        if isinstance(inner, type) and issubclass(inner, Struct):
            return self._structs(inner, value, place)
        return self._leaf(kind, value, place)

    def _structs(self, kind: type[S], value: Any, place: str) -> list[S | None]:
        if not isinstance(value, list):
            self._note(place, _expected(_("a list"), value))
            return []
        return [self.struct(kind, each, f"{place}[{number}]") for number, each in enumerate(value)]

    def _leaf(self, kind: Any, value: Any, place: str) -> Any:
        try:
            found = msgspec.convert(value, kind)
            if isinstance(found, datetime):
                return found.astimezone(UTC)
            return in_order(found)
        except (msgspec.ValidationError, OverflowError):
            self._note(place, _expected(_words_of(kind), value))
            return None

    def _note(self, place: str, sentence: str) -> None:
        self.problems.append(Problem(place, sentence))


@dataclass(frozen=True, slots=True)
class _Member:
    type: Any
    required: bool


@cache
def _members_of(kind: type[Struct]) -> dict[str, _Member]:
    """The members of an object and what they must be."""
    fields = msgspec.structs.fields(kind)
    return {each.name: _Member(_stripped(each.type), each.required) for each in fields}


def _stripped(kind: Any) -> Any:
    """A member's type without the possibility that it is left out."""
    if get_origin(kind) not in (Union, types.UnionType):
        return kind
    return reduce(or_, (each for each in get_args(kind) if each is not UnsetType))


def _words_of(kind: Any) -> str | Promise:
    if get_origin(kind) is Literal:
        return " | ".join(json.dumps(value) for value in get_args(kind))
    return _EXPECTED[kind]


def _expected(what: str | Promise, found: Any) -> str:
    sentence = gettext("Here should be %(expected)s; it is %(found)s.")
    return sentence % {"expected": what, "found": _name_of(found)}


def _name_of(value: Any) -> str:
    """What kind of value it is; never the value, which may be anything."""
    match value:
        case None:
            return "null"
        case bool():
            return json.dumps(value)
        case str():
            return gettext("text that is nothing of the kind")
        case int():
            return gettext("a whole number")
        case float():
            return gettext("a number with a fraction")
        case list():
            return gettext("a list")
    return gettext("an object")

"""What other apps keep in the file: each section is a list of parts, under a member of its own.

An app names its sections when it is ready (`admin_models.configuration.add_section`); this package
knows none of them, and loads them when the file is first asked for.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from types import GenericAlias
from typing import Any, ClassVar, cast

import msgspec
from django.db.models import Model
from django.utils.functional import Promise
from django.utils.module_loading import import_string

from admin_models import audit

from . import section_names
from .format import Configuration, Part
from .steps import Item, Known, Missing, Problem, Step


@dataclass(frozen=True, slots=True)
class Compared:
    """What importing a section would do."""

    steps: tuple[Step, ...]
    missing: tuple[Missing, ...] = ()
    problems: tuple[Problem, ...] = ()


class Section(ABC):
    """A list of parts that an app keeps. They are applied after all that is ours, section by
    section as these were named, so that they can name what the file brings."""

    member: ClassVar[str]
    """Of the file, at its top."""
    part: ClassVar[type[Part]]
    """What the list is made of; its kind is nobody else's."""
    title: ClassVar[Promise]
    tables: ClassVar[tuple[type[Model], ...]]
    """What the parts are made from; it stays as it is while a plan is made and carried out."""

    @property
    def kind(self) -> str:
        """Of the parts."""
        return self.part.KIND

    @abstractmethod
    def current(self) -> list[Part]:
        """The parts that are here, always in the same order; a constant number of queries."""

    @abstractmethod
    def compared(self, wanted: Sequence[Item], here: Sequence[Item], known: Known) -> Compared:
        """What has to be done so that all that is `wanted` is here; makes no query. Only what is
        `known` can be named."""

    @abstractmethod
    def write(self, actor: audit.Actor, steps: Sequence[Step]) -> None:
        """Do the steps, each of which does something, and record them; expects a transaction."""

    @abstractmethod
    def name(self, step: Step) -> str:
        """What people call the part that a step is about."""

    def label(self, member: str) -> str:
        """What the audit log calls a member."""
        return member


@cache
def registered() -> tuple[Section, ...]:
    """All sections, in the order in which they were named."""
    return tuple(import_string(name)() for name in section_names)


def of(kind: str) -> Section | None:
    """The section whose parts are of this kind; None: they are ours."""
    return next((section for section in registered() if section.kind == kind), None)


@cache
def whole() -> type[Configuration]:
    """The file as a whole, with all its sections."""
    lists = [_list_of(section) for section in registered()]
    made = msgspec.defstruct(
        "Configuration",
        lists,
        bases=(Configuration,),
        namespace={"CHILDREN": (*Configuration.CHILDREN, *(name for name, *_ in lists))},
        frozen=True,
        kw_only=True,
        forbid_unknown_fields=True,
    )
    return cast(type[Configuration], made)


def _list_of(section: Section) -> tuple[str, Any, list[Part]]:
    """Name, type and default of a member of the file."""
    return section.member, GenericAlias(list, (section.part,)), []

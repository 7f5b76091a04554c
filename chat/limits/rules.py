"""Which limits there are, and whom and what each concerns; kept for a second by each process."""

from __future__ import annotations

import hashlib
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from django.db.models import QuerySet

from admin_models.models import AIModel, Team
from chat.models import Limit, Usage

KEPT: Final = 1.0
"""Seconds for which a process relies on what it read: as long as a change may take to reach it."""


@dataclass(frozen=True, slots=True)
class Use:
    """Who uses what. Names and not references, as the ledger has them."""

    user_pk: int | None
    env_id: str
    group: str
    model: str


def use_of(user_pk: int, model: AIModel) -> Use:
    """A person and a model with `group__environment` loaded."""
    return Use(user_pk, model.group.environment.env_id, model.group.name, model.name)


@dataclass(frozen=True, slots=True)
class Rule:
    """A limit that is on, with everything loaded that it names."""

    limit: Limit
    people: frozenset[int] | None
    """None: everybody."""

    def concerns(self, use: Use) -> bool:
        """Whether `use` counts."""
        return (
            self._is_of_people(use.user_pk)
            and use.env_id == (self.env_id or use.env_id)
            and (self.model is None or self.model == (use.env_id, use.group, use.model))
        )

    def _is_of_people(self, user_pk: int | None) -> bool:
        if self.people is not None:
            return user_pk in self.people
        return user_pk is not None or not self.limit.is_each

    def person_pk(self, use: Use) -> int:
        """Whose counter `use` counts on; 0: that of all together."""
        return use.user_pk or 0 if self.limit.is_each else 0

    @property
    def env_id(self) -> str:
        """Of the environment that it is about; empty: all."""
        return self.limit.environment.env_id if self.limit.environment else ""

    @property
    def model(self) -> tuple[str, str, str] | None:
        """Environment, group and name of the model that it is about; None: all."""
        model = self.limit.model
        if model is None:
            return None
        return model.group.environment.env_id, model.group.name, model.name

    @property
    def version(self) -> str:
        """Another one if other rows count, or other parts of them."""
        people = None if self.people is None else sorted(self.people)
        counted = (self.limit.measure, self.limit.currency, people, self.env_id, self.model)
        return hashlib.sha256(repr(counted).encode()).hexdigest()[:32]


class _Known:
    """The rules as they were read at most `KEPT` seconds ago."""

    def __init__(self) -> None:
        self._rules: Sequence[Rule] = ()
        self._until = 0.0

    @property
    def are_known_to_be_none(self) -> bool:
        return not self._rules and time.monotonic() < self._until

    def current(self) -> Sequence[Rule]:
        if time.monotonic() >= self._until:
            self._rules = loaded(Limit.objects.filter(is_on=True))
            self._until = time.monotonic() + KEPT
        return self._rules

    def forget(self) -> None:
        self._until = 0.0


_known = _Known()


def are_known_to_be_none() -> bool:
    """Whether there are no limits, as far as is known without asking the database."""
    return _known.are_known_to_be_none


def current() -> Sequence[Rule]:
    """Every limit that is on; two queries at most every `KEPT` seconds."""
    return _known.current()


def forget() -> None:
    """Ask again at once, in this process; for whoever changed something."""
    _known.forget()


def loaded(limits: QuerySet[Limit]) -> Sequence[Rule]:
    """The rules of `limits`; one query, and another one if any names a team."""
    named = ("person", "team", "environment", "model__group__environment")
    rows = list(limits.select_related(*named))
    members = _members({row.team_id for row in rows if row.team_id})
    return tuple(Rule(row, _people(row, members)) for row in rows)


def _people(limit: Limit, members: Mapping[int, set[int]]) -> frozenset[int] | None:
    """Whom it concerns: a person who is named counts only as a member of the team named too."""
    team = None
    if limit.team is not None and not limit.team.is_everyone:
        team = frozenset(members[limit.team.pk])
    if limit.person_id is None:
        return team
    person = frozenset({limit.person_id})
    return person if team is None else person & team


def _members(teams: set[int]) -> Mapping[int, set[int]]:
    members: defaultdict[int, set[int]] = defaultdict(set)
    if teams:
        rows = Team.members.through.objects.filter(team__in=teams)
        for team, user in rows.values_list("team_id", "user_id"):
            members[team].add(user)
    return members


def use_of_row(row: Usage) -> Use:
    """Who used what by the ledger row `row`."""
    return Use(row.user_id, row.env_id, row.group_name, row.requested_model)

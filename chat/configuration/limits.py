"""Limits in the file. They have no names: one is found by all that it says, or else by whom and
what it is for; where that leaves a choice, nothing is guessed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import msgspec
from django import forms
from django.conf import settings
from django.contrib.auth.models import User
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from msgspec import UNSET, UnsetType

from admin_models import audit
from admin_models.configuration.format import Amount, Kind, ModelReference, Part, plain
from admin_models.configuration.reading import inside
from admin_models.configuration.sections import Compared, Section
from admin_models.configuration.steps import (
    PERSON,
    Item,
    Known,
    Lack,
    Members,
    Missing,
    Problem,
    Step,
)
from admin_models.models import AIModel, Environment, ModelGroup, Team
from chat.forms.limits import LimitForm
from chat.limits import words
from chat.limits.words import Facts
from chat.models import Limit

Rows = Mapping[str, Callable[[str], Any]]
"""What finds, or makes, the row of a name, by the member that names it."""
_KINDS: Final[Mapping[str, str]] = {
    "person": PERSON,
    "team": Kind.TEAM,
    "environment": Kind.ENVIRONMENT,
    "model": Kind.MODEL,
}
"""What a limit can be for, by the member that names it."""
_OF_THE_SAME: Final = ("amount", "zone", "enabled")
"""Members that may differ between a limit here and what a file makes of it."""
_FIELDS: Final[Mapping[str, str]] = {"each": "is_each", "hard": "is_hard", "enabled": "is_on"}
"""What the form and the table call members that have another name there."""


class LimitPart(Part, frozen=True, kw_only=True):
    """A limit; what it does not name does not narrow it."""

    KIND = "limit"
    IDENTITY = ()

    measure: str
    amount: Amount
    currency: str = ""
    period: str = ""
    zone: str | UnsetType = UNSET
    person: str | UnsetType = UNSET
    team: str | UnsetType = UNSET
    environment: str | UnsetType = UNSET
    model: ModelReference | UnsetType = UNSET
    each: bool = True
    hard: bool = True
    enabled: bool | UnsetType = UNSET


class Limits(Section):
    """All limits of this installation."""

    member = "limits"
    part = LimitPart
    title = _("Limits")
    tables = (Limit,)

    def current(self) -> list[Part]:
        """Of several that say the same, one."""
        return sorted({part_of(limit) for limit in _stored()}, key=msgspec.json.encode)

    def compared(self, wanted: Sequence[Item], here: Sequence[Item], known: Known) -> Compared:
        """By the rules of the page; a limit for somebody or something unknown is left out."""
        told: list[Item] = []
        missing: list[Missing] = []
        problems: list[Problem] = []
        for item in wanted:
            form = FormOfFile(Limit(), item.members, _MADE_UP)
            lacks = list(_lacks(item, known))
            missing += lacks
            if not form.is_valid():
                problems += _problems(item, form)
            elif not lacks:
                told.append(replace(item, members=_as_kept(item, form)))
        steps = list(_paired(told, here))
        problems += [each for each in steps if isinstance(each, Problem)]
        found = tuple(each for each in steps if isinstance(each, Step))
        return Compared(found, tuple(missing), tuple(problems))

    def write(self, actor: audit.Actor, steps: Sequence[Step]) -> None:
        """As the page does."""
        if not steps:
            return
        rows, there = _rows_here(), [(_members(part_of(each)), each) for each in _stored()]
        for step in steps:
            same = (row for members, row in there if members == step.before)
            form = FormOfFile(next(same, None) or Limit(), step.result, rows)
            if not form.is_valid():  # it was, when the plan was made
                raise ValueError(f"{step.place}: {form.errors.as_json()}")
            form.keep(actor)

    def name(self, step: Step) -> str:
        """As it is called everywhere."""
        said = step.before or step.after
        return words.phrase(
            Facts(
                measure=said["measure"],
                amount=said["amount"],
                currency=said["currency"],
                period=said["period"],
                is_each=said["each"],
                **{name: said.get(name, "") for name in _KINDS},
            )
        )

    def label(self, member: str) -> str:
        """As in the table."""
        return _FIELDS.get(member, member)


class FormOfFile(LimitForm):
    """The form of the page, filled in by what a file says, with names for rows."""

    def __init__(self, limit: Limit, members: Members, rows: Rows) -> None:
        super().__init__(limit, _typed(members))
        limit.is_on = members.get("enabled", limit.is_on)
        for name, find in rows.items():
            self.fields[name] = _Named(find)


class _Named(forms.Field):
    """The row of a name."""

    def __init__(self, find: Callable[[str], Any]) -> None:
        super().__init__(required=False)
        self._find = find

    def to_python(self, value: Any) -> Any:
        return self._find(value) if value else None


def part_of(limit: Limit) -> LimitPart:
    """A limit with all that it names loaded, as a file says it."""
    facts = words.facts_of(limit)
    return LimitPart(
        measure=limit.measure,
        amount=plain(facts.amount),
        currency=limit.currency,
        period=limit.period,
        zone=limit.zone,
        person=facts.person or UNSET,
        team=facts.team or UNSET,
        environment=limit.environment.env_id if limit.environment else UNSET,
        model=_reference(limit.model) if limit.model else UNSET,
        each=limit.is_each or limit.person is not None,
        hard=limit.is_hard,
        enabled=limit.is_on,
    )


def _members(part: LimitPart) -> dict[str, Any]:
    members: dict[str, Any] = msgspec.to_builtins(part)
    return members


def _reference(model: AIModel) -> str:
    return f"{model.group.environment.env_id}/{model.group.name}/{model.name}"


# What a file says


def _typed(members: Members) -> dict[str, Any]:
    """As somebody would have typed it into the page."""
    typed = {"zone": settings.TIME_ZONE, **members}
    for name in ("each", "hard"):
        typed[_FIELDS[name]] = "yes" if typed.pop(name) else "no"
    return typed


def _lacks(item: Item, known: Known) -> Iterator[Missing]:
    for member, kind in _KINDS.items():
        name = item.members.get(member)
        if name and not known.has(kind, name):
            yield Missing(Lack.NAMED, name, inside(item.place, member))


def _problems(item: Item, form: LimitForm) -> Iterator[Problem]:
    names = {field: member for member, field in _FIELDS.items()}
    for field, sentences in form.errors.items():
        place = inside(item.place, names.get(field, field))
        yield Problem(place, " ".join(map(str, sentences)))


def _as_kept(item: Item, form: LimitForm) -> dict[str, Any]:
    """What the limit would be, but for what the file leaves out and what is here may have."""
    members = _members(part_of(form.filled_in()))
    return {
        name: value
        for name, value in members.items()
        if name in item.members or name not in _OF_THE_SAME
    }


def _paired(wanted: Sequence[Item], here: Sequence[Item]) -> Iterator[Step | Problem]:
    there = _by_scope(here)
    for scope, items in _by_scope(wanted).items():
        yield from _paired_in_scope(items, there.get(scope, []))


def _by_scope(limits: Sequence[Item]) -> dict[tuple[Any, ...], list[Item]]:
    """Limits that are for the same together: they differ only in what may become another."""
    found: defaultdict[tuple[Any, ...], list[Item]] = defaultdict(list)
    for item in limits:
        scope = ((n, value) for n, value in item.members.items() if n not in _OF_THE_SAME)
        found[tuple(scope)].append(item)
    return found


def _paired_in_scope(wanted: Sequence[Item], here: Sequence[Item]) -> Iterator[Step | Problem]:
    """What is here already stays. Of the rest, one becomes another if there is only one of each;
    more of them could be mistaken for each other."""
    same = [next((each for each in here if _says(each, item)), None) for item in wanted]
    left = [each for each in here if each not in same]
    for item, found in zip(wanted, same, strict=True):
        if found or not left:
            yield _step(item, found)
        elif len(left) == same.count(None) == 1:
            yield _step(item, left[0])
        else:
            yield Problem(item.place, _not_certain())


def _not_certain() -> str:
    return gettext(
        "Several limits are for the same, here or in the file, and it cannot be told which becomes "
        "which. Change them on their page."
    )


def _step(item: Item, here: Item | None) -> Step:
    key = tuple(f"{name}={value}" for name, value in item.members.items())
    return Step(item.kind, key, item.place, here.members if here else None, item.members)


def _says(here: Item, wanted: Item) -> bool:
    return here.members.items() >= wanted.members.items()


# What a limit names


def _model_named(name: str) -> AIModel:
    env_id, group, model = name.split("/", 2)
    return AIModel(name=model, group=ModelGroup(name=group, environment=Environment(env_id=env_id)))


_MADE_UP: Final[Rows] = {
    "person": lambda name: User(username=name),
    "team": lambda name: Team(name=name),
    "environment": lambda name: Environment(env_id=name),
    "model": _model_named,
}
"""Rows that need not be there, for the rules alone."""


def _rows_here() -> Rows:
    """The rows of this installation; a query for each kind."""
    models = AIModel.objects.select_related("group__environment")
    return {
        "person": {row.get_username(): row for row in User.objects.all()}.__getitem__,
        "team": {row.name: row for row in Team.objects.filter(is_everyone=False)}.__getitem__,
        "environment": {row.env_id: row for row in Environment.objects.all()}.__getitem__,
        "model": {_reference(row): row for row in models}.__getitem__,
    }


def _stored() -> list[Limit]:
    named = ("person", "team", "environment", "model__group__environment")
    return list(Limit.objects.select_related(*named))

"""The board: every environment with its groups and models, and how ready each is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Final
from urllib.parse import quote_plus, urlencode

from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _

from admin_models.models import AIModel, Environment
from admin_models.preflight import gate, rules, seeing
from admin_models.preflight.case import Terms
from admin_models.preflight.checks import Check, State, Step, Verdict
from admin_models.preflight.facts import Facts
from admin_models.showing import words

COLUMNS: Final = (
    (_("Paid for"), (Step.GROWTH_PLAN, Step.CHANNEL, Step.TOKEN_PACK, Step.RESOURCE_PLAN)),
    (_("Group"), (Step.GROUP_EXISTS, Step.GROUP_ON)),
    (_("Model is on"), (Step.MODEL_LISTED,)),
    (_("Real call"), (Step.CALL,)),
)
"""What the board shows of each model, and which checks each column sums up."""
_WORST: Final = (State.NOT_OK, State.UNKNOWN, State.WAITING, State.OK, State.SKIPPED)


_CELL: Final = (
    '<td data-state="{}" data-column="{}" title="{}">'
    '<span class="dot"></span>{}<small>{}</small></td>'
)
"""A column of a model. Not a template: a board has thousands."""


@dataclass(frozen=True, slots=True)
class Line:
    """A model on the board."""

    name: str
    url: str
    state: str
    state_label: str
    reason: str
    cells: SafeString
    """Its columns, as a piece of page."""


@dataclass(frozen=True, slots=True)
class Section:
    """An environment on the board, with the lines of its groups by name."""

    environment: Environment
    groups: tuple[tuple[str, tuple[Line, ...]], ...]
    ready: int
    total: int
    checked: str
    problem: str
    can_be_asked: bool
    is_checking: bool
    columns: tuple[str, ...]

    @property
    def width(self) -> int:
        """How many columns the table has: the model, the checks, and what they come to."""
        return len(self.columns) + 2


def sections(
    environments: Iterable[Environment], checking: frozenset[int] = frozenset()
) -> list[Section]:
    """All that is stored of the environments, judged now, in a constant number of queries."""
    rows = list(environments)
    facts = seeing.facts_of_all(rows)
    models = _models_of(rows)
    terms = gate.terms()
    return [
        _section(row, facts[row.pk], models[row.pk], terms, is_checking=row.pk in checking)
        for row in rows
    ]


def html_of(section: Section, *, may_change: bool) -> str:
    """The piece of page that a socket sends to somebody who may change what it shows, or may not;
    the page includes the same."""
    context = {"section": section, "may_change": may_change}
    return render_to_string("admin_models/_environment.html", context)


def _models_of(environments: Sequence[Environment]) -> defaultdict[int, list[AIModel]]:
    found: defaultdict[int, list[AIModel]] = defaultdict(list)
    rows = AIModel.objects.filter(group__environment__in=environments)
    for model in (
        rows.only("name", "group").prefetch_related("group").order_by("group__name", "name")
    ):
        found[model.group.environment_id].append(model)
    return found


def _section(
    environment: Environment,
    facts: Facts,
    models: Sequence[AIModel],
    terms: Terms,
    *,
    is_checking: bool,
) -> Section:
    cells = _Cells()
    groups = [
        (group.name, tuple(_lines(list(rows), facts, terms, cells)))
        for group, rows in groupby(models, lambda model: model.group)
    ]
    lines = [line for _name, group in groups for line in group]
    return Section(
        environment=environment,
        groups=tuple(groups),
        ready=sum(line.state == State.OK for line in lines),
        total=len(lines),
        checked=words.age_of(_last_seen(facts)),
        problem=_problem(facts),
        can_be_asked=not facts.is_local and facts.has_cloud_keys,
        is_checking=is_checking,
        columns=tuple(str(title) for title, _steps in COLUMNS),
    )


def _lines(models: Sequence[AIModel], facts: Facts, terms: Terms, cells: _Cells) -> Iterator[Line]:
    """The lines of one group."""
    group = models[0].group
    page = reverse("environment_preflight", args=[group.environment_id])
    of_group = f"{page}?{urlencode({'group': group.name})}&model="
    labels = {state: str(label) for state, label in words.READINESS.items()}
    for model in models:
        verdict = rules.verdict(facts, gate.subject_of(model), terms)
        in_the_way = verdict.in_the_way
        state = in_the_way.state if in_the_way else State.OK
        yield Line(
            name=model.name,
            url=of_group + quote_plus(model.name),
            state=str(state),
            state_label=labels[state],
            reason=words.sentence_of(in_the_way) if in_the_way else "",
            cells=cells.of(verdict),
        )


class _Cells:
    """The columns of models as pieces of page; what many models have in common is written once."""

    def __init__(self) -> None:
        self._columns = tuple((str(title), steps) for title, steps in COLUMNS)
        self._written: dict[tuple[object, ...], SafeString] = {}

    def of(self, verdict: Verdict) -> SafeString:
        """All columns of a model, each with the worst of its checks."""
        checks = verdict.checks
        return mark_safe(  # noqa: S308  # pieces that were escaped one by one
            "".join(
                self._cell(title, [check for check in checks if check.step in steps])
                for title, steps in self._columns
            )
        )

    def _cell(self, column: str, checks: Sequence[Check]) -> SafeString:
        if not checks:
            return self._once(column, State.SKIPPED, None)
        if len(checks) == 1:
            return self._once(column, checks[0].state, checks[0])
        worst = min(checks, key=lambda check: _WORST.index(_weighed(check)))
        return self._once(column, _weighed(worst), worst)

    def _once(self, column: str, state: State, check: Check | None) -> SafeString:
        at = check.evidence.at if check and check.evidence else None
        said = (check.sentence, *check.params.items()) if check else ()
        key = (column, state, at, said)
        if key not in self._written:
            sentence = words.sentence_of(check) if check else ""
            label, age = words.STATES[state], words.age_of(at)
            self._written[key] = format_html(_CELL, state, column, sentence, label, age)
        return self._written[key]


def _weighed(check: Check) -> State:
    """What keeps nothing from being called does not count against it."""
    return State.SKIPPED if check.is_passed and check.state is not State.OK else check.state


def _last_seen(facts: Facts) -> datetime | None:
    """When the groups of an environment were seen last; ours are always as they are."""
    return None if facts.is_local else facts.groups.at


def _problem(facts: Facts) -> str:
    """Why nothing newer is known, if the last question failed."""
    failure = facts.groups.failure
    if failure is None:
        return ""
    return words.said_by(failure.code, failure.error.get("params") or {})

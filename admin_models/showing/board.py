"""The board: every environment with its groups and models, and how ready each is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlencode

from django.template.loader import render_to_string
from django.urls import reverse
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


@dataclass(frozen=True, slots=True)
class Cell:
    """A column of a model: the worst of its checks, what it says and how old it is."""

    column: str
    state: str
    state_label: str
    sentence: str
    age: str


@dataclass(frozen=True, slots=True)
class Line:
    """A model on the board."""

    name: str
    url: str
    state: str
    state_label: str
    reason: str
    cells: tuple[Cell, ...]


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


def html_of(section: Section) -> str:
    """The piece of page that a socket sends; the page includes the same."""
    return render_to_string("admin_models/_environment.html", {"section": section})


def _models_of(environments: Sequence[Environment]) -> defaultdict[int, list[AIModel]]:
    found: defaultdict[int, list[AIModel]] = defaultdict(list)
    rows = AIModel.objects.filter(group__environment__in=environments)
    for model in rows.select_related("group").order_by("group__name", "name"):
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
    groups: defaultdict[str, list[Line]] = defaultdict(list)
    page = reverse("environment_preflight", args=[environment.pk])
    for model in models:
        verdict = rules.verdict(facts, gate.subject_of(model), terms)
        groups[model.group.name].append(_line(model, verdict, page))
    lines = [line for group in groups.values() for line in group]
    return Section(
        environment=environment,
        groups=tuple((name, tuple(group)) for name, group in groups.items()),
        ready=sum(line.state == State.OK for line in lines),
        total=len(lines),
        checked=words.age_of(_last_seen(facts)),
        problem=_problem(facts),
        can_be_asked=not facts.is_local and facts.has_cloud_keys,
        is_checking=is_checking,
        columns=tuple(str(title) for title, _steps in COLUMNS),
    )


def _line(model: AIModel, verdict: Verdict, page: str) -> Line:
    in_the_way = verdict.in_the_way
    query = urlencode({"group": model.group.name, "model": model.name})
    return Line(
        name=model.name,
        url=f"{page}?{query}",
        state=str(verdict.state),
        state_label=str(words.READINESS[verdict.state]),
        reason=words.sentence_of(in_the_way) if in_the_way else "",
        cells=tuple(_cell(str(title), steps, verdict) for title, steps in COLUMNS),
    )


def _cell(column: str, steps: Sequence[Step], verdict: Verdict) -> Cell:
    checks = [check for check in verdict.checks if check.step in steps]
    if not checks:
        return Cell(column, str(State.SKIPPED), str(words.STATES[State.SKIPPED]), "", "")
    worst = min(checks, key=lambda check: _WORST.index(_weighed(check)))
    state = worst.state if len(checks) == 1 else _weighed(worst)
    return Cell(
        column=column,
        state=str(state),
        state_label=str(words.STATES[state]),
        sentence=words.sentence_of(worst),
        age=words.age_of(worst.evidence.at if worst.evidence else None),
    )


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

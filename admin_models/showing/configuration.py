"""A plan of an import as people read it: what is added, changed or left, and what is missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, Final

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from admin_models.configuration import rows, sections
from admin_models.configuration.format import Kind
from admin_models.configuration.planning import LOCAL, Plan
from admin_models.configuration.steps import Lack, Step, Verdict
from admin_models.showing import audit

TITLES: Final[Mapping[str, Promise]] = {
    Kind.ENVIRONMENT: _("Environments"),
    Kind.SITE: _("Default environment"),
    Kind.PACK: _("Token packs"),
    Kind.GROUP: _("Groups"),
    Kind.MODEL: _("Models"),
    Kind.PRICE: _("Prices"),
    Kind.EVERYONE: _("What everyone may use"),
    Kind.TEAM: _("Teams"),
    Kind.ABILITIES: _("What models were seen to do"),
}
VERDICTS: Final[Mapping[Verdict, tuple[str, Promise]]] = {
    Verdict.CREATE: ("ok", pgettext_lazy("import", "is added")),
    Verdict.CHANGE: ("unknown", pgettext_lazy("import", "is changed")),
    Verdict.SAME: ("skipped", pgettext_lazy("import", "stays as it is")),
}
"""The tone and the words of each."""
LACKS: Final[Mapping[Lack, Promise]] = {
    Lack.API_KEY: _("API keys have to be entered for these environments:"),
    Lack.KEY_PAIR: _(
        "The secret id and key have to be entered for these environments, if their management "
        "shall be used:"
    ),
    Lack.GROUP_KEY: _("API keys have to be entered for these groups, if their endpoints want one:"),
    Lack.KEY_GOES_ELSEWHERE: _(
        "A key is stored for these, and will be sent to another address from now on. Confirm only "
        "if you trust it:"
    ),
    Lack.PERSON: _("These people are not here, and are left out of their teams:"),
    Lack.GROUP: _("Teams name these groups, which are neither here nor in the file:"),
    Lack.MODEL: _("Teams name these models, which are neither here nor in the file:"),
    Lack.NAMED: _(
        "These are neither here nor in the file, and what is for them is left out. Import it again "
        "when they are here:"
    ),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One part of the file, and what happens to it."""

    name: str
    state: str
    state_label: str
    values: str
    """Of a new part all that is worth telling; nothing is before it."""
    rows: tuple[audit.Row, ...]
    """Of another one what changes."""


@dataclass(frozen=True, slots=True)
class Section:
    """All parts of one kind; of those that stay only the names."""

    title: str
    lines: tuple[Line, ...]
    same: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lacking:
    """Something that the file cannot bring; each name with the places where the file has it."""

    sentence: str
    names: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """A plan in words."""

    sections: tuple[Section, ...]
    missing: tuple[Lacking, ...]
    mirrored: tuple[str, ...]
    """Environments whose groups come from themselves."""
    added: int
    changed: int
    same: int

    @property
    def has_work(self) -> bool:
        """Whether there is anything to confirm."""
        return bool(self.added or self.changed)


def of(plan: Plan) -> Preview:
    """The plan in words, in the language that is active; makes no query."""
    verdicts = [step.verdict for step in plan.steps]
    return Preview(
        sections=tuple(_sections(plan.steps)),
        missing=tuple(_missing(plan)),
        mirrored=tuple(_mirrored(plan.steps)),
        added=verdicts.count(Verdict.CREATE),
        changed=verdicts.count(Verdict.CHANGE),
        same=verdicts.count(Verdict.SAME),
    )


def _sections(steps: Sequence[Step]) -> Iterator[Section]:
    for kind, found in groupby(steps, key=lambda step: step.kind):
        parts = list(found)
        yield Section(
            title=str(section.title if (section := sections.of(kind)) else TITLES[kind]),
            lines=tuple(_line(step) for step in parts if step.verdict is not Verdict.SAME),
            same=tuple(_name(step) for step in parts if step.verdict is Verdict.SAME),
        )


def _line(step: Step) -> Line:
    state, label = VERDICTS[step.verdict]
    rows_of = _rows(step)
    is_new = step.before is None
    return Line(
        name=_name(step),
        state=state,
        state_label=str(label),
        values=" · ".join(f"{row.name}: {', '.join(row.after)}" for row in rows_of if is_new),
        rows=() if is_new else rows_of,
    )


def _rows(step: Step) -> tuple[audit.Row, ...]:
    """What changes, without what was nothing and stays nothing."""
    before, after = step.before or {}, step.after
    told = [name for name in step.changed if before.get(name) or not _is_nothing(after[name])]
    return audit.rows(
        {_label(step, each): before[each] for each in told if each in before},
        {_label(step, each): after[each] for each in told},
    )


def _label(step: Step, member: str) -> str:
    """What the audit log calls a member, or else its table."""
    if section := sections.of(step.kind):
        return section.label(member)
    column = rows.column_of(step.kind, member)
    if column == "status":
        return "is_enabled"  # here it is true or false
    return column if column in audit.MEMBERS else str(rows.label(step.kind, member))


def _is_nothing(value: Any) -> bool:
    return value is None or value in ("", [], {})


def _moment(text: str) -> str:
    """A moment in the time zone of this installation; empty for any other text."""
    try:
        moment = datetime.fromisoformat(text) if text.endswith("Z") else None
    except ValueError:
        moment = None
    return f"{timezone.localtime(moment):%Y-%m-%d %H:%M:%S %Z}" if moment else ""


def _name(step: Step) -> str:
    """What a part is called; those above it come first."""
    if section := sections.of(step.kind):
        return section.name(step)
    if step.kind is Kind.EVERYONE:
        return gettext("Everyone")
    if step.kind is Kind.SITE:
        return gettext("New conversations begin with a model of")
    return " / ".join(_moment(part) or part for part in step.key)


def _missing(plan: Plan) -> Iterator[Lacking]:
    for lack, sentence in LACKS.items():
        names: dict[str, list[str]] = {}
        for each in plan.missing:
            if each.lack is lack:
                names.setdefault(each.name, []).append(each.place)
        if names:
            told = tuple((name, ", ".join(places)) for name, places in names.items())
            yield Lacking(str(sentence), told)


def _mirrored(steps: Iterable[Step]) -> Iterator[str]:
    for step in steps:
        if step.kind is Kind.ENVIRONMENT and step.result.get("kind") != LOCAL:
            yield step.key[0]

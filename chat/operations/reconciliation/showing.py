"""What was compared, as people read it: a line a day, and the sentences behind it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.functional import Promise
from django.utils.translation import gettext, pgettext
from django.utils.translation import gettext_lazy as _

from admin_models.models import Environment
from admin_models.showing import words
from admin_models.showing.figures import grouped
from chat.models import Reconciliation
from chat.operations.numbers import MINUS

from . import days, reasons
from .reasons import OF_A_TEST_CALL, Code, Reason, Side

BAR: Final = 100
"""Parts of the longest bar of a table."""
NOTHING: Final = "–"
SENTENCES: Final[Mapping[Code, Promise]] = {
    Code.ESTIMATED: _(
        "Tokens that were estimated here, as the service reported none: %(tokens)s. An estimate "
        "may be off either way."
    ),
    Code.UNKNOWN: _(
        "Requests whose tokens nobody knows: %(count)s. The ledger has none for them; the service "
        "may have."
    ),
    Code.BROKEN_OFF: _(
        "Answers that were stopped, interrupted or failed on the way: %(count)s. The service "
        "counts what it wrote, also what nobody read any more."
    ),
    Code.TEST_CALLS: _(
        "Test calls of preflight, which have no row in the ledger: %(count)s or more, of at most "
        "%(each)s tokens each."
    ),
    Code.HOUR_BEFORE: _(
        "Tokens used in the hour before the day began: %(tokens)s. The service may count that "
        "hour with this day."
    ),
    Code.OTHERS: _(
        "Other programs may use this environment: the ledger knows only what passed through here."
    ),
    Code.CACHED: _(
        "Tokens of questions that the service had in its cache: %(tokens)s. It may count them for "
        "less, or not at all."
    ),
    Code.GROWTH_PLAN: _(
        "Tokens of hunyuan-exp, which the growth plan pays for: %(tokens)s. The service may not "
        "list them."
    ),
    Code.LAST_HOUR: _(
        "Tokens used in the last hour of the day: %(tokens)s. The service may count them with the "
        "next day."
    ),
    Code.LATE: _(
        "The day has not been over for long, and the service may still be counting. It is "
        "compared again until its figures stand still."
    ),
    Code.UTC_DAY: _(
        "With days of UTC the difference would be smaller by %(tokens)s. The service's days are "
        "taken for those of UTC+8, which no page of the vendor confirms."
    ),
    Code.ROUNDED: _("The service tells its figure in units of %(tokens)s tokens."),
    Code.CORRECTIONS: _(
        "Corrections written into the ledger on this day: %(count)s. They may be about requests "
        "of other days."
    ),
    Code.CUSTOM: _(
        "Tokens of custom groups, which are left out: %(tokens)s. Their own services are paid for "
        "them."
    ),
    Code.REFUSED: _(
        "Answers that were refused here before a call was made: %(count)s. They count on neither "
        "side."
    ),
    Code.NOT_TOLD: _(
        "The service says nothing of models on this day: nothing was counted, or not yet."
    ),
    Code.NO_MODULES: _(
        "The service tells the resource points of everything in the environment and nothing of "
        "its models; points cannot be turned into tokens."
    ),
    Code.OTHER_UNITS: _(
        "The service tells its figure in a unit that is no number of tokens: see its answer."
    ),
}


@dataclass(frozen=True, slots=True)
class Line:
    """A day in the table; what is not known is a dash, and its bar is empty."""

    day: date
    state: str
    label: str
    ours: str
    theirs: str
    difference: str
    points: str
    our_bar: float
    their_bar: float
    is_settled: bool
    has_details: bool


@dataclass(frozen=True, slots=True)
class Section:
    """An environment: its days, and why there are none or no new ones."""

    name: str
    env_id: str
    lines: Sequence[Line]
    notice: str
    can_be_asked: bool
    compared: str
    """How long ago; empty if never."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A reason in words, and how much it accounts for at the most; empty if nobody can say."""

    text: str
    at_most: str


@dataclass(frozen=True, slots=True)
class Detail:
    """Everything about a day."""

    row: Reconciliation
    line: Line
    begin: datetime
    end: datetime
    figures: Sequence[tuple[str, str]]
    may_explain: Sequence[Sentence]
    to_be_known: Sequence[Sentence]
    unexplained: str
    error: str
    changes: Sequence[tuple[datetime | None, str, str]]
    answer: str


# The table


def sections() -> list[Section]:
    """Every CloudBase environment, and those that were removed and have days; two queries."""
    shown = days.shown(timezone.now())
    rows: dict[str, dict[date, Reconciliation]] = {}
    for row in Reconciliation.objects.filter(day__in=shown):
        rows.setdefault(row.env_id, {})[row.day] = row
    here = list(Environment.objects.filter(kind=Environment.Kind.CLOUDBASE))
    gone = sorted(rows.keys() - {environment.env_id for environment in here})
    return [
        *(_section(environment, rows.get(environment.env_id, {}), shown) for environment in here),
        *(_section_of_nobody(env_id, rows[env_id], shown) for env_id in gone),
    ]


def _section(
    environment: Environment, rows: Mapping[date, Reconciliation], shown: Sequence[date]
) -> Section:
    return Section(
        environment.name,
        environment.env_id,
        _lines(rows, shown) if rows else [],
        _notice(environment, rows.values()),
        environment.has_cloud_keys,
        words.age_of(
            max((row.compared_at for row in rows.values() if row.compared_at), default=None)
        ),
    )


def _section_of_nobody(
    env_id: str, rows: Mapping[date, Reconciliation], shown: Sequence[date]
) -> Section:
    notice = gettext("This environment was removed here; its days stay.")
    return Section(env_id, env_id, _lines(rows, shown), notice, can_be_asked=False, compared="")


def _notice(environment: Environment, rows: Iterable[Reconciliation]) -> str:
    """Why it was not compared, or not lately; empty if all is well."""
    if not environment.has_cloud_keys:
        return gettext("It has no cloud keys, without which it cannot be asked what was used.")
    last = max(rows, key=_asked_at, default=None)
    if last is not None and last.error:
        return gettext("It could not be asked (%(ago)s): %(reason)s") % {
            "ago": words.age_of(last.failed_at),
            "reason": _error(last),
        }
    if not environment.is_enabled:
        return gettext("It is switched off, and compared only when somebody asks for it.")
    return ""


def _asked_at(row: Reconciliation) -> datetime:
    moments = [moment for moment in (row.failed_at, row.compared_at) if moment is not None]
    return max(moments)


def _error(row: Reconciliation) -> str:
    if not row.error:
        return ""
    return words.said_by(row.error["code"], row.error.get("params") or {})


def _lines(rows: Mapping[date, Reconciliation], shown: Iterable[date]) -> list[Line]:
    figures = [figure for row in rows.values() for figure in (row.our_tokens, row.vendor_tokens)]
    longest = max((abs(figure) for figure in figures if figure is not None), default=0)
    return [_line(day, rows.get(day), longest) for day in shown]


def _line(day: date, row: Reconciliation | None, longest: int) -> Line:
    if row is None:
        label = pgettext("a day", "not compared yet")
        none = (NOTHING,) * 4
        return Line(day, "skipped", label, *none, 0, 0, is_settled=False, has_details=False)
    state, label = _verdict(row)
    return Line(
        day=day,
        state=state,
        label=label,
        ours=_number(row.our_tokens),
        theirs=_number(row.vendor_tokens),
        difference=_difference(row),
        points=_number(row.vendor_points),
        our_bar=_bar(row.our_tokens, longest),
        their_bar=_bar(row.vendor_tokens, longest),
        is_settled=row.is_settled,
        has_details=True,
    )


def _verdict(row: Reconciliation) -> tuple[str, str]:
    """The state of a check that the comparison resembles, and its name."""
    if row.compared_at is None:
        return "not_ok", pgettext("a comparison", "no answer")
    if row.difference is None:
        return "unknown", pgettext("a comparison", "not told")
    if row.difference == 0:
        return "ok", pgettext("a comparison", "equal")
    known = reasons.stored(row.reasons)
    if row.difference < 0 and any(reason.code == Code.LATE for reason in known):
        return "waiting", pgettext("a comparison", "may still be counted")
    if reasons.unexplained(row.difference, known):
        return "not_ok", pgettext("a comparison", "unexplained")
    return "unknown", pgettext("a comparison", "can be explained")


def _difference(row: Reconciliation) -> str:
    """With its sign and, where there is something to compare it with, in percent."""
    if row.difference is None:
        return NOTHING
    sign = "+" if row.difference > 0 else MINUS if row.difference else ""
    shown = f"{sign}{grouped(abs(row.difference))}"
    if not row.our_tokens or not row.difference:
        return shown
    return f"{shown} ({sign}{abs(100 * row.difference / row.our_tokens):.1f} %)"


def _number(number: float | None) -> str:
    return NOTHING if number is None else grouped(number)


def _bar(tokens: int | None, longest: int) -> float:
    return round(BAR * max(0, tokens) / longest, 1) if tokens and longest else 0


# A day


def detail(row: Reconciliation) -> Detail:
    """Everything that is known of a day; makes no query."""
    begin, end = days.moments(row.day)
    known = reasons.stored(row.reasons)
    left = reasons.unexplained(row.difference, known) if row.difference else 0
    return Detail(
        row=row,
        line=_line(row.day, row, 0),
        begin=begin,
        end=end,
        figures=_figures(row),
        may_explain=_explaining(row, known),
        to_be_known=[_sentence(reason) for reason in known if reason.side == Side.NEITHER],
        unexplained=grouped(left) if left else "",
        error=_error(row),
        changes=[
            (
                parse_datetime(change["at"]),
                _number(change["our_tokens"]),
                _number(change["vendor_tokens"]),
            )
            for change in row.changes
        ],
        answer=json.dumps(row.vendor, indent=2, ensure_ascii=False) if row.vendor else "",
    )


def _explaining(row: Reconciliation, known: Iterable[Reason]) -> list[Sentence]:
    """What can account for a difference of this direction; of both if there is no figure."""
    if row.difference == 0:
        return []
    side = Side.SERVICE if (row.difference or 0) > 0 else Side.LEDGER
    sides = {side, Side.EITHER} if row.difference else set(Side) - {Side.NEITHER}
    return [_sentence(reason) for reason in known if reason.side in sides]


def _sentence(reason: Reason) -> Sentence:
    places = {
        "tokens": _number(reason.tokens),
        "count": _number(reason.count),
        "each": OF_A_TEST_CALL,
    }
    bounded = reason.tokens is not None and reason.side != Side.NEITHER
    return Sentence(str(SENTENCES[reason.code]) % places, _number(reason.tokens) if bounded else "")


def _figures(row: Reconciliation) -> list[tuple[str, str]]:
    ours = row.ours
    return [
        (gettext("Tokens in the ledger"), _number(row.our_tokens)),
        (gettext("of these estimated"), _number(ours.get("estimated"))),
        (gettext("Requests"), _number(ours.get("requests"))),
        (gettext("Tokens that the service counted"), _number(row.vendor_tokens)),
        (gettext("Resource points of its models"), _number(row.vendor_points)),
        (
            gettext("Resource points of everything in the environment"),
            _number(row.environment_points),
        ),
        (gettext("Difference"), _difference(row)),
    ]

"""Rows of the ledger for people: page by page, and one with everything that is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from django.db.models import Prefetch, QuerySet
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext, gettext_lazy
from django.utils.translation import gettext_lazy as _

from admin_models.showing import words
from chat.figures import speeds
from chat.figures.speeds import Measure
from chat.ledger.corrections import standing
from chat.models import Usage
from chat.operations import numbers
from chat.rendering.fragments import STAGES

PAGE_LENGTH: Final = 50
"""Rows that a page shows."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DIGITS: Final = 18
"""More do not fit a row's number."""


@dataclass(frozen=True, slots=True)
class Line:
    """A row in a list."""

    row: Usage
    person: str
    tokens: str
    cost: str
    first_token: str
    rate: str


@dataclass(frozen=True, slots=True)
class Page:
    """Rows, and by what the address names those that come after them ("": there are none)."""

    lines: Sequence[Line]
    older: str


def page(found: QuerySet[Usage], before: str) -> Page:
    """The rows that come after the place `before`, which an earlier page named; the first ones for
    any other text. One query, whatever lies before."""
    if (place := _place(before)) is not None:
        at, pk = place
        found = found.filter(created_at__lte=at).exclude(created_at=at, pk__gte=pk)
    rows = list(found.select_related("user")[: PAGE_LENGTH + 1])
    shown = rows[:PAGE_LENGTH]
    older = _name_of(shown[-1]) if len(rows) > PAGE_LENGTH else ""
    return Page([_line(row) for row in shown], older)


def _name_of(row: Usage) -> str:
    return f"{(row.created_at - _EPOCH) // timedelta(microseconds=1)}-{row.pk}"


def _place(name: str) -> tuple[datetime, int] | None:
    at, _dash, pk = name.partition("-")
    if not all(part.isascii() and part.isdecimal() and len(part) <= _DIGITS for part in (at, pk)):
        return None
    try:
        return _EPOCH + timedelta(microseconds=int(at)), int(pk)
    except OverflowError:
        return None


def _line(row: Usage) -> Line:
    return Line(
        row=row,
        person=person_of(row),
        tokens=numbers.NONE if row.total_tokens is None else numbers.exact(row.total_tokens),
        cost=_cost_of(row),
        first_token=_first_token_of(row),
        rate=_rate_of(row),
    )


def person_of(row: Usage) -> str:
    """Whose a row is: a name, the number of an account that is gone, or nobody's."""
    if row.user is not None:
        return str(row.user.get_username())
    return f"#{row.user_id}" if row.user_id else numbers.NONE


def _cost_of(row: Usage) -> str:
    """In words where there is no figure: no price is not a price of nothing."""
    if not row.currency:
        return gettext("no price")
    if row.cost is None:
        return gettext("not known")
    return f"{numbers.money(row.cost)} {row.currency}"


def _first_token_of(row: Usage) -> str:
    value = row.first_token_seconds
    return numbers.NONE if value is None else numbers.seconds(value)


def _rate_of(row: Usage) -> str:
    measured = dict(
        speeds.measured(row.first_token_seconds, row.duration_seconds, row.completion_tokens)
    )
    value = measured.get(Measure.RATE)
    return numbers.NONE if value is None else numbers.rate(value)


# One row


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that a row says; what it `is_mono` is to be copied as it is."""

    label: str
    value: str
    is_mono: bool = False


@dataclass(frozen=True, slots=True)
class Shown:
    """All of a row, by topic, with what corrects it and what it comes to then."""

    row: Usage
    topics: Sequence[tuple[str, Sequence[Fact]]]
    corrections: Sequence[Line]
    standing: Sequence[Fact]
    sentence: str
    """What was wrong, if anything was."""


def whole() -> QuerySet[Usage]:
    """Rows with everything that `shown` needs. Two queries."""
    corrections = Usage.objects.select_related("user", "corrected_by").order_by("pk")
    return Usage.objects.select_related("user", "corrected_by", "corrects").prefetch_related(
        Prefetch("corrections", queryset=corrections)
    )


def shown(row: Usage) -> Shown:
    """A row that `whole` loaded, in words. One query for a row that was corrected."""
    corrections = list(row.corrections.all())
    return Shown(
        row=row,
        topics=[(str(title), _facts(row, names)) for title, names in _TOPICS],
        corrections=[_line(each) for each in corrections],
        standing=_standing(row) if corrections else [],
        sentence=words.said_of(row.error_code) if row.error_code else "",
    )


_TOPICS: Final[Sequence[tuple[Promise, Sequence[str]]]] = (
    (
        _("Request"),
        ("created_at", "kind", "user", "agent", "request_id", "conversation_id", "message_id",
         "step"),
    ),
    (
        _("Model"),
        ("environment_name", "env_id", "group_name", "requested_model", "answered_model"),
    ),
    (
        _("Tokens"),
        ("confidence", "prompt_tokens", "cached_tokens", "completion_tokens", "reasoning_tokens",
         "total_tokens", "units"),
    ),
    (_("Cost"), ("cost", "currency", "input_price", "output_price", "cached_price")),
    (_("Time"), ("first_token_seconds", "duration_seconds", "rate")),
    (_("End"), ("final_status", "error_stage", "error_code")),
)  # fmt: skip
_LABELS: Final[Mapping[str, Promise]] = {
    "conversation_id": gettext_lazy("conversation (number)"),
    "message_id": gettext_lazy("answer (number)"),
    "rate": gettext_lazy("tokens a second"),
}
_CODES: Final = frozenset({"request_id", "env_id", "error_code"})
_PRICES: Final = frozenset({"input_price", "output_price", "cached_price"})


def _facts(row: Usage, names: Sequence[str]) -> list[Fact]:
    return [Fact(_label(name), _value(row, name), name in _CODES) for name in names]


def _label(name: str) -> str:
    names = {field.name: field.verbose_name for field in Usage._meta.concrete_fields}
    return str(_LABELS.get(name) or names[name])


def _value(row: Usage, name: str) -> str:
    """A member of a row in words."""
    match name:
        case "created_at":
            return f"{timezone.localtime(row.created_at):%Y-%m-%d %H:%M:%S}"
        case "user":
            return person_of(row)
        case "rate":
            return _rate_of(row)
        case "kind" | "confidence" | "final_status":
            return str(getattr(row, f"get_{name}_display")())
        case "error_stage":
            return str(STAGES.get(row.error_stage, row.error_stage)) or numbers.NONE
        case "cost":
            return numbers.exact(row.cost) if row.cost is not None else _cost_of(row)
        case "first_token_seconds" | "duration_seconds":
            value: float | None = getattr(row, name)
            return numbers.NONE if value is None else numbers.seconds(value)
    return _plain(getattr(row, name), is_price=name in _PRICES)


def _plain(value: str | int | Decimal | None, *, is_price: bool) -> str:
    if value is None or value == "":
        return numbers.NONE
    if isinstance(value, str):
        return value
    written = numbers.exact(value)
    return gettext("%(amount)s a million") % {"amount": written} if is_price else written


def _standing(row: Usage) -> list[Fact]:
    """What a row comes to with its corrections; what nobody knows stays unknown."""
    return [
        Fact(_label(name), numbers.NONE if value is None else numbers.exact(value))
        for name, value in standing(row).items()
    ]

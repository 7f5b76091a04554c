"""Which part of the ledger is wanted, and what is wrong about a row of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import Any, ClassVar, Final

from django import forms
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils.translation import gettext_lazy as _

from admin_models.models import Environment, Team
from chat.figures.spans import Dimension, Narrowing, Span
from chat.ledger import corrections
from chat.models import LIVE, Status, Usage
from chat.models.amounts import LARGEST, PLACES
from chat.operations import periods, splits
from chat.operations.links import Only
from chat.operations.periods import MOST_DAYS, MOST_DAYS_IN_HOURS, Choice, Period

_CALENDAR: Final = (MinValueValidator(date(2000, 1, 1)), MaxValueValidator(date(2999, 12, 31)))
_HOURS: Final = tuple(
    type(limit)(datetime.combine(limit.limit_value, time.min, UTC)) for limit in _CALENDAR
)
_ENDED: Final = [(status.value, status.label) for status in Status if status not in LIVE]
NUMBER_SIGN: Final = "#"
"""Before the number of a person whose account is gone."""


def _day(label: Any) -> forms.DateField:
    return forms.DateField(
        label=label,
        required=False,
        validators=_CALENDAR,
        widget=forms.DateInput(attrs={"type": "date"}),
        error_messages={"invalid": _("Write a day, for example 2027-01-31.")},
    )


def _name(label: Any, length: int, suggestions: str) -> forms.CharField:
    attributes = {"list": suggestions, "autocomplete": "off", "spellcheck": "false"}
    return forms.CharField(
        label=label, max_length=length, required=False, widget=forms.TextInput(attrs=attributes)
    )


class UsageForm(forms.Form):
    """From an address; what is left out narrows nothing."""

    period = forms.ChoiceField(required=False, choices=Choice, widget=forms.HiddenInput)
    since = _day(_("From"))
    until = _day(_("Until (included)"))
    step = forms.ChoiceField(
        label=_("Step length"),
        required=False,
        choices=[("", _("fitting")), ("hour", _("hours")), ("day", _("days"))],
    )
    environment = forms.ChoiceField(label=_("Environment"), required=False)
    group = _name(_("Group"), 64, "groups")
    model = _name(_("Model"), 120, "models")
    agent = _name(_("Agent"), 80, "agents")
    kind = forms.ChoiceField(
        label=_("Kind"), required=False, choices=[("", _("any")), *Usage.Kind.choices]
    )
    person = _name(_("Person"), 150, "people")
    team = forms.ChoiceField(label=_("Team"), required=False)

    NARROWING: tuple[str, ...] = (
        "environment",
        "group",
        "model",
        "agent",
        "kind",
        "person",
        "team",
    )
    """The fields that leave out what is not asked for."""

    most_days: ClassVar = MOST_DAYS
    most_days_in_hours: ClassVar = MOST_DAYS_IN_HOURS

    def __init__(self, data: Mapping[str, str]) -> None:
        super().__init__(data)
        self.chosen: Period = periods.of(Choice.WEEK, None, None, None)
        self.user_pk = 0
        rows = Environment.objects.order_by("name").values_list("env_id", "name")
        known = [(env_id, f"{name} ({env_id})") for env_id, name in rows]
        gone = data.get("environment", "")
        if gone.isprintable() and gone not in {"", *dict(known)}:  # the ledger outlives it
            known.append((gone, gone))
        self._choose("environment", known)
        self._choose("team", [(str(team.pk), str(team)) for team in Team.objects.all()])

    def _choose(self, name: str, choices: list[tuple[str, str]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101  # for the type checker
        field.choices = [("", _("any")), *choices]

    def clean_person(self) -> str:
        """Know whom a name or a number means."""
        typed: str = self.cleaned_data["person"]
        self.user_pk = _pk_of(typed)
        if typed and not self.user_pk:
            raise ValidationError(_("Nobody has this username."), code="unknown")
        return typed

    def clean(self) -> dict[str, Any]:
        """Refuse a time that ends before it begins, or that has more steps than can be shown."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.errors:
            return cleaned
        is_custom = bool(cleaned["since"] or cleaned["until"])
        choice = Choice.CUSTOM if is_custom else Choice(cleaned["period"] or Choice.WEEK)
        chosen = periods.of(choice, cleaned["since"], cleaned["until"], cleaned["step"] or None)
        if chosen.last < chosen.first:
            self.add_error("until", ValidationError(_("That is before it begins."), code="order"))
        elif chosen.days > self.most_days:
            text = _("At most %(days)s days are shown.")
            self.add_error("until", _too_long(text, self.most_days))
        elif chosen.step == "hour" and chosen.days > self.most_days_in_hours:
            text = _("At most %(days)s days are shown hour by hour.")
            self.add_error("step", _too_long(text, self.most_days_in_hours))
        self.chosen = chosen
        return cleaned

    @property
    def narrowing(self) -> Narrowing:
        """What is left out; only of a valid form."""
        typed = self.cleaned_data
        return Narrowing(
            env_id=typed["environment"],
            group_name=typed["group"],
            model_name=typed["model"],
            agent=typed["agent"],
            kind=typed["kind"],
            user_pk=self.user_pk,
            team_pk=int(typed["team"] or 0),
        )

    @property
    def narrowed(self) -> list[tuple[str, str, str]]:
        """Name, title and value of each field that leaves something out, for people."""
        return [
            (name, str(self.fields[name].label), self._value_of(name))
            for name in self.state
            if name in self.NARROWING
        ]

    def _value_of(self, name: str) -> str:
        choices: dict[str, Any] = dict(getattr(self.fields[name], "choices", ()))
        return str(choices.get(self.data[name], self.data[name]))

    @property
    def state(self) -> dict[str, str]:
        """What was chosen, as an address holds it; nothing that is wrong or empty."""
        return {name: self.data[name] for name in self.fields if self._is_kept(name)}

    def _is_kept(self, name: str) -> bool:
        return bool(self.data.get(name)) and name not in self.errors


class DashboardForm(UsageForm):
    """Also by what the sums are split."""

    by = forms.ChoiceField(
        required=False,
        choices=[(each.value, title) for each, title in splits.TITLES.items()],
        widget=forms.HiddenInput,
    )

    @property
    def dimension(self) -> Dimension:
        """By what."""
        return Dimension(self.cleaned_data["by"] or Dimension.MODEL)


class RowsForm(UsageForm):
    """Also by what became of a request."""

    NARROWING = (
        *UsageForm.NARROWING,
        "status",
        "confidence",
        "error",
        "request",
        "only",
        "hour",
    )

    status = forms.ChoiceField(
        label=_("Final state"), required=False, choices=[("", _("any")), *_ENDED]
    )
    confidence = forms.ChoiceField(
        label=_("Tokens are"), required=False, choices=[("", _("any")), *Usage.Confidence.choices]
    )
    error = forms.CharField(label=_("Error code"), max_length=64, required=False)
    request = forms.CharField(label=_("Request id"), max_length=32, required=False)
    only = forms.ChoiceField(
        label=_("Only"), required=False, choices=[("", _("everything")), *Only.choices]
    )
    hour = forms.DateTimeField(
        label=_("Hour"), required=False, validators=_HOURS, widget=forms.HiddenInput
    )

    @property
    def span(self) -> Span:
        """The period, or the hour that is asked for."""
        at: datetime | None = self.cleaned_data["hour"]
        return periods.hour(at.astimezone(UTC)) if at else self.chosen.span

    @property
    def more(self) -> dict[str, Any]:
        """By what rows are chosen besides, as lookups of the ledger."""
        typed = self.cleaned_data
        wanted = {
            "final_status": typed["status"],
            "confidence": typed["confidence"],
            "error_code": typed["error"],
            "request_id": typed["request"],
        }
        only: Mapping[str, dict[str, Any]] = {
            Only.UNPRICED: {"currency": "", "corrects__isnull": True},
            Only.UNCOSTED: {"currency__gt": "", "cost__isnull": True, "corrects__isnull": True},
            # By their own index: there are few of them, whatever the time is.
            Only.CORRECTIONS: {"pk__in": Usage.objects.filter(corrects__gt=0).values("pk")},
        }
        given = {name: value for name, value in wanted.items() if value}
        if typed["error"]:
            given["error_code__gt"] = ""  # what the index of failures is made for
        return given | only.get(typed["only"], {})


_DELTAS: Final = {
    "prompt_tokens": _("Tokens of the question"),
    "completion_tokens": _("Tokens of the answer"),
    "cached_tokens": _("Cached tokens"),
    "reasoning_tokens": _("Reasoning tokens"),
    "units": _("Pictures or seconds"),
}


class CorrectionForm(forms.Form):
    """What has to be added to a row; less than nothing takes away."""

    reason = forms.CharField(
        label=_("Why"), max_length=200, help_text=_("Stands in the ledger for good.")
    )
    cost = forms.DecimalField(
        label=_("Cost"),
        required=False,
        min_value=-LARGEST,
        max_value=LARGEST,
        decimal_places=PLACES,
        help_text=_("In the currency of the row. Empty: what the tokens cost at the row's prices."),
        widget=forms.NumberInput(attrs={"inputmode": "decimal", "step": "any"}),
    )
    seen = forms.CharField(required=False, widget=forms.HiddenInput)
    """How many corrections there were when the form was shown."""

    def __init__(self, row: Usage, data: Any = None) -> None:
        """Of a row with its corrections."""
        super().__init__(data, initial={"seen": len(row.corrections.all())})
        for name, label in _DELTAS.items():
            self.fields[name] = forms.IntegerField(
                label=label,
                required=False,
                min_value=-corrections.MOST,
                max_value=corrections.MOST,
                widget=forms.NumberInput(attrs={"placeholder": "0"}),
            )
        if not row.currency:  # without a currency there is nothing to count a cost in
            del self.fields["cost"]
        self.order_fields([*_DELTAS, "cost", "reason"])

    def expect(self, number: int) -> None:
        """Raise ValidationError once if there are another `number` of corrections now than the
        form was shown with: a second click adds nothing."""
        seen = self.cleaned_data["seen"]
        if seen and seen != str(number):
            self.data = dict(self.data.items()) | {"seen": str(number)}
            text = _("A correction was added meanwhile; it stands above. Is this another one?")
            raise ValidationError(text, code="late")

    def refuse(self, error: ValidationError) -> None:
        """Say what the ledger does not take, where there is a field for it; of a sum that is wrong
        because of one, nothing."""
        told = error.update_error_dict({})
        named = {name: wrong for name, wrong in told.items() if name in self.fields}
        for name, wrong in named.items() or told.items():
            self.add_error(name if name in self.fields else None, wrong)

    @property
    def correction(self) -> dict[str, Any]:
        """What the ledger is asked to add."""
        typed = self.cleaned_data
        deltas = {name: typed[name] for name in _DELTAS if typed[name]}
        return {"reason": typed["reason"], "cost": typed.get("cost"), **deltas}


def _pk_of(person: str) -> int:
    """The number of a person, by their name, or by their number behind a `#`; 0 for nobody."""
    number = person.removeprefix(NUMBER_SIGN)
    if number != person and number.isascii() and number.isdecimal() and len(number) <= 18:
        return int(number)
    named = User.objects.filter(username=person) if person else User.objects.none()
    return named.values_list("pk", flat=True).first() or 0


def _too_long(text: Any, days: int) -> ValidationError:
    return ValidationError(text, code="too_long", params={"days": days})

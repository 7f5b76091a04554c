"""A limit: what is counted, how much of it, for whom and what, and in which time."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from functools import cache
from typing import Any, Final
from zoneinfo import available_timezones

from django import forms
from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from admin_models import audit, currencies
from admin_models.models import AIModel, Environment, Team
from admin_models.showing.figures import grouped
from chat.limits import changes
from chat.limits.counting import parts_of
from chat.models import Limit
from chat.models.amounts import PLACES

Measure, Period = Limit.Measure, Limit.Period

MOST: Final = 10**15
"""Of anything but money; more than that nobody counts."""
MOST_MONEY: Final = 900_000_000
"""What a counter can hold, of any currency."""


class ModelChoice(forms.ModelChoiceField):  # type: ignore[type-arg]  # generic only in the stubs
    """Models with the names that tell them apart."""

    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.group.environment} · {obj.group} · {obj.name}"


def _choice(label: Any, yes: Any, no: Any, help_text: Any = "") -> forms.TypedChoiceField:
    """Yes or no, in words."""
    return forms.TypedChoiceField(
        label=label,
        choices=[("yes", yes), ("no", no)],
        coerce=lambda value: value == "yes",
        help_text=help_text,
    )


@cache
def zones() -> tuple[str, ...]:
    """The names of all time zones that a limit can be in."""
    return tuple(sorted(available_timezones()))


class LimitForm(forms.Form):
    """Sets a limit, or changes one."""

    measure = forms.ChoiceField(label=_("What is counted"), choices=Measure.choices)
    amount = forms.DecimalField(
        label=_("How much"),
        help_text=_("In tokens, messages or answers, or in units of the currency."),
        error_messages={"invalid": _("Write a number in digits, for example 100000 or 12.50.")},
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
    )
    currency = forms.CharField(
        label=_("Currency"),
        required=False,
        max_length=3,
        help_text=_(
            "Of money only. What costs another currency, and models without a price, do not count."
        ),
        widget=forms.TextInput(attrs={"list": "currencies", "autocomplete": "off"}),
    )
    period = forms.ChoiceField(
        label=_("In each"),
        choices=[*Period.choices],
        required=False,
        initial=Period.DAY,
        help_text=_("None only for answers at once."),
    )
    zone = forms.CharField(
        label=_("Time zone"),
        max_length=64,
        help_text=_("Whose hours, days and months these are, for example Asia/Shanghai."),
        widget=forms.TextInput(attrs={"list": "zones", "autocomplete": "off"}),
        error_messages={"required": _("Choose a time zone, for example Asia/Shanghai.")},
    )
    is_each = _choice(_("For"), _("each person by themselves"), _("all of these people together"))
    person = forms.ModelChoiceField(
        label=_("Person"),
        queryset=User.objects.order_by("username"),
        required=False,
        empty_label=_("anybody"),
    )
    team = forms.ModelChoiceField(
        label=_("Team"),
        queryset=Team.objects.filter(is_everyone=False),
        required=False,
        empty_label=_("any team"),
    )
    environment = forms.ModelChoiceField(
        label=_("Environment"),
        queryset=Environment.objects.all(),
        required=False,
        empty_label=_("every environment"),
    )
    model = ModelChoice(
        label=_("Model"),
        queryset=AIModel.objects.select_related("group__environment").order_by(
            "group__environment__name", "group__name", "name"
        ),
        required=False,
        empty_label=_("every model"),
    )
    is_hard = _choice(
        _("When it is used up"),
        _("refuse further questions"),
        _("only tell people"),
        _("People hear of the first kind from four fifths on."),
    )
    seen = forms.CharField(required=False, widget=forms.HiddenInput)
    """What the limit was when the form was shown."""

    def __init__(self, limit: Limit, data: Any = None) -> None:
        """Of `limit`, which may be new; empty fields narrow it by nothing."""
        super().__init__(
            data, initial=_initial(limit) if limit.pk else {"zone": settings.TIME_ZONE}
        )
        self.limit = limit
        self.mark = _mark(limit) if limit.pk else ""
        self.initial["seen"] = self.mark

    def clean_amount(self) -> Decimal:
        amount: Decimal = self.cleaned_data["amount"]
        if amount <= 0:
            raise ValidationError(_("A limit allows more than nothing."), code="nothing")
        return amount

    def clean_zone(self) -> str:
        zone: str = self.cleaned_data["zone"]
        if zone not in zones():
            raise ValidationError(
                _("%(zone)s is no time zone; write one like Asia/Shanghai or UTC."),
                code="zone",
                params={"zone": zone},
            )
        return zone

    def clean_seen(self) -> str:
        """Refuse once to replace what somebody else saved after the form was shown."""
        seen: str = self.cleaned_data["seen"]
        if seen and seen != self.mark:
            self.data = dict(self.data.items()) | {"seen": self.mark}
            self.add_error(
                None,
                _(
                    "This limit was changed meanwhile. Below is what you entered; save again to "
                    "replace what it is now."
                ),
            )
        return seen

    def clean(self) -> dict[str, Any]:
        self._clean_amount_of_measure()
        self._clean_currency()
        self._clean_period()
        self._clean_people()
        self._clean_model()
        return self.cleaned_data

    def _clean_amount_of_measure(self) -> None:
        amount, measure = self.cleaned_data.get("amount"), self.cleaned_data.get("measure")
        if amount is None or measure is None:
            return
        most = MOST_MONEY if measure == Measure.MONEY else MOST
        if amount > most:
            self.add_error(
                "amount", _("That is too much; %(most)s is the most.") % {"most": f"{most:,}"}
            )
        elif measure == Measure.MONEY and amount.quantize(Decimal(1).scaleb(-PLACES)) != amount:
            self.add_error("amount", _("Write at most ten decimals."))
        elif measure != Measure.MONEY and amount != int(amount):
            self.add_error("amount", _("Only money has decimals; write a whole number."))

    def _clean_currency(self) -> None:
        code = str(self.cleaned_data.get("currency") or "").upper()
        if self.cleaned_data.get("measure") != Measure.MONEY:
            code = ""
        elif code not in currencies.CODES:
            self.add_error("currency", _("Write the three letters of a currency, for example CNY."))
        self.cleaned_data["currency"] = code

    def _clean_period(self) -> None:
        if self.cleaned_data.get("measure") == Measure.ANSWERS:
            self.cleaned_data["period"] = Period.NONE
        elif not self.cleaned_data.get("period"):
            self.add_error("period", _("Choose an hour, a day or a month."))

    def _clean_people(self) -> None:
        if self.cleaned_data.get("person") is None:
            return
        self.cleaned_data["is_each"] = True
        if self.cleaned_data.get("team") is not None:
            self.add_error("team", _("Choose a person or a team, not both."))

    def _clean_model(self) -> None:
        model, environment = self.cleaned_data.get("model"), self.cleaned_data.get("environment")
        if model and environment and model.group.environment.env_id != environment.env_id:
            self.add_error("model", _("This model is in another environment."))

    def keep(self, actor: audit.Actor) -> Limit:
        """Save and record it; expects the form to be valid."""
        limit = self.filled_in()
        changes.save(actor, limit)
        return limit

    def filled_in(self) -> Limit:
        """The limit as it was typed, not saved; expects the form to be valid."""
        values = {name: value for name, value in self.cleaned_data.items() if name != "seen"}
        amount: Decimal = values.pop("amount")
        is_money = values["measure"] == Measure.MONEY
        self.limit.parts = parts_of(amount) if is_money else int(amount)
        for name, value in values.items():
            setattr(self.limit, name, value)
        return self.limit


def _initial(limit: Limit) -> dict[str, Any]:
    names = ("measure", "currency", "period", "zone", "person", "team", "environment", "model")
    told = {"is_each": limit.is_each, "is_hard": limit.is_hard}
    return {
        **{name: getattr(limit, name) for name in names},
        **{name: "yes" if value else "no" for name, value in told.items()},
        "amount": grouped(Decimal(limit.amount)).replace(",", ""),
    }


def _mark(limit: Limit) -> str:
    """Tells whether a limit is still the same; also to a browser, to which it says nothing."""
    told = ((name, str(value)) for name, value in _initial(limit).items())
    return hashlib.sha256(repr(sorted(told)).encode()).hexdigest()[:16]

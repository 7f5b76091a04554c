"""The price of a model: its currency, from when it counts, and a tier or several."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.forms import BoundField
from django.utils.translation import gettext_lazy as _

from admin_models import currencies, prices
from admin_models.forms.moments import ComingMoment
from admin_models.models import Price, Tier

TIERS: Final = range(prices.MOST_TIERS)
_FIGURES: Final = (
    ("input", _("Question")),
    ("output", _("Answer")),
    ("cached", _("Cached question")),
)


def _figure(label: Any, *, required: bool) -> forms.DecimalField:
    return forms.DecimalField(
        label=label,
        required=required,
        min_value=0,
        max_value=prices.DEAREST,
        decimal_places=prices.PLACES,
        widget=forms.NumberInput(attrs={"inputmode": "decimal"}),
        error_messages={
            "invalid": _("Write a number, for example 2.5."),
            "min_value": _("A price is not below zero."),
            "max_value": _("Nothing costs more than %(limit_value)s a million tokens here."),
        },
    )


class PriceForm(forms.Form):
    """A new price; one that was set is never changed, so that this begins with a copy of it."""

    currency = forms.CharField(
        label=_("Currency"),
        max_length=3,
        initial=currencies.DEFAULT,
        help_text=_("Its three letters (ISO 4217)."),
        widget=forms.TextInput(
            attrs={"list": "currencies", "autocomplete": "off", "spellcheck": "false"}
        ),
    )
    valid_from = ComingMoment(label=_("Valid from"), empty_means=_("Empty: from now on."))

    def __init__(self, data: Any = None, price: Price | None = None) -> None:
        """To set one where `price` (or none) counts now."""
        super().__init__(data, initial=_initial_of(price) if price else None)
        for number in TIERS:
            self._add_tier(number)

    def _add_tier(self, number: int) -> None:
        if number:
            self.fields[f"above_{number}"] = forms.IntegerField(
                label=_("Questions of more than so many tokens"),
                required=False,
                min_value=1,
                max_value=prices.LONGEST,
            )
        for name, label in _FIGURES:
            is_needed = not number and name != "cached"
            self.fields[f"{name}_{number}"] = _figure(label, required=is_needed)

    @property
    def general(self) -> list[BoundField]:
        """The fields that are not of a tier."""
        return [self["currency"], self["valid_from"]]

    @property
    def first(self) -> list[BoundField]:
        """The figures of the first tier, which every price has."""
        return self._fields_of(0)

    @property
    def others(self) -> list[tuple[BoundField, list[BoundField]]]:
        """The other tiers: where each begins, and its figures."""
        return [(self[f"above_{number}"], self._fields_of(number)) for number in TIERS[1:]]

    @property
    def has_others(self) -> bool:
        """Whether anything stands in the other tiers."""
        fields = [field for above, figures in self.others for field in (above, *figures)]
        return any(field.value() not in (None, "") for field in fields)

    def _fields_of(self, number: int) -> list[BoundField]:
        return [self[f"{name}_{number}"] for name, _label in _FIGURES]

    def clean_currency(self) -> str:
        """Three capital letters."""
        return str(self.cleaned_data["currency"]).upper()

    def clean(self) -> dict[str, Any]:
        """Refuse tiers that are incomplete or overlap, and what no price can be."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        for number in TIERS[1:]:
            self._check_complete(number)
        if not self.errors:
            prices.check(cleaned["currency"], self.tiers)
        return cleaned

    def _check_complete(self, number: int) -> None:
        names = [f"{name}_{number}" for name in ("above", "input", "output")]
        typed = {name: self.cleaned_data.get(name) for name in names}
        has_cached = self.cleaned_data.get(f"cached_{number}") is not None
        if has_cached or any(value is not None for value in typed.values()):
            for name, value in typed.items():
                if value is None and name not in self.errors:
                    self.add_error(
                        name, ValidationError(_("This tier lacks this figure."), code="incomplete")
                    )

    @property
    def tiers(self) -> list[Tier]:
        """The tiers that were typed; expects every field to be valid."""
        return [tier for number in TIERS if (tier := self._tier(number)) is not None]

    def _tier(self, number: int) -> Tier | None:
        typed = self.cleaned_data
        if typed[f"input_{number}"] is None:
            return None
        return Tier(
            input=typed[f"input_{number}"],
            output=typed[f"output_{number}"],
            cached=typed[f"cached_{number}"],
            above=typed.get(f"above_{number}") or 0,
        )


def _initial_of(price: Price) -> dict[str, Any]:
    """What a price says, as the fields hold it; more tiers than there are fields are left out."""
    return {"currency": price.currency} | dict(_figures_of(price))


def _figures_of(price: Price) -> Iterator[tuple[str, Decimal | int | None]]:
    for number, tier in zip(TIERS, price.all_tiers(), strict=False):
        yield f"above_{number}", tier.above
        yield f"input_{number}", tier.input
        yield f"output_{number}", tier.output
        yield f"cached_{number}", tier.cached

"""What somebody wants to call: an intent, a model, and the group that follows from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from admin_models import currencies
from admin_models.models.groups import validate_group_name
from admin_models.preflight import rules
from admin_models.preflight.checks import Intent, Subject
from admin_models.preflight.facts import Facts

INTENTS = (
    (Intent.ANYTHING, _("Nothing in particular")),
    (Intent.HUNYUAN, _("A hunyuan-* model")),
    (Intent.MANAGED, _("Another managed model")),
    (Intent.THIRD_PARTY, _("A model from elsewhere")),
)


class SubjectForm(forms.Form):
    """From an address; everything may be left out."""

    intent = forms.ChoiceField(
        label=_("What do you want to call?"),
        choices=[(str(value), label) for value, label in INTENTS],
        widget=forms.RadioSelect,
        required=False,
    )
    model = forms.CharField(
        label=_("Model"),
        max_length=120,
        required=False,
        help_text=_("Exactly as the catalogue spells it."),
        widget=forms.TextInput(
            attrs={"list": "models", "autocomplete": "off", "spellcheck": "false"}
        ),
    )
    group = forms.CharField(
        label=_("Group"),
        max_length=64,
        required=False,
        validators=[validate_group_name],
        help_text=_("Empty: the one that follows from what you want."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def __init__(self, data: Mapping[str, Any]) -> None:
        """From a query string; a group alone says what is wanted."""
        typed = {name: str(data.get(name, "")).strip() for name in ("intent", "model", "group")}
        if not typed["intent"]:
            typed["intent"] = _intent_of(typed["group"])
        super().__init__(typed)

    def subject(self, facts: Facts) -> Subject:
        """What is to be called; expects the form to be valid."""
        typed = self.cleaned_data
        if not typed["group"]:
            return rules.suggested(Intent(typed["intent"]), facts, typed["model"])
        return Subject(Intent(typed["intent"]), typed["group"], typed["model"])


class ConfirmationForm(forms.Form):
    """That a price was seen, and in which currency it is meant: the catalogue names none.

    `price` is what the page showed, as `catalogue_prices.words` puts it, in a hidden member.
    """

    price = forms.CharField(required=False, strip=False)
    currency = forms.ChoiceField(
        label=_("Currency of this price"),
        choices=[(code, code) for code in currencies.USUAL],
        required=False,
        help_text=_("The catalogue names none; the console of the account does."),
    )

    def __init__(self, data: Mapping[str, Any] | None, *, is_international: bool) -> None:
        """`is_international` is that of the environment; it suggests the currency."""
        currency = "USD" if is_international else currencies.DEFAULT
        super().__init__(data, initial={"currency": currency})

    def clean_price(self) -> str:
        """With line ends as we write them; browsers send their own."""
        return str(self.cleaned_data["price"]).replace("\r\n", "\n")

    def clean_currency(self) -> str:
        """Where there is no price, the page asks for no currency."""
        return str(self.cleaned_data["currency"] or self.initial["currency"])


def _intent_of(group: str) -> str:
    return str(rules.intent_of(group) if group else Intent.ANYTHING)

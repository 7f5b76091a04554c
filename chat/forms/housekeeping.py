"""How long data is kept, and the last word before a person is erased."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from chat.models import Retention
from chat.operations import rates, retention
from chat.operations.retention import Rule

Kind = Retention.Kind
_WORDS: Final = {
    Kind.CONVERSATIONS: (
        _("Conversations, days"),
        _("Since somebody last wrote in them. What is being answered is kept."),
    ),
    Kind.LEDGER: (
        _("Rows of the ledger, months"),
        _("The totals stay; single rows cannot be looked at any more."),
    ),
    Kind.AUDIT: (
        _("Entries of the audit log, months"),
        _("That they were deleted is written down in the audit log."),
    ),
    Kind.LISTS: (
        _("Earlier lists of models, days"),
        _("A change of models cannot be undone any more."),
    ),
    Kind.OBSERVATIONS: (
        _("Answers of environments, days"),
        _("The environment is asked again when that is needed."),
    ),
    Kind.ALERTS: (_("Alerts that are over, days"), _("With the notices that were sent.")),
    Kind.RECONCILIATIONS: (
        _("Comparisons with environments, months"),
        _("What an environment said was used on a day, and how that differed from the ledger."),
    ),
}
"""How the field of each kind is called, and what deleting it means."""
_TRIES: Final = rates.Rate(times=5, seconds=300)
"""How often somebody may type a password here."""


class RetentionForm(forms.Form):
    """A number for each kind of data; empty: for ever."""

    def __init__(self, data: Any = None) -> None:
        super().__init__(data, initial=dict(retention.limits()))
        for rule in retention.RULES:
            self.fields[rule.kind.value] = _field(rule)

    def limits(self) -> dict[str, int | None]:
        """What was typed; expects the form to be valid."""
        return {rule.kind.value: self.cleaned_data[rule.kind.value] for rule in retention.RULES}


def _field(rule: Rule) -> forms.IntegerField:
    label, help_text = _WORDS[rule.kind]
    return forms.IntegerField(
        label=label,
        required=False,
        min_value=rule.at_least,
        max_value=600 if rule.is_in_months else 18_000,
        help_text=help_text,
        widget=forms.NumberInput(attrs={"placeholder": _("for ever"), "autocomplete": "off"}),
    )


class EraseForm(forms.Form):
    """The name of whom it is about, typed."""

    name = forms.CharField(
        label=_("User name, to confirm"),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def __init__(self, person: User, data: Any = None) -> None:
        self.person = person
        super().__init__(data)

    def clean_name(self) -> str:
        typed: str = self.cleaned_data["name"]
        if typed != self.person.get_username():
            raise ValidationError(_("That is another name. Nothing was deleted."), code="name")
        return typed


class EraseMyselfForm(EraseForm):
    """The same by the person themself, who proves to be that person."""

    password = forms.CharField(
        label=_("Password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    def clean_password(self) -> str:
        typed: str = self.cleaned_data["password"]
        if seconds := rates.spend(f"erase:{self.person.pk}", _TRIES):
            said = _("Too many tries. Try again in %(seconds)s seconds.")
            raise ValidationError(said, code="tries", params={"seconds": seconds})
        if not self.person.check_password(typed):
            raise ValidationError(_("The password is wrong. Nothing was deleted."), code="password")
        return typed

"""A new token for a program."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.utils.translation import gettext_lazy as _

from admin_models.forms.moments import ComingMoment
from chat.models import ApiToken
from chat.operations import tokens

Scope = ApiToken.Scope


class TokenForm(forms.Form):
    """What it is for, what it may do, and until when; offers only what its maker may do."""

    name = forms.CharField(
        label=_("Name"),
        max_length=80,
        help_text=_("Which program uses it, for example: monthly report."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    scopes = forms.MultipleChoiceField(
        label=_("May"), widget=forms.CheckboxSelectMultiple, initial=[Scope.USAGE_READ]
    )
    expires_at = ComingMoment(label=_("Expires"), empty_means=_("Empty: never."))

    def __init__(self, owner: User, data: Any = None) -> None:
        super().__init__(data)
        self.owner = owner
        offered = [(scope.value, scope.label) for scope in Scope if tokens.may_hold(owner, scope)]
        self.fields["scopes"].choices = offered  # type: ignore[attr-defined]  # it is a choice field

    def make(self) -> tuple[ApiToken, str]:
        """The new token, and what has to be shown of it once; expects the form to be valid."""
        return tokens.make(self.owner, **self.cleaned_data)

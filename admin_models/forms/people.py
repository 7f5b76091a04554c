"""People: who they are, what they may do, and to which teams they belong."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.utils import filter_users_by_email
from django import forms
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from admin_models import people, roles
from admin_models.models import Team
from admin_models.roles import Role


def _role_field() -> forms.TypedChoiceField:
    return forms.TypedChoiceField(
        label=_("Role"),
        choices=[
            (Role.USER, _("User: chats with the models that their teams allow")),
            (Role.OPERATIONS, _("Operations: also sees the environments and the audit log")),
            (Role.ADMIN, _("Administrator: also changes all of this")),
        ],
        coerce=Role,
        initial=Role.USER,
        widget=forms.RadioSelect,
    )


def _teams_field() -> forms.ModelMultipleChoiceField[Team]:
    return forms.ModelMultipleChoiceField(
        label=_("Teams"),
        queryset=Team.objects.filter(is_everyone=False),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )


class NewPersonForm(forms.ModelForm):  # type: ignore[type-arg]  # generic only in the stubs
    """Somebody who has no account yet; they set their password themselves."""

    role = _role_field()
    teams = _teams_field()

    class Meta:
        model = User
        fields = ("username", "email")
        help_texts = {"email": _("May be empty; with it a forgotten password can be replaced.")}
        widgets = {
            "username": forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
            "email": forms.EmailInput(attrs={"autocomplete": "off"}),
        }

    def clean_username(self) -> str:
        """As where people sign up themselves."""
        name: str = get_adapter().clean_username(self.cleaned_data["username"])
        return name

    def clean_email(self) -> str:
        email: str = get_adapter().clean_email(self.cleaned_data["email"])
        if email and filter_users_by_email(email):
            raise ValidationError(_("Somebody else has this e-mail address."), code="taken")
        return email

    def make(self, actor: User) -> User:
        """The new person; expects the form to be valid."""
        person: User = super().save(commit=False)
        people.make(actor, person, self.cleaned_data["role"], self.cleaned_data["teams"])
        return person


class PersonForm(forms.Form):
    """What somebody may do."""

    role = _role_field()
    teams = _teams_field()
    is_active = forms.BooleanField(
        label=_("May sign in"),
        required=False,
        help_text=_("Whoever may not is signed out at once; their conversations stay."),
    )

    def __init__(self, person: User, data: Any = None) -> None:
        self.person = person
        is_in = {"role": roles.role_of(person), "is_active": person.is_active}
        super().__init__(data, initial=is_in | {"teams": person.teams.all()})

    def keep(self, actor: User) -> bool:
        """Whether the change could be made; if not, an error says why. Expects a valid form."""
        typed = self.cleaned_data
        try:
            people.change(
                actor,
                self.person,
                typed["role"],
                is_active=typed["is_active"],
                teams=typed["teams"],
            )
        except roles.LastAdmin as refusal:
            self.add_error(None, ValidationError(refusal.user_message, code="last_admin"))
            return False
        return True

"""The steps of onboarding an environment, and its settings later. Keys go in and never come out."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from admin_models.forms.addresses import AddressesForm
from admin_models.forms.groups import SecretField
from admin_models.models import Environment
from chat.cloudbase import CloudBase, errors
from chat.cloudbase.errors import CloudBaseError

ADDRESSES: Final = ("base_url", "control_url")
_FIELD_OF: Final[dict[type[CloudBaseError], str]] = {
    errors.KeyMissing: "api_key",
    errors.SecretPairIncomplete: "secret_key",
    errors.IllegalBaseUrl: "base_url",
}
"""Where an error of the client is shown; others stand above the form."""


class IdentityForm(AddressesForm):
    """Which environment it is."""

    class Meta:
        model = Environment
        fields = ("env_id", "name", "region", "is_international", *ADDRESSES)
        help_texts = {
            "env_id": _("As the console shows it, for example lab-1a2b3c."),
            "name": _("What people here call it."),
        }
        widgets = {
            "env_id": forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
            "region": forms.TextInput(attrs={"list": "regions", "spellcheck": "false"}),
            "base_url": forms.URLInput(attrs={"placeholder": "https://"}),
            "control_url": forms.URLInput(attrs={"placeholder": "https://"}),
        }
        error_messages = {
            "env_id": {"unique": _("This environment is here already; open it on the board.")},
            "name": {"unique": _("Another environment has this name; choose another one.")},
        }

    def save(self, commit: bool = True) -> Environment:
        """A CloudBase environment, which is the default if there is no other."""
        self.instance.kind = Environment.Kind.CLOUDBASE
        saved: Environment = super().save(commit)
        return saved


class KeysForm(forms.Form):
    """What an environment is reached with; checked as the client checks it."""

    api_key = SecretField(_("API key"), _("Of the gateway; models are called with it."))
    secret_id = SecretField(_("Secret id"))
    secret_key = SecretField(_("Secret key"))

    def __init__(self, environment: Environment, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.environment = environment

    def clean(self) -> dict[str, Any]:
        """Refuse what the client would refuse, with its explanation."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        row = self.environment
        try:
            CloudBase(
                env=row.env_id,
                api_key=cleaned.get("api_key") or None,
                secret_id=cleaned.get("secret_id") or None,
                secret_key=cleaned.get("secret_key") or None,
                base_url=row.base_url or None,
                control_url=row.control_url or None,
            )
        except CloudBaseError as error:
            self.add_error(_field_of(error, cleaned), _as_validation(error))
        return cleaned

    def keep(self, by: User) -> Environment:
        """The environment with the keys sealed into it, set by person `by`. Does not save."""
        row, typed = self.environment, self.cleaned_data
        row.keep_key(typed["api_key"], by)
        if typed["secret_id"]:
            row.keep_cloud_keys(typed["secret_id"], typed["secret_key"], by)
        return row


def _field_of(error: CloudBaseError, typed: dict[str, Any]) -> str | None:
    if isinstance(error, errors.SecretPairIncomplete) and not typed.get("secret_id"):
        return "secret_id"
    field = _FIELD_OF.get(type(error))
    if field is None and isinstance(error, errors.KeyMalformed):
        return _malformed(typed)
    return field if field in KeysForm.base_fields else None


def _malformed(typed: dict[str, Any]) -> str:
    """The first key that no header can carry."""
    for name in ("api_key", "secret_id", "secret_key"):
        value = typed.get(name) or ""
        if not (value.isascii() and value.isprintable()) or " " in value:
            return name
    return "api_key"


def _as_validation(error: CloudBaseError) -> ValidationError:
    return ValidationError(gettext(error.user_message) % error.params, code=error.code)


class SettingsForm(AddressesForm):
    """What can be changed of an environment later; its keys have a form of their own."""

    # Not the model's own field: the default moves from another environment only when this one is
    # saved, and until then the table's rule would refuse it.
    is_default = forms.BooleanField(
        label=_("Default"),
        required=False,
        help_text=_("New conversations begin with a model of the default environment."),
    )
    field_order = ("name", "is_enabled", "is_default")

    class Meta:
        model = Environment
        fields = ("name", "is_enabled", "region", "is_international", *ADDRESSES)
        widgets = IdentityForm.Meta.widgets
        error_messages = IdentityForm.Meta.error_messages
        help_texts = {
            "is_enabled": _("A disabled environment keeps everything, and nobody can call it."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["is_default"] = self.instance.is_default
        if self.instance.is_local:
            for name in ("region", "is_international", *ADDRESSES):
                del self.fields[name]

    def clean_is_default(self) -> bool:
        """There is always one default: it moves, and is not taken away."""
        is_default: bool = self.cleaned_data["is_default"]
        if self.initial["is_default"] and not is_default:
            raise ValidationError(
                _("To change the default, make another environment the default."), code="no_default"
            )
        return is_default

    def save(self, commit: bool = True) -> Environment:
        """Save, and take the default from where it was; expects a transaction around it."""
        self.instance.is_default = self.cleaned_data["is_default"]
        if self.instance.is_default:
            others = Environment.objects.exclude(pk=self.instance.pk)
            others.filter(is_default=True).update(is_default=False)
        saved: Environment = super().save(commit)
        return saved


class NewKeysForm(forms.Form):
    """Other keys for an environment that is saved: an empty field keeps what is stored."""

    api_key = SecretField(_("API key"), _("Leave empty to keep the stored key. It is never shown."))
    remove_api_key = forms.BooleanField(label=_("Remove the stored API key"), required=False)
    secret_id = SecretField(_("Secret id"), _("Leave both empty to keep the stored pair."))
    secret_key = SecretField(_("Secret key"))
    remove_cloud_keys = forms.BooleanField(
        label=_("Remove the stored secret id and key"), required=False
    )

    def __init__(self, environment: Environment, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.environment = environment

    def clean(self) -> dict[str, Any]:
        """Refuse what the client would refuse, with its explanation."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if not any(cleaned.get(name) for name in ("api_key", "secret_id", "secret_key")):
            return cleaned
        try:
            CloudBase(
                env=self.environment.env_id,
                api_key=cleaned.get("api_key") or None,
                secret_id=cleaned.get("secret_id") or None,
                secret_key=cleaned.get("secret_key") or None,
            )
        except CloudBaseError as error:
            self.add_error(_field_of(error, cleaned), _as_validation(error))
        return cleaned

    def keep(self, by: User) -> Environment:
        """The environment with what was entered sealed into it, set by person `by`. Does not
        save."""
        row, typed = self.environment, self.cleaned_data
        if typed["api_key"] or typed["remove_api_key"]:
            row.keep_key(typed["api_key"], by)
        if typed["secret_id"] or typed["remove_cloud_keys"]:
            row.keep_cloud_keys(typed["secret_id"], typed["secret_key"], by)
        return row

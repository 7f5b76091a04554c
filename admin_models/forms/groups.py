"""A group of models: its name, its address and its key. Keys go in and never come out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from admin_models.forms.addresses import validate_outgoing
from admin_models.forms.model_lists import MOST_MODELS
from admin_models.models import Environment, GroupStatus, ModelGroup
from admin_models.models.groups import validate_group_name
from chat.cloudbase import OpenAICompatible, errors, group_names
from chat.cloudbase.control_plane import AIModelGroup, GroupSecret
from chat.cloudbase.errors import CloudBaseError

LONGEST_NAME: Final = 120
"""Letters of a model's name; longer ones cannot be offered."""
_MASK: Final = frozenset("•●*·")
"""What a hidden key is drawn with: a field full of it was not typed into."""
_TEXT: Final = {"autocomplete": "off", "spellcheck": "false"}
_FIELD_OF: Final[dict[type[CloudBaseError], str]] = {
    errors.IllegalBaseUrl: "base_url",
    errors.KeyMalformed: "api_key",
}
"""Where an error of the client is shown; others stand above the form."""


class SecretField(forms.CharField):
    """A key: never rendered back, and nothing if the mask of the stored one was sent."""

    widget = forms.PasswordInput

    def __init__(self, label: Any, help_text: Any = "") -> None:
        super().__init__(label=label, help_text=help_text, required=False, max_length=4000)

    def widget_attrs(self, widget: forms.Widget) -> Any:
        """No browser keeps or corrects it."""
        return super().widget_attrs(widget) | {"autocomplete": "off", "spellcheck": "false"}

    def to_python(self, value: Any) -> str:
        """What was typed."""
        typed: str = super().to_python(value) or ""
        return "" if set(typed) <= _MASK else typed


class ModelNames(forms.MultipleChoiceField):
    """Names that were ticked in a list which the endpoint gave."""

    def valid_value(self, value: str) -> bool:
        """Any name of a model: what was fetched is not kept."""
        return 0 < len(value) <= LONGEST_NAME


class _EnvironmentForm(forms.Form):
    """A form about something in an environment."""

    def __init__(self, environment: Environment, *args: Any, **kwargs: Any) -> None:
        self.environment = environment
        super().__init__(*args, **kwargs)


class GroupNameForm(_EnvironmentForm):
    """What a new group is called, checked as it is typed."""

    name = forms.CharField(
        label=_("Name"),
        max_length=64,
        validators=[validate_group_name],
        help_text=_("It begins with custom- and stays for good, for example custom-lab."),
        widget=forms.TextInput(attrs=_TEXT | {"placeholder": "custom-"}),
    )
    field_order = ("name",)

    def clean_name(self) -> str:
        """Only custom groups are registered, each once."""
        name: str = self.cleaned_data["name"]
        if not group_names.is_custom(name):
            raise ValidationError(
                _("%(name)s is there by itself. Groups of your own begin with custom-."),
                code="builtin",
                params={"name": name},
            )
        if self.environment.groups.filter(name=name, status=GroupStatus.ON).exists():
            raise ValidationError(
                _("The environment has a group of this name already."), code="exists"
            )
        return name


class GroupForm(_EnvironmentForm):
    """A custom group, without the list that it has: the models here are added to it."""

    base_url = forms.CharField(
        label=_("Base URL"),
        max_length=400,
        help_text=_("Up to and including the version, for example https://llm.example/v1"),
        widget=forms.URLInput(attrs=_TEXT | {"placeholder": "https://"}),
    )
    api_key = SecretField(_("API key"))
    secret_id = SecretField(_("Secret id"), _("For vendors that give a pair instead of one key."))
    secret_key = SecretField(_("Secret key"))
    remove_key = forms.BooleanField(
        label=_("Remove the stored key"),
        required=False,
        help_text=_("For an endpoint that asks for none."),
    )
    remark = forms.CharField(label=_("Remark"), max_length=200, required=False)
    more = forms.CharField(
        label=_("Names of models"),
        required=False,
        max_length=60_000,
        help_text=_("One a line, exactly as the endpoint spells them."),
        widget=forms.Textarea(attrs=_TEXT | {"rows": 4}),
    )
    fetched = ModelNames(required=False)
    trial_model = forms.CharField(
        label=_("Model for the test"),
        max_length=LONGEST_NAME,
        required=False,
        help_text=_("Empty: the first one. A test costs what a few tokens cost."),
        widget=forms.TextInput(attrs=_TEXT | {"list": "known-models"}),
    )

    def __init__(
        self,
        environment: Environment,
        *args: Any,
        group: AIModelGroup | None = None,
        row: ModelGroup | None = None,
        **kwargs: Any,
    ) -> None:
        """`group` is what there is already, None for a new one; `row` is ours of it."""
        super().__init__(environment, *args, **kwargs)
        self.group = group
        self._has_key = group is not None and (
            not environment.is_local or bool(row and row.has_key)
        )
        if environment.is_local:
            del self.fields["secret_id"], self.fields["secret_key"]
        if not (environment.is_local and self._has_key):
            del self.fields["remove_key"]
        if self._has_key:
            self.fields["api_key"].help_text = _(
                "Leave empty to keep the stored key. A stored key is never shown."
            )
        if group is not None:
            self.fields["more"].label = _("More models")

    def clean_base_url(self) -> str:
        """As the client takes it; of an environment elsewhere it is not this server that calls."""
        url = str(self.cleaned_data["base_url"]).rstrip("/")
        if self.environment.is_local:
            validate_outgoing(url)
        return url

    def clean_more(self) -> tuple[str, ...]:
        """The names, each once."""
        names = tuple(
            dict.fromkeys(filter(None, map(str.strip, _lines(self.cleaned_data["more"]))))
        )
        for name in names:
            if len(name) > LONGEST_NAME or not name.isprintable():
                raise ValidationError(
                    _("%(name)s… is no name of a model: one a line, %(most)d letters at most."),
                    code="no_model",
                    params={"name": name[:40], "most": LONGEST_NAME},
                )
        return names

    def clean(self) -> dict[str, Any]:
        """Refuse what the client would refuse, with its explanation, and half a secret."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if "base_url" in cleaned:
            self._check_with_client(cleaned["base_url"], cleaned.get("api_key") or "")
        self._check_secret(cleaned)
        there = len(self.group.models) if self.group else 0
        if there + len(self.added) > MOST_MODELS:
            self.add_error("more", _("These are too many models for one group."))
        return cleaned

    def _check_with_client(self, base_url: str, api_key: str) -> None:
        try:
            OpenAICompatible(base_url=base_url, api_key=api_key)
        except CloudBaseError as error:
            sentence = gettext(error.user_message) % error.params
            field = _FIELD_OF.get(type(error))
            self.add_error(field, ValidationError(sentence, code=error.code))

    def _check_secret(self, cleaned: Mapping[str, Any]) -> None:
        key, pair_id, pair_key = (cleaned.get(n) for n in ("api_key", "secret_id", "secret_key"))
        if bool(pair_id) != bool(pair_key):
            missing = "secret_key" if pair_id else "secret_id"
            self.add_error(missing, _("A secret id and its key belong together: enter both."))
        elif key and pair_id:
            self.add_error("api_key", _("Enter either an API key or a secret id and key."))
        elif not (key or pair_id or cleaned.get("remove_key")):
            self._check_without_secret(cleaned)

    def _check_without_secret(self, cleaned: Mapping[str, Any]) -> None:
        """A key goes to whom it was given for; and CloudBase takes no group without one."""
        url = cleaned.get("base_url", "")
        if self.group is None:
            if not self.environment.is_local:
                self.add_error("api_key", _("The environment needs a key to call the models with."))
        elif self._has_key and url and _origin(url) != _origin(self.group.base_url):
            self.add_error(
                "api_key",
                _("The stored key was given for another server. Enter the key for this one."),
            )

    @property
    def secret(self) -> GroupSecret | None:
        """What was entered, None to keep what is stored; expects the form to be valid."""
        typed = self.cleaned_data
        if typed.get("secret_id"):
            return GroupSecret(secret_id=typed["secret_id"], secret_key=typed["secret_key"])
        if typed["api_key"] or typed.get("remove_key"):
            return GroupSecret(api_key=typed["api_key"])
        return None

    @property
    def has_typed_key(self) -> bool:
        """Whether there is an API key in the form itself."""
        return bool(self.cleaned_data.get("api_key"))

    @property
    def added(self) -> tuple[str, ...]:
        """The models that were typed and ticked, each once."""
        typed = self.cleaned_data
        return tuple(dict.fromkeys((*typed.get("more", ()), *typed.get("fetched", ()))))


class NewGroupForm(GroupNameForm, GroupForm):
    """All of a new group."""

    is_on = forms.BooleanField(
        label=_("On"),
        required=False,
        initial=True,
        help_text=_("While it is off nobody can call its models."),
    )


def _lines(text: str) -> list[str]:
    return text.replace("\r", "\n").split("\n")


def _origin(url: str) -> tuple[str, str]:
    """The server that an address leads to."""
    parts = urlsplit(url.strip().lower())
    return parts.scheme, parts.netloc

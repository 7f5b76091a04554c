"""An alert rule, and where alerts are told. The secret goes in and never comes out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, validate_email
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from admin_models import currencies
from admin_models.forms.addresses import validate_outgoing
from admin_models.forms.groups import SecretField
from admin_models.models import Environment
from chat.cloudbase.errors import IllegalBaseUrl
from chat.models import AlertRecipient, AlertRule
from chat.operations.alerts import kinds

_LARGEST: Final = 1_000_000_000
_MOST_EMAILS: Final = 20
_NO_CORRECTION: Final = {"autocomplete": "off", "spellcheck": "false"}
_OF_SOME_KINDS: Final = frozenset(
    {"threshold", "currency", "window_minutes", "min_requests", "env_id", "model_name"}
)
_UNITS: Final[Mapping[str, Any]] = {"%": _("percent"), "s": _("seconds")}


def _one_line(text: str) -> str:
    """Names stand in the subject of mails."""
    return " ".join(text.split())


class RuleForm(forms.ModelForm):  # type: ignore[type-arg]  # generic only in the stubs
    """A rule about one kind of thing, with the fields that this kind needs."""

    threshold = forms.FloatField(label=_("Threshold"), min_value=0, max_value=_LARGEST)
    currency = forms.CharField(
        label=_("Currency"),
        max_length=3,
        help_text=_("Three letters (ISO 4217), for example CNY."),
        widget=forms.TextInput(attrs=_NO_CORRECTION),
    )
    window_minutes = forms.TypedChoiceField(label=_("Over the last"), coerce=int)
    min_requests = forms.IntegerField(
        label=_("Of at least so many requests"),
        min_value=1,
        max_value=_LARGEST,
        help_text=_("Of fewer, nothing is concluded."),
    )
    env_id = forms.ChoiceField(label=_("Environment"), required=False)
    model_name = forms.CharField(
        label=_("Model"),
        max_length=120,
        required=False,
        help_text=_("Exactly as it is requested. Empty: every model."),
        widget=forms.TextInput(attrs=_NO_CORRECTION | {"list": "models"}),
    )
    hold = forms.IntegerField(
        label=_("So often in a row"),
        min_value=1,
        max_value=60,
        help_text=_("A look is every 30 seconds. What is not so for long enough is not told."),
    )
    remind_after_hours = forms.IntegerField(
        label=_("Remind after (hours)"),
        min_value=0,
        max_value=720,
        help_text=_("While it goes on. 0: never."),
    )
    recipients = forms.ModelMultipleChoiceField(
        label=_("Who is told"),
        queryset=AlertRecipient.objects.all(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    class Meta:
        model = AlertRule
        fields = (
            "name",
            "threshold",
            "currency",
            "window_minutes",
            "min_requests",
            "env_id",
            "model_name",
            "hold",
            "remind_after_hours",
            "language",
            "is_on",
            "recipients",
        )

    def __init__(self, data: Any, rule: AlertRule) -> None:
        """To change `rule`, which may be new; what it watches stays."""
        super().__init__(data, instance=rule)
        kind = kinds.of(rule)
        self.initial["threshold"] = f"{rule.threshold:.12g}"
        for name in _OF_SOME_KINDS - kind.fields:
            del self.fields[name]
        self._choose("window_minutes", [(m, kinds.window(m)) for m in kind.windows])
        self._choose("env_id", _environments(rule.env_id))
        if kind.unit in _UNITS and "threshold" in self.fields:
            self._measure_in(kind.unit)

    def _choose(self, name: str, choices: list[tuple[Any, Any]]) -> None:
        field = self.fields.get(name)
        if isinstance(field, forms.ChoiceField):
            field.choices = choices

    def _measure_in(self, unit: str) -> None:
        field = self.fields["threshold"]
        field.label = format_lazy("{} ({})", _("Threshold"), _UNITS[unit])
        if unit == "%":
            field.validators.append(MaxValueValidator(100))

    def clean_name(self) -> str:
        """On one line."""
        return _one_line(self.cleaned_data["name"])

    def clean_threshold(self) -> float:
        """Something always reaches nothing."""
        threshold: float = self.cleaned_data["threshold"]
        if threshold <= 0:
            raise ValidationError(_("Write more than 0, else it is always so."), code="zero")
        return threshold

    def clean_currency(self) -> str:
        """As the ledger has it."""
        currency = str(self.cleaned_data["currency"]).upper()
        if currency not in currencies.CODES:
            raise ValidationError(_("There is no such currency."), code="currency")
        return currency


def _environments(chosen: str) -> list[tuple[Any, Any]]:
    rows = Environment.objects.order_by("name").values_list("env_id", "name")
    known = [("", _("every environment")), *((env_id, name) for env_id, name in rows)]
    if chosen and chosen not in dict(known):  # a rule outlives what it names
        known.append((chosen, chosen))
    return known


class RecipientForm(forms.Form):
    """Where alerts are told."""

    name = forms.CharField(
        label=_("Name"), max_length=80, help_text=_("For example: on call, or a room of a chat.")
    )
    emails = forms.CharField(
        label=_("E-mail addresses"),
        required=False,
        max_length=4000,
        help_text=_("One a line."),
        widget=forms.Textarea(attrs=_NO_CORRECTION | {"rows": 3}),
    )
    url = forms.CharField(
        label=_("Webhook address"),
        required=False,
        max_length=400,
        help_text=_("Alerts are posted to it as JSON. Only its host is shown elsewhere."),
        widget=forms.URLInput(attrs=_NO_CORRECTION | {"placeholder": "https://"}),
    )
    signing_secret = SecretField(
        _("Secret of the webhook"),
        _("With it the receiver can tell that a request is ours. Empty: not signed."),
    )
    remove_secret = forms.BooleanField(label=_("Remove the stored secret"), required=False)

    def __init__(self, data: Any, recipient: AlertRecipient) -> None:
        """To change `recipient`, which may be new."""
        initial = {
            "name": recipient.name,
            "emails": "\n".join(recipient.emails),
            "url": recipient.url,
        }
        super().__init__(data, initial=initial)
        self.recipient = recipient
        if recipient.has_secret:
            self.fields["signing_secret"].help_text = _(
                "Leave empty to keep the stored secret. A stored secret is never shown."
            )
        else:
            del self.fields["remove_secret"]

    def clean_name(self) -> str:
        """On one line, and nobody else's."""
        name = _one_line(self.cleaned_data["name"])
        if AlertRecipient.objects.filter(name=name).exclude(pk=self.recipient.pk).exists():
            raise ValidationError(_("There is a recipient of this name already."), code="exists")
        return name

    def clean_emails(self) -> list[str]:
        """The addresses, each once."""
        typed = self.cleaned_data["emails"].replace(",", "\n").split("\n")
        emails = list(dict.fromkeys(filter(None, map(str.strip, typed))))
        for email in emails:
            try:
                validate_email(email)
            except ValidationError as error:
                sentence = _("%(email)s is no e-mail address.")
                raise ValidationError(sentence, params={"email": email[:80]}) from error
        if len(emails) > _MOST_EMAILS:
            raise ValidationError(
                _("At most %(most)d addresses."), code="many", params={"most": _MOST_EMAILS}
            )
        return emails

    def clean_url(self) -> str:
        """An address that may be called, as far as that can be said without calling it. It may
        have a query, by which many receivers know who may post."""
        url: str = self.cleaned_data["url"].strip()
        if url:
            self._check_address(url)
        return url

    def _check_address(self, url: str) -> None:
        place, _mark, query = url.partition("?")
        sentence = _("Write a whole address, for example https://example.org/hook?key=1.")
        wrong = ValidationError(sentence, code="address")
        if not query.isprintable() or set(query) & set(" #\\"):
            raise wrong
        try:
            validate_outgoing(place)
        except ValidationError as error:
            raise (wrong if error.code == IllegalBaseUrl.code else error) from None

    def clean(self) -> dict[str, Any]:
        """Refuse one that nothing would reach."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.errors and not (cleaned["emails"] or cleaned["url"]):
            self.add_error("emails", _("Enter an e-mail address, a webhook address, or both."))
        return cleaned

    @property
    def changed_recipient(self) -> AlertRecipient:
        """The recipient as it was typed, without the secret; expects the form to be valid."""
        for name in ("name", "emails", "url"):
            setattr(self.recipient, name, self.cleaned_data[name])
        return self.recipient

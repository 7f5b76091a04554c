"""Which entries of the audit log are wanted."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from admin_models.models import AuditEntry
from admin_models.showing import audit

_CALENDAR: Final = (MinValueValidator(date(2000, 1, 1)), MaxValueValidator(date(2999, 12, 31)))


def _day(label: Any) -> forms.DateField:
    return forms.DateField(
        label=label,
        required=False,
        validators=_CALENDAR,
        widget=forms.DateInput(attrs={"type": "date"}),
        error_messages={"invalid": _("Write a day, for example 2027-01-31.")},
    )


class FilterForm(forms.Form):
    """From an address; what is left out narrows nothing."""

    text = forms.CharField(label=_("Name or key"), max_length=300, required=False)
    person = forms.CharField(
        label=_("Person"),
        max_length=150,
        required=False,
        widget=forms.TextInput(attrs={"list": "actors", "autocomplete": "off"}),
    )
    action = forms.ChoiceField(
        label=_("Action"), required=False, choices=audit.choices(audit.ACTIONS, _("any"))
    )
    kind = forms.ChoiceField(
        label=_("Kind"), required=False, choices=audit.choices(audit.KINDS, _("any"))
    )
    since = _day(_("From"))
    until = _day(_("Until (included)"))

    def clean(self) -> dict[str, Any]:
        """Refuse a time that ends before it begins."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        since, until = cleaned.get("since"), cleaned.get("until")
        if since and until and until < since:
            self.add_error("until", ValidationError(_("That is before it begins."), code="order"))
        return cleaned

    def found(self) -> QuerySet[AuditEntry]:
        """The entries, the newest first; none while the form is not valid."""
        if not self.is_valid():
            return AuditEntry.objects.none()
        typed = self.cleaned_data
        wanted = {
            "actor": typed["person"],
            "action": typed["action"],
            "subject_kind": typed["kind"],
            "at__gte": _moment(typed["since"], time.min),
            "at__lte": _moment(typed["until"], time.max),
        }
        rows = AuditEntry.objects.filter(**{name: value for name, value in wanted.items() if value})
        if text := typed["text"]:
            rows = rows.filter(Q(subject__icontains=text) | Q(subject_key__icontains=text))
        return rows


def _moment(day: date | None, at: time) -> datetime | None:
    return timezone.make_aware(datetime.combine(day, at)) if day else None

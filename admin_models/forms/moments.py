"""A moment that somebody types: a day and a time, in the time zone of this installation."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

FARTHEST: Final = timedelta(days=36_525)
"""Later than that nobody plans; a moment at the end of all calendars is a slip."""


class ComingMoment(forms.DateTimeField):
    """A moment that is to come, or none."""

    def __init__(self, *, empty_means: Any, **named: Any) -> None:
        super().__init__(
            required=False,
            widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
            help_text=format_lazy(
                "{empty} {zone} {name}.",
                empty=empty_means,
                zone=_("Times are in the time zone"),
                name=settings.TIME_ZONE,
            ),
            error_messages={"invalid": _("Write a day and a time, for example 2027-01-31 18:00.")},
            **named,
        )

    def clean(self, value: Any) -> datetime | None:
        """The moment; refuses what is over, and what is too far away to be meant."""
        moment: datetime | None = super().clean(value)
        if moment is None:
            return None
        now = timezone.now()
        if moment > now + FARTHEST:
            raise ValidationError(_("That is more than a hundred years away."), code="far")
        if moment <= now:
            raise ValidationError(_("This moment is over; choose a later one."), code="past")
        return moment

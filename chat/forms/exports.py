"""What is exported: which part of the ledger, as rows or as sums, and in which format."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from chat.figures.spans import Dimension
from chat.forms.usage import RowsForm, UsageForm
from chat.operations import splits
from chat.operations.exports import Format
from chat.operations.exports.rows import Rows
from chat.operations.exports.sums import SumsOf
from chat.operations.exports.tables import Table

JSON: Final = "json"
"""Page by page; what programs get unless they ask for a file."""
MOST_ROWS: Final = 1000
"""Of a page."""
_OF_ROWS: Final = tuple(name for name in RowsForm.base_fields if name not in UsageForm.base_fields)


class What(TextChoices):
    ROWS = "rows", pgettext_lazy("what is exported", "Rows: one for each request")
    SUMS = "sums", pgettext_lazy("what is exported", "Sums: by hour or day")


class ExportForm(RowsForm):
    """From an address; what is left out narrows nothing."""

    of = forms.ChoiceField(
        label=_("Export"), choices=What, initial=What.ROWS, widget=forms.RadioSelect
    )
    step = forms.ChoiceField(
        label=_("Step length"), required=False, choices=[("day", _("days")), ("hour", _("hours"))]
    )
    by = forms.ChoiceField(
        label=_("Sums are by"),
        required=False,
        choices=[("", _("nothing else")), *((by.value, t) for by, t in splits.TITLES.items())],
    )
    format = forms.ChoiceField(
        label=_("Format"), choices=Format, initial=Format.CSV, widget=forms.RadioSelect
    )

    CHOICES: ClassVar = ("of", "format")
    OF_BOTH: ClassVar = ("since", "until", *UsageForm.NARROWING)
    OF_SUMS: ClassVar = ("step", "by")

    most_days: ClassVar = 3660
    most_days_in_hours: ClassVar = 366

    def clean(self) -> dict[str, Any]:
        """Refuse to narrow sums by what only rows know."""
        cleaned = super().clean()
        if cleaned.get("of") == What.SUMS:
            for name in _OF_ROWS:
                if cleaned.get(name):
                    text = _("Only rows can be narrowed by this, and sums cannot.")
                    self.add_error(name, ValidationError(text, code="rows_only"))
        return cleaned

    @property
    def dated(self) -> dict[str, str]:
        """What was typed, with the days that it means; only of a valid form."""
        days = {"since": f"{self.chosen.first:%Y-%m-%d}", "until": f"{self.chosen.last:%Y-%m-%d}"}
        return {**self.data, **days, "period": ""}

    @property
    def choices(self) -> list[forms.BoundField]:
        """What has to be chosen."""
        return [self[name] for name in self.CHOICES]

    @property
    def of_both(self) -> list[forms.BoundField]:
        """The fields that narrow rows and sums."""
        return [self[name] for name in self.OF_BOTH]

    @property
    def of_rows(self) -> list[forms.BoundField]:
        """The fields that narrow rows, and sums cannot."""
        return [self[name] for name in _OF_ROWS if not self[name].is_hidden]

    @property
    def of_sums(self) -> list[forms.BoundField]:
        """The fields that say which sums."""
        return [self[name] for name in self.OF_SUMS]

    @property
    def narrows_rows(self) -> bool:
        """Whether anything is said that only rows know."""
        return any(self.data.get(name) for name in _OF_ROWS)

    @property
    def is_of_sums(self) -> bool:
        """Whether sums are chosen."""
        return self.data.get("of") == What.SUMS

    @property
    def table(self) -> Table:
        """What is exported; only of a valid form."""
        typed = self.cleaned_data
        if typed["of"] == What.ROWS:
            return Rows(self.span, self.narrowing, self.more)
        by = Dimension(typed["by"]) if typed["by"] else None
        return SumsOf(self.span, self.narrowing, typed["step"] or "day", by)

    @property
    def file_name(self) -> str:
        """What the file is called; only of a valid form."""
        days = f"{self.chosen.first:%Y-%m-%d}-{self.chosen.last:%Y-%m-%d}"
        return f"usage-{self.cleaned_data['of']}-{days}.{self.cleaned_data['format']}"


class ApiForm(ExportForm):
    """The same for programs, which also get it page by page."""

    limit = forms.IntegerField(required=False, min_value=1, max_value=MOST_ROWS)
    cursor = forms.CharField(required=False, max_length=1000)

    def __init__(self, what: What, data: Mapping[str, str], preferred: str) -> None:
        """`preferred` is the format of whoever names none."""
        self.unknown = sorted(data.keys() - (self.base_fields.keys() - {"of"}))
        super().__init__({"format": preferred, **{name: data[name] for name in data}, "of": what})
        formats = self.fields["format"]
        assert isinstance(formats, forms.ChoiceField)  # noqa: S101  # for the type checker
        formats.choices = [(JSON, JSON), *Format.choices]

    @property
    def is_paged(self) -> bool:
        """Whether a page is wanted, and not a file."""
        return bool(self.cleaned_data["format"] == JSON)

    @property
    def page_length(self) -> int:
        """How many rows a page has at most."""
        return self.cleaned_data["limit"] or MOST_ROWS

"""A configuration to import: a file, or its text."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _

from admin_models.configuration import secrets

LARGEST: Final = 2_000_000
"""Bytes; Django takes a little more as the body of a request."""
_TOO_LARGE: Final = _("This is larger than %(most)s bytes; such a configuration is not imported.")


class ImportForm(forms.Form):
    """What is to be imported, and, once that was previewed, what was seen."""

    file = forms.FileField(
        label=_("File"),
        required=False,
        widget=forms.FileInput(attrs={"accept": ".json,application/json"}),
    )
    text = forms.CharField(
        label=_("Or its text"),
        required=False,
        strip=False,
        max_length=LARGEST,
        widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "false", "autocomplete": "off"}),
    )
    seen = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)

    def clean(self) -> dict[str, Any]:
        """Leave the one text that is meant in `text`."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.errors:
            return cleaned
        file, text = cleaned.get("file"), cleaned["text"]
        if file and text.strip():
            raise ValidationError(_("Choose a file or paste its text, not both."), code="both")
        if not (file or text.strip()):
            raise ValidationError(_("Choose a file, or paste its text."), code="nothing")
        cleaned["text"] = _text_of(file) if file else _small_enough(text)
        return cleaned

    def shown_again(self) -> ImportForm:
        """The form as it may be shown again: nothing that looks like a secret goes back."""
        if secrets.are_named_in(self.data.get("text", "")):
            self.data = {**dict(self.data.items()), "text": ""}
        return self


def _text_of(file: UploadedFile[bytes]) -> str:
    if (file.size or 0) > LARGEST:
        raise ValidationError(_TOO_LARGE, code="too_large", params={"most": f"{LARGEST:,}"})
    try:
        return str(file.read(), "utf-8-sig")
    except UnicodeDecodeError as mistake:
        sentence = _("This is no text in UTF-8: the byte at %(place)s is none of it.")
        params = {"place": f"{mistake.start:,}"}
        raise ValidationError(sentence, code="not_text", params=params) from None


def _small_enough(text: str) -> str:
    if len(text.encode(errors="replace")) > LARGEST:
        raise ValidationError(_TOO_LARGE, code="too_large", params={"most": f"{LARGEST:,}"})
    return text

"""What a person sends: the same rules for the page and for the socket."""

from __future__ import annotations

import uuid

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from admin_models.models import AIModel


class MessageForm(forms.Form):
    """A question: its text, the model to ask, and the sender's own name for it."""

    text = forms.CharField(
        label=_("Message"),
        strip=False,
        widget=forms.Textarea(attrs={"rows": 1}),
        error_messages={"required": _("Please write something first.")},
    )
    model = forms.ModelChoiceField(
        label=_("Model"),
        queryset=AIModel.objects.ready(),
        required=False,
        error_messages={
            "invalid_choice": _("This model cannot be used now. Please choose another one.")
        },
    )
    key = forms.CharField(
        required=False, max_length=40, widget=forms.HiddenInput, initial=lambda: str(uuid.uuid4())
    )

    field_order = ["key", "text", "model"]

    def clean_text(self) -> str:
        text: str = self.cleaned_data["text"].replace("\r\n", "\n")
        if not text.strip():
            raise ValidationError(_("Please write something first."), code="required")
        if len(text) > settings.MAX_MESSAGE_LENGTH:
            raise ValidationError(
                ngettext_lazy(
                    "This message is too long: it has %(length)d characters, and "
                    "%(limit)d is the most. Please shorten it or send it in parts.",
                    "This message is too long: it has %(length)d characters, and "
                    "%(limit)d are the most. Please shorten it or send it in parts.",
                    "limit",
                ),
                code="too_long",
                params={"length": len(text), "limit": settings.MAX_MESSAGE_LENGTH},
            )
        if not text.isprintable() and any("\ud800" <= character <= "\udfff" for character in text):
            raise ValidationError(
                _("This message holds half a character (a lone surrogate). Please remove it."),
                code="surrogate",
            )
        return text

    def sentences(self) -> list[str]:
        """Everything that is wrong, in the reader's language."""
        return [str(sentence) for errors in self.errors.values() for sentence in errors]

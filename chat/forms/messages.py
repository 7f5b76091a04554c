"""What a person sends: the same rules for the page and for the socket."""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext, ngettext_lazy
from django.utils.translation import gettext_lazy as _

from admin_models import switcher
from admin_models.models import AIModel
from chat.models import Conversation
from chat.turns.questions import Question


class ModelField(forms.ModelChoiceField):  # type: ignore[type-arg]  # generic only in the stubs
    """Any model; the one that is `kept` is known and not looked up."""

    kept: AIModel | None = None

    def to_python(self, value: Any) -> AIModel | None:
        if self.kept is not None and str(value) == str(self.kept.pk):
            return self.kept
        return super().to_python(value)


class MessageForm(forms.Form):
    """A question: its text, the model to ask, and the sender's own name for it.

    A model that is not ready, or not for who asks, is refused, unless it is the one that
    `conversation` has: there the answer says what is wrong, and what to do.
    """

    text = forms.CharField(
        label=_("Message"),
        strip=False,
        widget=forms.Textarea(attrs={"rows": 1}),
        error_messages={"required": _("Please write something first.")},
    )
    model = ModelField(
        label=_("Model"),
        queryset=AIModel.objects.select_related("group__environment"),
        required=False,
        error_messages={
            "invalid_choice": _("This model cannot be used now. Please choose another one.")
        },
    )
    key = forms.CharField(
        required=False, max_length=40, widget=forms.HiddenInput, initial=lambda: str(uuid.uuid4())
    )

    field_order = ["key", "text", "model"]

    def __init__(
        self, asker_pk: int, *args: Any, conversation: Conversation | None = None, **kwargs: Any
    ) -> None:
        """`conversation` is the one that the question is for, its model loaded; None: a new one."""
        super().__init__(*args, **kwargs)
        self.asker_pk = asker_pk
        self.kept = self.fields["model"].kept = conversation.model if conversation else None  # type: ignore[attr-defined]  # fields are typed by their base class

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

    def clean_model(self) -> AIModel | None:
        model: AIModel | None = self.cleaned_data["model"]
        if model is None:
            # A page that sends it empty shows that none is chosen; nobody else chooses one then.
            if self.data.get("model") == "" and switcher.loaded(self.asker_pk).default:
                raise ValidationError(_("Please choose a model first."), code="no_model")
        elif model != self.kept and (refusal := switcher.refusal(self.asker_pk, model)):
            sentence = gettext(refusal.user_message) % refusal.params
            raise ValidationError(sentence, code=refusal.code)
        return model

    def question(self) -> Question:
        """What is asked; expects the form to be valid."""
        return Question(**self.cleaned_data)

    def sentences(self) -> list[str]:
        """Everything that is wrong, in the reader's language."""
        return [str(sentence) for errors in self.errors.values() for sentence in errors]

"""The list of a group: each of its models, and the whole of it as a page carries it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.forms import BaseFormSet, formset_factory
from django.utils.translation import gettext_lazy as _

from admin_models import model_lists
from chat.cloudbase.control_plane import AIModelEntry

MOST_MODELS: Final = 1000
"""That one group is offered to list here."""


class ListField(forms.JSONField):
    """A list of models as a page carries it in a hidden field."""

    widget = forms.HiddenInput

    def prepare_value(self, value: Any) -> Any:
        """As JSON."""
        is_list = isinstance(value, tuple)
        return json.dumps(model_lists.stored(value)) if is_list else super().prepare_value(value)

    def clean(self, value: Any) -> tuple[AIModelEntry, ...]:
        """The entries; there may be none, but the list itself must not be missing."""
        try:
            return model_lists.read(self.to_python(value))
        except (TypeError, KeyError, AttributeError):
            raise ValidationError(_("This is no list of models."), code="no_list") from None


class EntryForm(forms.Form):
    """One model that a group lists."""

    model = forms.CharField(max_length=400, strip=False, widget=forms.HiddenInput)
    enable_mcp = forms.BooleanField(label=_("MCP"), required=False)
    tags = forms.CharField(
        label=_("Tags"),
        max_length=400,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    is_removed = forms.BooleanField(label=_("Remove"), required=False)

    def clean_tags(self) -> tuple[str, ...]:
        """Separated by commas, each once."""
        tags = self.cleaned_data["tags"].replace("，", ",").split(",")
        return tuple(dict.fromkeys(filter(None, map(str.strip, tags))))

    @property
    def entry(self) -> AIModelEntry:
        """As it is to be listed."""
        typed = self.cleaned_data
        return AIModelEntry(typed["model"], enable_mcp=typed["enable_mcp"], tags=typed["tags"])


_EntryFormSet = formset_factory(EntryForm, extra=0, max_num=MOST_MODELS, absolute_max=MOST_MODELS)


def entry_forms(
    entries: Sequence[AIModelEntry], data: Mapping[str, Any] | None = None
) -> BaseFormSet[EntryForm]:
    """A form for each model that a group lists, as it is or as it was sent."""
    initial = [
        {"model": entry.model, "enable_mcp": entry.enable_mcp, "tags": ", ".join(entry.tags)}
        for entry in entries
    ]
    return _EntryFormSet(data, initial=initial, prefix="models")


def wanted(forms: Iterable[EntryForm], added: Iterable[str] = ()) -> tuple[AIModelEntry, ...]:
    """The list as somebody wants it; expects the forms to be valid."""
    kept = [form.entry for form in forms if not form.cleaned_data["is_removed"]]
    listed = {entry.model for entry in kept}
    return (*kept, *(AIModelEntry(name) for name in added if name not in listed))


class SeenForm(forms.Form):
    """What somebody saw of a list before they changed it."""

    seen = ListField()


class ReplacementForm(SeenForm):
    """A list to be replaced: what somebody saw, and what they want instead."""

    wanted = ListField()


class DecisionForm(ReplacementForm):
    """A list that was disputed: also what somebody was shown to be there now."""

    current = ListField()

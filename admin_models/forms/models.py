"""One model: what this site knows of it beside its name."""

from __future__ import annotations

from django import forms

from admin_models.models import AIModel


class ModelForm(forms.ModelForm):  # type: ignore[type-arg]  # generic only in the stubs
    """All of it can be left empty."""

    class Meta:
        model = AIModel
        fields = ("label", "context_length", "parameters", "notice")
        widgets = {
            "parameters": forms.Textarea(attrs={"rows": 5, "spellcheck": "false"}),
            "notice": forms.Textarea(attrs={"rows": 3}),
        }

"""Forms of Django's own admin. Keys go in and never come out."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from admin_models.models import Environment, ModelGroup


class KeyForm(forms.ModelForm):  # type: ignore[type-arg]  # generic only in the stubs
    """A row with a sealed key: write-only, and kept where the field is left empty."""

    new_key = forms.CharField(
        label=_("API key"),
        required=False,
        strip=True,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text=_("Leave empty to keep the stored key. A stored key is never shown."),
    )
    remove_key = forms.BooleanField(label=_("Remove the stored key"), required=False)

    def save(self, commit: bool = True) -> Any:
        """Seal a new key into the row, or remove the stored one if that was asked."""
        if self.cleaned_data["remove_key"]:
            self.instance.keep_key("")
        if self.cleaned_data["new_key"]:
            self.instance.keep_key(self.cleaned_data["new_key"])
        return super().save(commit)


class EnvironmentForm(KeyForm):
    class Meta:
        model = Environment
        fields = (
            "kind",
            "name",
            "env_id",
            "region",
            "is_enabled",
            "is_default",
        )


class ModelGroupForm(KeyForm):
    class Meta:
        model = ModelGroup
        fields = ("environment", "name", "base_url", "status", "remark")

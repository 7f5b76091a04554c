"""Environments, groups and models in Django's own admin."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from .forms import EnvironmentForm, ModelGroupForm
from .models import AIModel, Environment, ModelGroup
from .models.keys import HoldsKey


class KeyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic only in the stubs
    """Says of a key only whether it is there."""

    @admin.display(description=_("key is set"), boolean=True)
    def is_key_set(self, row: HoldsKey) -> bool:
        return row.has_key


@admin.register(Environment)
class EnvironmentAdmin(KeyAdmin):
    form = EnvironmentForm
    list_display = ("name", "kind", "env_id", "is_enabled", "is_default", "is_key_set")
    list_filter = ("kind", "is_enabled")


class AIModelInline(admin.TabularInline):  # type: ignore[type-arg]  # generic only in the stubs
    model = AIModel
    extra = 1


@admin.register(ModelGroup)
class ModelGroupAdmin(KeyAdmin):
    form = ModelGroupForm
    inlines = (AIModelInline,)
    list_display = ("name", "environment", "base_url", "status", "is_key_set")
    list_filter = ("environment", "status")

"""Environments, groups and models in Django's own admin."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from .forms import EnvironmentForm, ModelGroupForm
from .models import AIModel, Environment, ModelGroup


@admin.register(Environment)
class EnvironmentAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic only in the stubs
    form = EnvironmentForm
    list_display = ("name", "kind", "env_id", "is_enabled", "is_default", "is_key_set")
    list_filter = ("kind", "is_enabled")

    @admin.display(description=_("key is set"), boolean=True)
    def is_key_set(self, environment: Environment) -> bool:
        return environment.has_key


class AIModelInline(admin.TabularInline):  # type: ignore[type-arg]  # generic only in the stubs
    model = AIModel
    extra = 1


@admin.register(ModelGroup)
class ModelGroupAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic only in the stubs
    form = ModelGroupForm
    inlines = (AIModelInline,)
    list_display = ("name", "environment", "base_url", "status", "is_key_set")
    list_filter = ("environment", "status")

    @admin.display(description=_("key is set"), boolean=True)
    def is_key_set(self, group: ModelGroup) -> bool:
        return group.has_key

"""Environments, groups, models and token packs in Django's own admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from .forms.admin import EnvironmentForm, ModelGroupForm
from .models import AIModel, Environment, ModelGroup, Observation, TokenPack
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


@admin.register(TokenPack)
class TokenPackAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic only in the stubs
    """Issues, extends and disables packs; what was used is counted and never written."""

    fields = ("environment", "size_tokens", "used_tokens", "expires_at", "is_disabled")
    readonly_fields = ("used_tokens",)
    list_display = ("package_id", "environment", "size_tokens", "used_tokens", "expires_at", "pays")
    list_filter = ("environment", "is_disabled")

    @admin.display(description=_("state"))
    def pays(self, pack: TokenPack) -> str:
        return str(pack.status.label)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """A pack stays with the environment that it was issued to."""
        return ("environment", *self.readonly_fields) if obj else self.readonly_fields


@admin.register(Observation)
class ObservationAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic only in the stubs
    """What was seen, to read: nobody writes evidence by hand."""

    list_display = ("environment", "action", "subject", "answered_at", "failed_at", "request_id")
    list_filter = ("environment", "action")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

"""The ledger in Django's own admin: to read, never to change."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest

from .models import Usage


@admin.register(Usage)
class UsageAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic only in the stubs
    list_display = (
        "created_at",
        "user",
        "group_name",
        "requested_model",
        "total_tokens",
        "cost",
        "currency",
        "confidence",
        "final_status",
        "error_code",
    )
    list_filter = ("final_status", "confidence", "group_name")
    list_select_related = ("user",)
    date_hierarchy = "created_at"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Usage | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Usage | None = None) -> bool:
        return False

"""The ledger in Django's own admin: to read, never to change."""

from __future__ import annotations

from django.contrib import admin

from admin_models.admin import ReadOnlyAdmin

from .models import Usage


@admin.register(Usage)
class UsageAdmin(ReadOnlyAdmin):
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

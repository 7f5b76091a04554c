"""Our tables in Django's own admin: to read, never to change, and without secrets. Accounts can be
changed there by superusers, and each change is recorded."""

from __future__ import annotations

from typing import Any

from allauth.account.admin import EmailAddress  # which registers it
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from admin_models import audit, roles

from .forms.accounts import AccountForm
from .models import (
    AIModel,
    AuditEntry,
    Environment,
    ListVersion,
    ModelAbilities,
    ModelGroup,
    Observation,
    Price,
    Team,
    TokenPack,
)
from .models.keys import HoldsKey


class ReadOnly(admin.options.BaseModelAdmin):  # type: ignore[type-arg]  # generic only in the stubs
    """For administrators to look at; the pages of this site change it, and record that."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return roles.is_admin(request.user)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return roles.is_admin(request.user)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnlyAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]  # generic only in the stubs
    """A table."""


class KeyAdmin(ReadOnlyAdmin):
    """Says of a key only whether it is there."""

    @admin.display(description=_("key is set"), boolean=True)
    def is_key_set(self, row: HoldsKey) -> bool:
        return row.has_key


@admin.register(Environment)
class EnvironmentAdmin(KeyAdmin):
    list_display = ("name", "kind", "env_id", "is_enabled", "is_default", "is_key_set")
    list_filter = ("kind", "is_enabled")
    readonly_fields = ("is_key_set", "key_set_at", "key_set_by")


class AIModelInline(ReadOnly, admin.TabularInline):  # type: ignore[type-arg]  # generic only in the stubs
    model = AIModel


@admin.register(ModelGroup)
class ModelGroupAdmin(KeyAdmin):
    inlines = (AIModelInline,)
    list_display = ("name", "environment", "base_url", "status", "is_key_set")
    list_filter = ("environment", "status")
    list_select_related = ("environment",)
    readonly_fields = ("is_key_set", "key_set_at", "key_set_by")


@admin.register(TokenPack)
class TokenPackAdmin(ReadOnlyAdmin):
    list_display = ("package_id", "environment", "size_tokens", "used_tokens", "expires_at", "pays")
    list_filter = ("environment", "is_disabled")
    list_select_related = ("environment",)

    @admin.display(description=_("state"))
    def pays(self, pack: TokenPack) -> str:
        return str(pack.status.label)


@admin.register(Observation)
class ObservationAdmin(ReadOnlyAdmin):
    list_display = ("environment", "action", "subject", "answered_at", "failed_at", "request_id")
    list_filter = ("environment", "action")
    list_select_related = ("environment",)


@admin.register(Price)
class PriceAdmin(ReadOnlyAdmin):
    list_display = ("env_id", "group", "model", "currency", "valid_from", "set_by")
    list_filter = ("env_id", "group")


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ("at", "actor", "action", "subject")
    list_filter = ("action",)


@admin.register(ListVersion)
class ListVersionAdmin(ReadOnlyAdmin):
    list_display = ("environment", "group", "made_at", "made_by", "undone_at")
    list_filter = ("environment",)
    list_select_related = ("environment",)


@admin.register(ModelAbilities)
class ModelAbilitiesAdmin(ReadOnlyAdmin):
    list_display = ("base_url", "model", "streams", "accepts_tools", "accepts_images", "tried_at")


@admin.register(Team)
class TeamAdmin(ReadOnlyAdmin):
    list_display = ("name", "allows_all")


# Accounts. Nothing about people is changed here without a record; and the group of a role keeps its
# name.

admin.site.unregister([EmailAddress, Group, User])

ACCOUNT = ("username", "email", "first_name", "last_name", "password")
RIGHTS = ("is_active", "is_staff", "is_superuser")


@admin.register(User)
class UserAdmin(DjangoUserAdmin):  # type: ignore[type-arg]  # generic only in the stubs
    """Accounts, for superusers; what they change is recorded as the pages' changes are."""

    form = AccountForm

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> User | None:
        """As Django's; what the account was is kept for the record."""
        found: User | None = super().get_object(request, object_id, from_field)
        if found is not None:
            request.account_before = _state_of(found)  # type: ignore[attr-defined]  # ours, for log_change
        return found

    def user_change_password(
        self, request: HttpRequest, id: str, form_url: str = ""
    ) -> HttpResponse:
        """As Django's, in one transaction with the record."""
        with transaction.atomic():
            return super().user_change_password(request, id, form_url)

    def log_addition(self, request: HttpRequest, obj: User, message: Any) -> Any:
        audit.record(request.user, "person.created", roles.subject_of(obj), after=_state_of(obj))
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: User, message: Any) -> Any:
        subject, before = roles.subject_of(obj), getattr(request, "account_before", {})
        after = _state_of(User.objects.get(pk=obj.pk))
        audit.record(request.user, "person.updated", subject, before=before, after=after)
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: QuerySet[User]) -> Any:
        for person in queryset:
            subject = roles.subject_of(person)
            audit.record(request.user, "person.deleted", subject, before=_state_of(person))
        return super().log_deletions(request, queryset)

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        """As Django's; what goes with the account is recorded as well."""
        with audit.acting(request.user):
            super().delete_model(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Nobody deletes the account with which they are signed in, so that one administrator is
        always left."""
        return super().has_delete_permission(request, obj) and obj != request.user

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """One at a time: the list asks nobody whom it deletes."""
        return {}


def _state_of(person: User) -> dict[str, Any]:
    groups = sorted(person.groups.values_list("name", flat=True))
    return audit.state_of(person, [*ACCOUNT, *RIGHTS]) | {"groups": groups}

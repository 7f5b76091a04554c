"""An account as Django's own admin shows it to superusers."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.forms import UserChangeForm
from django.core.exceptions import ValidationError

from admin_models import roles


class AccountForm(UserChangeForm):  # type: ignore[type-arg]  # generic only in the stubs
    """As Django's; one administrator is always left."""

    def clean(self) -> dict[str, Any]:
        """Refuse to lock the last administrator out. Runs in the transaction of the change."""
        typed: dict[str, Any] = super().clean() or self.cleaned_data
        if not (typed.get("is_staff") and typed.get("is_active")):
            try:
                roles.refuse_last(self.instance)
            except roles.LastAdmin as refusal:
                raise ValidationError(refusal.user_message, code="last_admin") from refusal
        return typed

"""A row with a key that goes in and never comes out."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from admin_models import crypto


class HoldsKey(models.Model):
    """Keeps an API key sealed; only `admin_models.connections` unseals it."""

    sealed_key = models.TextField(editable=False, blank=True)
    key_set_at = models.DateTimeField(_("key set"), null=True, editable=False)
    key_set_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        editable=False,
        related_name="+",
        verbose_name=_("key set by"),
    )

    class Meta:
        abstract = True

    @property
    def has_key(self) -> bool:
        """Whether a key is stored; the key itself is never shown."""
        return bool(self.sealed_key)

    def keep_key(self, key: str, by: AbstractBaseUser | AnonymousUser | None = None) -> None:
        """Seal `key` into the row, set by person `by` now; an empty one removes what was stored.
        Does not save."""
        self.sealed_key = crypto.seal(key)
        self.key_set_at = timezone.now()
        self.key_set_by_id = by.pk if by else None

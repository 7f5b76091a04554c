"""A row with a key that goes in and never comes out."""

from __future__ import annotations

from django.db import models

from admin_models import crypto


class HoldsKey(models.Model):
    """Keeps an API key sealed; only `admin_models.connections` unseals it."""

    sealed_key = models.TextField(editable=False, blank=True)

    class Meta:
        abstract = True

    @property
    def has_key(self) -> bool:
        """Whether a key is stored; the key itself is never shown."""
        return bool(self.sealed_key)

    def keep_key(self, key: str) -> None:
        """Seal `key` into the row; an empty one removes what was stored. Does not save."""
        self.sealed_key = crypto.seal(key)

"""Tokens with which programs ask this site something, in the name of a person."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar, Final

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

LAST_USE_IS_KEPT_EVERY: Final = timedelta(minutes=1)


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def used(self, token: ApiToken) -> None:
        """Note that `token` was used now; one write a minute at most, whatever the processes."""
        now = timezone.now()
        before = now - LAST_USE_IS_KEPT_EVERY
        if token.last_used_at is not None and token.last_used_at > before:
            return
        rows = self.filter(Q(last_used_at=None) | Q(last_used_at__lte=before), pk=token.pk)
        rows.update(last_used_at=now)


class ApiToken(models.Model):
    """What a program may do in the name of whoever made it. The token itself is not kept."""

    class Scope(models.TextChoices):
        USAGE_READ = "usage:read", pgettext_lazy("a scope", "read usage")

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        related_name="api_tokens",
        verbose_name=_("person"),
    )
    name = models.CharField(_("name"), max_length=80)
    prefix = models.CharField(_("begins with"), max_length=16, unique=True)
    """By which people tell tokens apart and we find one; no secret."""
    digest = models.CharField(max_length=64, editable=False)
    """SHA-256 of the whole token, in hexadecimal."""
    scopes = models.JSONField(_("scopes"), default=list)
    created_at = models.DateTimeField(_("made"), default=timezone.now)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True)

    objects: ClassVar[ApiTokenQuerySet] = ApiTokenQuerySet.as_manager()  # type: ignore[assignment]  # as_manager() is typed as a plain Manager

    class Meta:
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @property
    def is_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= timezone.now()

    @property
    def works(self) -> bool:
        """Whether it was neither revoked nor expired; its owner may have lost the role."""
        return self.revoked_at is None and not self.is_expired

    @property
    def scope_labels(self) -> list[str]:
        return [str(self.Scope(name).label) for name in self.scopes]

"""An environment is one place that answers: a CloudBase environment, or this installation."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.validators import RegexValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from admin_models import crypto

from .addresses import validate_address
from .keys import HoldsKey

ENV_ID = RegexValidator(
    r"^[a-z0-9_-]{1,40}\Z",
    _("An environment id has 1 to 40 small letters, digits, hyphens and underscores."),
)


class EnvironmentQuerySet(models.QuerySet["Environment"]):
    def enabled(self) -> EnvironmentQuerySet:
        return self.filter(is_enabled=True)


class Environment(HoldsKey):
    """One place that answers; `local` is this very installation."""

    class Kind(models.TextChoices):
        LOCAL = "local", _("this installation")
        CLOUDBASE = "cloudbase", _("CloudBase environment")

    kind = models.CharField(_("kind"), max_length=16, choices=Kind)
    name = models.CharField(_("name"), max_length=80, unique=True)
    env_id = models.CharField(_("environment id"), max_length=40, unique=True, validators=[ENV_ID])
    region = models.CharField(
        _("region"),
        max_length=40,
        default="ap-shanghai",
        help_text=_("Of a CloudBase environment; it decides which gateway answers."),
    )
    is_international = models.BooleanField(
        _("international site"),
        default=False,
        help_text=_("The account belongs to the vendor's international site."),
    )
    base_url = models.CharField(
        _("gateway address"),
        max_length=400,
        blank=True,
        validators=[validate_address],
        help_text=_("Only for a gateway elsewhere; empty: the vendor's."),
    )
    control_url = models.CharField(
        _("management address"),
        max_length=400,
        blank=True,
        validators=[validate_address],
        help_text=_("Only for a management interface elsewhere; empty: the vendor's."),
    )
    sealed_secret_id = models.TextField(editable=False, blank=True)
    sealed_secret_key = models.TextField(editable=False, blank=True)
    cloud_keys_set_at = models.DateTimeField(_("pair set"), null=True, editable=False)
    cloud_keys_set_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        editable=False,
        related_name="+",
        verbose_name=_("pair set by"),
    )
    is_enabled = models.BooleanField(_("enabled"), default=True)
    is_default = models.BooleanField(_("default"), default=False)
    renewal_due_at = models.DateTimeField(null=True, editable=False)
    """When its answers are asked for anew in the background; null is at once."""
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    objects: ClassVar[EnvironmentQuerySet] = EnvironmentQuerySet.as_manager()  # type: ignore[assignment]  # as_manager() is typed as a plain Manager

    class Meta:
        verbose_name = _("environment")
        verbose_name_plural = _("environments")
        ordering = ["-is_default", "name"]
        constraints = [
            models.UniqueConstraint(
                fields=["is_default"],
                condition=models.Q(is_default=True),
                name="one_default_environment",
            ),
            models.UniqueConstraint(
                fields=["kind"], condition=models.Q(kind="local"), name="one_local_environment"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_local(self) -> bool:
        """Whether this is our own installation."""
        return self.kind == self.Kind.LOCAL

    @property
    def has_cloud_keys(self) -> bool:
        """Whether the secret id and key of the account are stored; they are never shown."""
        return bool(self.sealed_secret_id and self.sealed_secret_key)

    def keep_cloud_keys(
        self,
        secret_id: str,
        secret_key: str,
        by: AbstractBaseUser | AnonymousUser | None = None,
    ) -> None:
        """Seal the account's pair into the row, set by person `by` now; empty ones remove it.
        Does not save."""
        self.sealed_secret_id = crypto.seal(secret_id)
        self.sealed_secret_key = crypto.seal(secret_key)
        self.cloud_keys_set_at = timezone.now()
        self.cloud_keys_set_by_id = by.pk if by else None

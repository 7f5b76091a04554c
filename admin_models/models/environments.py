"""An environment is one place that answers: a CloudBase environment, or this installation."""

from __future__ import annotations

from typing import ClassVar

from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

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
    is_enabled = models.BooleanField(_("enabled"), default=True)
    is_default = models.BooleanField(_("default"), default=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    objects: ClassVar[models.Manager[Environment]] = EnvironmentQuerySet.as_manager()

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

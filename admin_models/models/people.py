"""Groups of people, and what they may use."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from .groups import AIModel, ModelGroup


class TeamQuerySet(models.QuerySet["Team"]):
    def everyone(self) -> Team:
        """The team of everyone; made where it is missing, and then it allows every model."""
        made = {"name": "Everyone", "allows_all": True}
        return self.get_or_create(is_everyone=True, defaults=made)[0]


class Team(models.Model):
    """People who may use the same models. One team is everyone: nobody joins or leaves it."""

    name = models.CharField(_("name"), max_length=80, unique=True)
    is_everyone = models.BooleanField(default=False, editable=False)
    members: models.ManyToManyField[Any, Any] = models.ManyToManyField(
        settings.AUTH_USER_MODEL, related_name="teams", blank=True, verbose_name=_("people")
    )
    allows_all = models.BooleanField(_("every model"), default=False)
    model_groups: models.ManyToManyField[ModelGroup, Any] = models.ManyToManyField(
        ModelGroup, related_name="+", blank=True, verbose_name=_("every model of these groups")
    )
    models_allowed: models.ManyToManyField[AIModel, Any] = models.ManyToManyField(
        AIModel, related_name="+", blank=True, verbose_name=_("these models")
    )

    objects: ClassVar[TeamQuerySet] = TeamQuerySet.as_manager()  # type: ignore[assignment]  # as_manager() is typed as a plain Manager

    class Meta:
        verbose_name = _("team")
        verbose_name_plural = _("teams")
        ordering = ["-is_everyone", "name"]
        constraints = [
            models.UniqueConstraint(
                fields=["is_everyone"],
                condition=models.Q(is_everyone=True),
                name="one_team_of_everyone",
            )
        ]

    def __str__(self) -> str:
        return gettext("Everyone") if self.is_everyone else self.name

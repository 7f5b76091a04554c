"""A group is `hunyuan-exp`, `cloudbase` or `custom-<name>`, and holds the models it offers."""

from __future__ import annotations

from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from chat.cloudbase import errors, group_names

from .addresses import validate_address
from .environments import Environment
from .keys import HoldsKey


def validate_group_name(name: str) -> None:
    """Refuse an illegal group name with the probable mistake, as the client does.

    Raises `django.core.exceptions.ValidationError`.
    """
    try:
        group_names.check(name)
    except errors.IllegalGroupName as mistake:
        sentence = gettext(mistake.user_message)
        raise ValidationError(sentence % mistake.params, code=mistake.code) from mistake


class GroupStatus(models.IntegerChoices):
    """Whether a group answers; the numbers are those of CloudBase's `AIModelGroup.Status`."""

    ON = 1, _("on")
    OFF = 2, _("off")


class ModelGroup(HoldsKey):
    """Models behind one address with one key."""

    environment = models.ForeignKey(
        Environment, models.CASCADE, related_name="groups", verbose_name=_("environment")
    )
    name = models.CharField(_("group"), max_length=64, validators=[validate_group_name])
    base_url = models.CharField(
        _("base URL"),
        max_length=400,
        blank=True,
        validators=[validate_address],
        help_text=_("Up to and including the version, for example https://llm.example/v1"),
    )
    status = models.PositiveSmallIntegerField(
        _("status"), choices=GroupStatus, default=GroupStatus.ON
    )
    remark = models.CharField(_("remark"), max_length=200, blank=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta:
        verbose_name = _("model group")
        verbose_name_plural = _("model groups")
        ordering = ["environment", "name"]
        constraints = [
            models.UniqueConstraint(
                fields=["environment", "name"], name="group_name_once_per_environment"
            ),
            models.CheckConstraint(
                condition=models.Q(name__in=["hunyuan-exp", "cloudbase"])
                | models.Q(name__startswith="custom-"),
                name="legal_group_name",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class AIModelQuerySet(models.QuerySet["AIModel"]):
    def ready(self) -> AIModelQuerySet:
        """Models that are switched on, in groups that are on, in environments that are enabled."""
        return self.filter(
            is_enabled=True,
            group__status=GroupStatus.ON,
            group__environment__is_enabled=True,
        ).select_related("group__environment")

    def default(self) -> AIModel | None:
        """The first ready model of the default environment, else of any."""
        return self.ready().order_by("-group__environment__is_default", "pk").first()


class AIModel(models.Model):
    """One model of a group, by the exact string that goes over the wire."""

    group = models.ForeignKey(
        ModelGroup, models.CASCADE, related_name="models", verbose_name=_("group")
    )
    name = models.CharField(_("model"), max_length=120)
    label = models.CharField(
        _("label"), max_length=120, blank=True, help_text=_("What people read; empty: the model.")
    )
    is_enabled = models.BooleanField(_("enabled"), default=True)
    switched_on_at = models.DateTimeField(_("switched on"), null=True, editable=False)
    context_length = models.PositiveIntegerField(
        _("context length"),
        null=True,
        blank=True,
        validators=[MinValueValidator(256), MaxValueValidator(100_000_000)],
        help_text=_("Tokens of question and answer together; empty: not limited here."),
    )
    parameters = models.JSONField(
        _("parameters"),
        default=dict,
        blank=True,
        help_text=_('Sent with every request, for example {"temperature": 0.2}.'),
    )
    enable_mcp = models.BooleanField(_("MCP"), default=False)
    tags = models.JSONField(_("tags"), default=list, blank=True)
    notice = models.CharField(
        _("notice"),
        max_length=300,
        blank=True,
        help_text=_("What people should know before they rely on this model."),
    )

    objects: ClassVar[AIModelQuerySet] = AIModelQuerySet.as_manager()  # type: ignore[assignment]  # as_manager() is typed as a plain Manager

    class Meta:
        verbose_name = _("model")
        verbose_name_plural = _("models")
        ordering = ["group", "name"]
        constraints = [
            models.UniqueConstraint(fields=["group", "name"], name="model_once_per_group")
        ]

    def __str__(self) -> str:
        return self.label or self.name

    def clean(self) -> None:
        if not isinstance(self.parameters, dict):
            raise ValidationError(
                {"parameters": _("Write a JSON object, for example {}.")}, code="not_an_object"
            )

    @property
    def max_output_tokens(self) -> int | None:
        """The longest answer that `parameters` ask for, in tokens; None if they set none."""
        value: Any = self.parameters.get("max_tokens")
        return value if isinstance(value, int) else None

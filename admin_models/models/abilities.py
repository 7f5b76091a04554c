"""What a model was seen to do, by trying it; nothing is guessed from a name."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class ModelAbilities(models.Model):
    """What the model `model` at the address `base_url` did when it was last tried.

    None is not known. Whichever rows have that address and that model share it.
    """

    base_url = models.CharField(_("base URL"), max_length=400)
    model = models.CharField(_("model"), max_length=120)
    streams = models.BooleanField(_("streams"), null=True)
    reports_usage = models.BooleanField(_("reports usage"), null=True)
    accepts_tools = models.BooleanField(_("accepts tools"), null=True)
    accepts_images = models.BooleanField(_("accepts images"), null=True)
    emits_reasoning = models.BooleanField(_("emits reasoning"), null=True)
    tried_at = models.DateTimeField(_("tried"))

    class Meta:
        verbose_name = _("abilities of a model")
        verbose_name_plural = _("abilities of models")
        ordering = ["base_url", "model"]
        constraints = [
            models.UniqueConstraint(
                fields=["base_url", "model"], name="abilities_once_per_address_and_model"
            )
        ]

    def __str__(self) -> str:
        return self.model

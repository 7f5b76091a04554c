"""What was seen of an environment, by which request and when; the evidence of preflight."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from .environments import Environment


class Observation(models.Model):
    """The last answer of an action, and its last failure since. Nothing in it is secret.

    `subject` is `group/model` for a real call, else empty.
    """

    environment = models.ForeignKey(Environment, models.CASCADE, related_name="observations")
    action = models.CharField(_("action"), max_length=64)
    subject = models.CharField(_("subject"), max_length=190, blank=True)
    answer = models.JSONField(_("answer"), null=True)
    answered_at = models.DateTimeField(_("answered"), null=True)
    request_id = models.CharField(_("request id"), max_length=128, blank=True)
    error = models.JSONField(_("error"), null=True)
    failed_at = models.DateTimeField(_("failed"), null=True)

    class Meta:
        verbose_name = _("observation")
        verbose_name_plural = _("observations")
        ordering = ["environment", "action", "subject"]
        constraints = [
            models.UniqueConstraint(
                fields=["environment", "action", "subject"], name="one_observation_a_subject"
            )
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.subject}".strip()

"""What an environment says was used on a day, beside what the ledger has of it."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Reconciliation(models.Model):
    """A day of an environment, as it was compared last. See chat.operations.reconciliation.

    The environment is named, not referred to: the comparison outlives it, as the ledger does.
    """

    env_id = models.CharField(_("environment id"), max_length=64)
    day = models.DateField(_("day"))
    """Of the service, whose days are taken to be those of UTC+8."""
    vendor = models.JSONField(default=dict)
    """The service's answers as they came, by action, without secrets."""
    vendor_tokens = models.BigIntegerField(null=True)
    """None: it told none, or in a unit that is no number of tokens."""
    vendor_points = models.FloatField(null=True)
    """Resource points of its models; a number of the service, no money."""
    environment_points = models.FloatField(null=True)
    """Those of everything in the environment."""
    ours = models.JSONField(default=dict)
    """What the ledger has: see reconciliation.ours.Ours."""
    our_tokens = models.BigIntegerField(null=True)
    reasons = models.JSONField(default=list)
    """What may explain the difference: see reconciliation.reasons.Reason."""
    changes = models.JSONField(default=list)
    """The figures that were compared before, the oldest first, with the time of each."""
    request_id = models.CharField(_("request id"), max_length=128, blank=True)
    compared_at = models.DateTimeField(_("compared"), null=True)
    """When the service answered last."""
    changed_at = models.DateTimeField(null=True)
    """When a figure was another one than the time before."""
    error = models.JSONField(_("error"), null=True)
    failed_at = models.DateTimeField(null=True)
    """When the service was asked in vain since then."""
    is_settled = models.BooleanField(default=False)
    """Whether it stood still long enough; it is not compared again by itself."""

    class Meta:
        verbose_name = _("comparison with an environment's own figures")
        verbose_name_plural = _("comparisons with an environment's own figures")
        ordering = ["env_id", "-day"]
        constraints = [
            models.UniqueConstraint(fields=["env_id", "day"], name="one_reconciliation_a_day")
        ]

    def __str__(self) -> str:
        return f"{self.env_id} {self.day}"

    @property
    def difference(self) -> int | None:
        """By how many tokens the service has more than the ledger; None if it told none."""
        if self.vendor_tokens is None or self.our_tokens is None:
            return None
        return self.vendor_tokens - self.our_tokens

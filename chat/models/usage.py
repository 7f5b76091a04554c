"""The ledger: one row a model request."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from admin_models.models import AIModel

from .conversations import Conversation, Message, Status

AMOUNT_DIGITS: Final = 20
AMOUNT_PLACES: Final = 10
"""How the ledger keeps an amount of money."""


def _amount(name: Any) -> models.DecimalField[Decimal | None, Decimal | None]:
    return models.DecimalField(
        name, max_digits=AMOUNT_DIGITS, decimal_places=AMOUNT_PLACES, null=True
    )


class Usage(models.Model):
    """What one model request used. Names are copied, so that the row outlives what it names.

    So is the price of its day, for a million tokens, at the tier that the question fell into. No
    currency: there was no price. A currency and no cost: the tokens are not known.
    """

    class Confidence(models.TextChoices):
        REPORTED = "reported", _("reported")
        ESTIMATED = "estimated", _("estimated")
        UNKNOWN = "unknown", _("unknown")

    message = models.OneToOneField(
        Message, models.SET_NULL, null=True, related_name="usage", verbose_name=_("message")
    )
    conversation = models.ForeignKey(Conversation, models.SET_NULL, null=True, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    model = models.ForeignKey(AIModel, models.SET_NULL, null=True, related_name="+")
    environment_name = models.CharField(_("environment"), max_length=80, blank=True)
    group_name = models.CharField(_("group"), max_length=64, blank=True)
    requested_model = models.CharField(_("requested model"), max_length=120, blank=True)
    answered_model = models.CharField(_("answered model"), max_length=120, blank=True)
    prompt_tokens = models.PositiveIntegerField(_("prompt tokens"), null=True)
    completion_tokens = models.PositiveIntegerField(_("completion tokens"), null=True)
    total_tokens = models.PositiveIntegerField(_("total tokens"), null=True)
    cached_tokens = models.PositiveIntegerField(_("cached tokens"), null=True)
    reasoning_tokens = models.PositiveIntegerField(_("reasoning tokens"), null=True)
    currency = models.CharField(_("currency"), max_length=3, blank=True)
    input_price = _amount(_("price of the question"))
    output_price = _amount(_("price of the answer"))
    cached_price = _amount(_("price of what was cached"))
    cost = _amount(_("cost"))
    confidence = models.CharField(_("confidence"), max_length=16, choices=Confidence)
    first_token_seconds = models.FloatField(_("first-token time"), null=True)
    duration_seconds = models.FloatField(_("duration"), null=True)
    final_status = models.CharField(_("final state"), max_length=16, choices=Status)
    error_code = models.CharField(_("error code"), max_length=64, blank=True)
    created_at = models.DateTimeField(_("time"), auto_now_add=True)

    class Meta:
        verbose_name = _("usage")
        verbose_name_plural = _("usage")
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.requested_model}: {self.total_tokens} tokens ({self.confidence})"

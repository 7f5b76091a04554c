"""The ledger: one row a model request, and rows that correct others. It only grows."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from admin_models.models import AIModel

from .amounts import AmountField
from .conversations import Conversation, Message, Status


def _reference(to: Any, name: Any = None, **more: Any) -> Any:
    """What the row is about, as long as that is there: a ledger row never changes."""
    members = {"related_name": "+", "verbose_name": name, "db_constraint": False, **more}
    return models.ForeignKey(to, models.DO_NOTHING, null=True, **members)


class Usage(models.Model):
    """What one model request used. Names are copied, so that the row outlives what it names.

    So is the price of its day, for a million tokens, at the tier that the question fell into. No
    currency: there was no price. A currency and no cost: the tokens are not known.

    A row that `corrects` another holds what has to be added to it, which can be less than nothing;
    it is no request of its own.
    """

    class Kind(models.TextChoices):
        CHAT = "chat", pgettext_lazy("a request", "answer")
        IMAGE = "image", pgettext_lazy("a request", "picture")
        SPEECH = "speech", pgettext_lazy("a request", "speech")
        EMBEDDING = "embedding", pgettext_lazy("a request", "embedding")
        TRIAL = "trial", pgettext_lazy("a request", "test call")

    class Confidence(models.TextChoices):
        REPORTED = "reported", _("reported")
        ESTIMATED = "estimated", _("estimated")
        UNKNOWN = "unknown", _("unknown")

    kind = models.CharField(_("kind"), max_length=16, choices=Kind, default=Kind.CHAT)
    message = models.OneToOneField(
        Message,
        models.DO_NOTHING,
        null=True,
        related_name="usage",
        verbose_name=_("message"),
        db_constraint=False,
    )
    conversation = _reference(Conversation)
    user = _reference(settings.AUTH_USER_MODEL, _("person"))
    model = _reference(AIModel)
    step = models.PositiveSmallIntegerField(_("step"), default=0)
    agent = models.CharField(_("agent"), max_length=80, blank=True)
    env_id = models.CharField(_("environment id"), max_length=64, blank=True)
    environment_name = models.CharField(_("environment"), max_length=80, blank=True)
    group_name = models.CharField(_("group"), max_length=64, blank=True)
    requested_model = models.CharField(_("requested model"), max_length=120, blank=True)
    answered_model = models.CharField(_("answered model"), max_length=120, blank=True)
    prompt_tokens = models.IntegerField(_("prompt tokens"), null=True)
    completion_tokens = models.IntegerField(_("completion tokens"), null=True)
    total_tokens = models.IntegerField(_("total tokens"), null=True)
    cached_tokens = models.IntegerField(_("cached tokens"), null=True)
    reasoning_tokens = models.IntegerField(_("reasoning tokens"), null=True)
    units = models.IntegerField(_("pictures or seconds"), null=True)
    currency = models.CharField(_("currency"), max_length=3, blank=True)
    input_price = AmountField(_("price of the question"), null=True)
    output_price = AmountField(_("price of the answer"), null=True)
    cached_price = AmountField(_("price of what was cached"), null=True)
    cost = AmountField(_("cost"), null=True)
    confidence = models.CharField(_("confidence"), max_length=16, choices=Confidence)
    first_token_seconds = models.FloatField(_("first-token time"), null=True)
    duration_seconds = models.FloatField(_("duration"), null=True)
    final_status = models.CharField(_("final state"), max_length=16, choices=Status)
    error_stage = models.CharField(_("stage of the error"), max_length=16, blank=True)
    error_code = models.CharField(_("error code"), max_length=64, blank=True)
    request_id = models.CharField(_("request id"), max_length=32, blank=True)
    corrects = _reference("self", _("corrects"), related_name="corrections", db_index=False)
    corrected_by = _reference(settings.AUTH_USER_MODEL, _("corrected by"))
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("time"), default=timezone.now, db_index=True)

    class Meta:
        verbose_name = _("usage")
        verbose_name_plural = _("usage")
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["user", "created_at"], name="usage_of_a_person"),
            models.Index(fields=["requested_model", "created_at"], name="usage_of_a_model"),
            models.Index(
                fields=["error_code", "created_at"],
                condition=models.Q(error_code__gt=""),
                name="usage_that_failed",
            ),
            # Only of those that are any: SQLite takes an index of all for the best way to "none".
            models.Index(
                fields=["corrects"],
                condition=models.Q(corrects__isnull=False),
                name="corrections_of_a_row",
            ),
            # The state is the same in all of it; named as a column, it makes SQLite take this one,
            # which then holds all that is asked of failures.
            models.Index(
                fields=[
                    *("user", "final_status", "created_at"),
                    *("error_stage", "error_code", "corrects"),
                ],
                condition=models.Q(final_status=Status.FAILED),
                name="failures_of_a_person",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.requested_model}: {self.total_tokens} tokens ({self.confidence})"

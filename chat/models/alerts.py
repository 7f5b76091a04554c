"""Alerts: what is watched, whom it is told to, what happened, and what became of telling it."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from admin_models import crypto


class AlertRecipient(models.Model):
    """Where alerts are told: mail addresses, and an address to which they are posted."""

    name = models.CharField(_("name"), max_length=80, unique=True)
    emails = models.JSONField(_("e-mail addresses"), default=list, blank=True)
    """Each a string."""
    url = models.CharField(_("webhook address"), max_length=400, blank=True)
    sealed_secret = models.TextField(editable=False, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("recipient of alerts")
        verbose_name_plural = _("recipients of alerts")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def has_secret(self) -> bool:
        """Whether there is one to sign with; it is never shown."""
        return bool(self.sealed_secret)

    def keep_secret(self, secret: str) -> None:
        """Seal what webhooks are signed with; an empty one removes it. Does not save."""
        self.sealed_secret = crypto.seal(secret)


class AlertRule(models.Model):
    """What is watched, and from which value on it is told."""

    class Measure(models.TextChoices):
        ERRORS = "errors", pgettext_lazy("what is watched", "error rate")
        FIRST_TOKEN = "first_token", pgettext_lazy("what is watched", "first-token time")
        LIMIT = "limit", pgettext_lazy("what is watched", "limit used up")
        COST = "cost", pgettext_lazy("what is watched", "cost")
        READINESS = "readiness", pgettext_lazy("what is watched", "readiness")
        DISK = "disk", pgettext_lazy("what is watched", "disk space")
        JOB = "job", pgettext_lazy("what is watched", "background jobs")
        TOTALS = "totals", pgettext_lazy("what is watched", "totals of the ledger")

    name = models.CharField(_("name"), max_length=80)
    measure = models.CharField(_("what is watched"), max_length=16, choices=Measure)
    threshold = models.FloatField(_("threshold"), default=1)
    currency = models.CharField(_("currency"), max_length=3, blank=True)
    window_minutes = models.PositiveIntegerField(_("over the last"), default=15)
    min_requests = models.PositiveIntegerField(_("requests at least"), default=1)
    env_id = models.CharField(_("environment"), max_length=64, blank=True)
    model_name = models.CharField(_("model"), max_length=120, blank=True)
    hold = models.PositiveSmallIntegerField(
        _("looks in a row"), default=2, validators=[MinValueValidator(1), MaxValueValidator(60)]
    )
    """So often in a row it must be so, before it is told that it is or is not any more."""
    remind_after_hours = models.PositiveSmallIntegerField(_("remind after (hours)"), default=24)
    """0: never."""
    language = models.CharField(
        _("language"), max_length=10, choices=settings.LANGUAGES, default="en"
    )
    recipients = models.ManyToManyField(
        AlertRecipient, blank=True, related_name="rules", verbose_name=_("recipients")
    )
    is_on = models.BooleanField(_("on"), default=True)
    seen = models.JSONField(default=dict, editable=False)
    """What the looks before have to tell the next one (chat.operations.alerts.watching)."""
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("alert rule")
        verbose_name_plural = _("alert rules")
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.name


class Alert(models.Model):
    """Something that was so for a while. It keeps what its rule said then."""

    rule = models.ForeignKey(
        AlertRule, models.SET_NULL, null=True, related_name="alerts", verbose_name=_("rule")
    )
    rule_name = models.CharField(max_length=80)
    measure = models.CharField(max_length=16, choices=AlertRule.Measure)
    subject = models.CharField(max_length=200, blank=True)
    """What of a rule that watches several things; by this it is found again."""
    facts = models.JSONField(default=dict)
    """The reading and the rule as they were (chat.operations.alerts.notices.Facts)."""
    began_at = models.DateTimeField(_("began"))
    ended_at = models.DateTimeField(_("ended"), null=True)
    was_dropped = models.BooleanField(default=False)
    """Whether it ended because nobody watches it any more."""
    told_at = models.DateTimeField()
    """When recipients last heard of it."""

    class Meta:
        verbose_name = _("alert")
        verbose_name_plural = _("alerts")
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["rule", "subject"],
                condition=models.Q(ended_at=None),
                name="one_alert_at_a_time",
            )
        ]

    def __str__(self) -> str:
        return f"{self.rule_name} {self.subject}".strip()


class AlertDelivery(models.Model):
    """A notice for one recipient on one way, and what became of it."""

    class Event(models.TextChoices):
        BEGAN = "began", pgettext_lazy("what an alert tells", "began")
        REMINDER = "reminder", pgettext_lazy("what an alert tells", "goes on")
        ENDED = "ended", pgettext_lazy("what an alert tells", "ended")
        TEST = "test", pgettext_lazy("what an alert tells", "test")

    class Way(models.TextChoices):
        MAIL = "mail", _("e-mail")
        WEBHOOK = "webhook", _("webhook")

    class State(models.TextChoices):
        WAITING = "waiting", pgettext_lazy("a notice", "is tried again")
        SENT = "sent", pgettext_lazy("a notice", "sent")
        FAILED = "failed", pgettext_lazy("a notice", "given up")

    alert = models.ForeignKey(Alert, models.CASCADE, null=True, related_name="deliveries")
    """None: a test."""
    recipient = models.ForeignKey(
        AlertRecipient, models.SET_NULL, null=True, related_name="deliveries"
    )
    recipient_name = models.CharField(max_length=80)
    event = models.CharField(max_length=16, choices=Event)
    way = models.CharField(max_length=16, choices=Way)
    notice: Any = models.JSONField()
    """What is told (chat.operations.alerts.notices.Notice)."""
    state = models.CharField(max_length=16, choices=State, default=State.WAITING)
    tries = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField()
    """When it is tried next."""
    tried_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=80, blank=True)
    """What the last try came to: a status, or the code of an error."""
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["pk"]
        indexes = [
            models.Index(
                fields=["due_at"],
                condition=models.Q(state="waiting"),
                name="notices_to_send",
            )
        ]

    def __str__(self) -> str:
        return f"{self.event} to {self.recipient_name} by {self.way}"

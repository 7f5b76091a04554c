"""Limits: what may be used, by whom, in which time; how much of it is used and held."""

from __future__ import annotations

from decimal import Decimal
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from admin_models.models import AIModel, Environment, Team

from .amounts import PLACES
from .conversations import Message


class Limit(models.Model):
    """So much may be used in each period. What is empty of person, team, model and environment
    does not narrow it; a limit of none of them is for everybody and everything."""

    class Measure(models.TextChoices):
        TOKENS = "tokens", pgettext_lazy("what a limit counts", "tokens")
        MONEY = "money", pgettext_lazy("what a limit counts", "money")
        MESSAGES = "messages", pgettext_lazy("what a limit counts", "messages")
        ANSWERS = "answers", pgettext_lazy("what a limit counts", "answers at once")

    class Period(models.TextChoices):
        HOUR = "hour", pgettext_lazy("period of a limit", "hour")
        DAY = "day", pgettext_lazy("period of a limit", "day")
        MONTH = "month", pgettext_lazy("period of a limit", "month")
        NONE = "", pgettext_lazy("period of a limit", "none")

    measure = models.CharField(_("what is counted"), max_length=16, choices=Measure)
    parts = models.BigIntegerField(_("amount"))
    """How much; of money its smallest parts, as `AmountField` has them."""
    currency = models.CharField(_("currency"), max_length=3, blank=True)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("person"),
    )
    team = models.ForeignKey(
        Team, models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("team")
    )
    model = models.ForeignKey(
        AIModel, models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("model")
    )
    environment = models.ForeignKey(
        Environment,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("environment"),
    )
    is_each = models.BooleanField(_("each person by themselves"), default=True)
    period = models.CharField(_("period"), max_length=8, choices=Period, blank=True)
    zone = models.CharField(_("time zone"), max_length=64, default="UTC")
    is_hard = models.BooleanField(_("refuse what is above it"), default=True)
    is_on = models.BooleanField(_("on"), default=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("limit")
        verbose_name_plural = _("limits")
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(parts__gt=0), name="a_limit_allows_something"
            ),
            models.CheckConstraint(
                condition=models.Q(measure="answers", period="")
                | ~models.Q(measure="answers") & ~models.Q(period=""),
                name="answers_at_once_have_no_period",
            ),
            models.CheckConstraint(
                condition=models.Q(measure="money") & ~models.Q(currency="")
                | ~models.Q(measure="money") & models.Q(currency=""),
                name="a_limit_of_money_has_a_currency",
            ),
        ]

    def __str__(self) -> str:
        return f"limit {self.pk}: {self.amount} {self.measure}"

    @property
    def amount(self) -> int | Decimal:
        """How much, in tokens, messages, answers, or units of the currency."""
        return self.in_units(self.parts)

    def in_units(self, parts: int) -> int | Decimal:
        """`parts` of what it counts, as people read them."""
        if self.measure == self.Measure.MONEY:
            return Decimal(parts).scaleb(-PLACES)
        return parts

    @property
    def tzinfo(self) -> ZoneInfo:
        """The time zone whose hours, days and months it counts by."""
        return ZoneInfo(self.zone)


class Counter(models.Model):
    """How much of a limit is used in a period, by a person or by all together; whoever lets an
    answer begin locks it meanwhile. It says what the ledger says, without asking it."""

    limit = models.ForeignKey(Limit, models.CASCADE, related_name="counters", db_constraint=False)
    """Without constraint: a limit that is deleted while answers end holds none of them up."""
    person_pk = models.BigIntegerField(default=0)
    """0: all together."""
    begins_at = models.DateTimeField()
    """When the period begins; of a limit without one, `chat.limits.periods.ALWAYS`."""
    used = models.BigIntegerField(default=0)
    version = models.CharField(max_length=32, blank=True)
    """Of the rule that it was counted by; empty: not yet, so that `used` is only a part."""
    since = models.DateTimeField(null=True)
    """Since when it is counted by that rule."""
    is_sure = models.BooleanField(default=False)
    """Whether every process has heard of the rule since, so that nothing is missing."""

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["limit", "person_pk", "begins_at"], name="one_counter_a_period"
            )
        ]

    def __str__(self) -> str:
        return f"limit {self.limit_id}, person {self.person_pk}, {self.begins_at}: {self.used}"


class Hold(models.Model):
    """What an answer that is being written may come to use; it counts until the answer rests."""

    counter = models.ForeignKey(Counter, models.CASCADE, related_name="holds", db_constraint=False)
    message = models.ForeignKey(Message, models.CASCADE, related_name="+", db_constraint=False)
    parts = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["counter", "message"], name="one_hold_an_answer")
        ]

    def __str__(self) -> str:
        return f"{self.parts} for message {self.message_id}"

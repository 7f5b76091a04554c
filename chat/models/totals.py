"""Sums of the ledger, kept with every row that is added to it, so that nobody counts a million."""

from __future__ import annotations

from django.db import models

from .amounts import AmountField
from .usage import Usage


class _Place(models.Model):
    """Where something was used."""

    env_id = models.CharField(max_length=64, blank=True)
    group_name = models.CharField(max_length=64, blank=True)
    model_name = models.CharField(max_length=120, blank=True)
    """As it was requested."""
    agent = models.CharField(max_length=80, blank=True)
    kind = models.CharField(max_length=16, choices=Usage.Kind)

    class Meta:
        abstract = True


PLACE = ("env_id", "group_name", "model_name", "agent", "kind")


class _Sums(_Place):
    """What the rows of one place, confidence and currency come to."""

    confidence = models.CharField(max_length=16, choices=Usage.Confidence)
    currency = models.CharField(max_length=3, blank=True)
    """Empty: rows of a model without a price."""
    requests = models.BigIntegerField(default=0)
    """Corrections are none."""
    questions = models.BigIntegerField(default=0)
    """Requests that are the first of an answer; further steps belong to the same question."""
    corrections = models.BigIntegerField(default=0)
    done = models.BigIntegerField(default=0)
    stopped = models.BigIntegerField(default=0)
    failed = models.BigIntegerField(default=0)
    interrupted = models.BigIntegerField(default=0)
    prompt_tokens = models.BigIntegerField(default=0)
    completion_tokens = models.BigIntegerField(default=0)
    cached_tokens = models.BigIntegerField(default=0)
    reasoning_tokens = models.BigIntegerField(default=0)
    total_tokens = models.BigIntegerField(default=0)
    units = models.BigIntegerField(default=0)
    cost = AmountField(default=0)
    uncosted = models.BigIntegerField(default=0)
    """Requests that have a price, and no known number of tokens."""

    class Meta:
        abstract = True


SUMMED = (
    "requests",
    "corrections",
    "done",
    "stopped",
    "failed",
    "interrupted",
    "prompt_tokens",
    "completion_tokens",
    "cached_tokens",
    "reasoning_tokens",
    "total_tokens",
    "units",
    "cost",
    "uncosted",
    "questions",
)


class HourTotal(_Sums):
    """The sums of an hour, of everybody."""

    at = models.DateTimeField()
    """When the hour begins, in UTC."""

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["at", *PLACE, "confidence", "currency"], name="one_total_an_hour"
            )
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H}: {self.model_name}, {self.requests} requests"


class SiteDayTotal(_Sums):
    """The sums of a day, of everybody. Days are those of `TIME_ZONE`."""

    day = models.DateField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["day", *PLACE, "confidence", "currency"], name="one_total_a_day_of_all"
            )
        ]

    def __str__(self) -> str:
        return f"{self.day}: {self.model_name}, {self.requests} requests"


class DayTotal(_Sums):
    """The sums of a day and a person. Days are those of `TIME_ZONE`."""

    day = models.DateField()
    user_pk = models.BigIntegerField(default=0)
    """0: nobody who is known."""

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["day", "user_pk", *PLACE, "confidence", "currency"], name="one_total_a_day"
            )
        ]
        indexes = [models.Index(fields=["user_pk", "day"], name="days_of_a_person")]

    def __str__(self) -> str:
        return f"{self.day}: {self.model_name}, {self.requests} requests of {self.user_pk}"


class _Speeds(_Place):
    """How many requests of a day and a place were how fast; see chat.figures.speeds for the texts.

    Days are those of `TIME_ZONE`. Of hours the ledger's own rows tell.
    """

    day = models.DateField()
    first_token = models.TextField(default="")
    """By seconds."""
    rate = models.TextField(default="")
    """By tokens a second."""

    class Meta:
        abstract = True


class SiteDaySpeeds(_Speeds):
    """The speeds of a day, of everybody."""

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["day", *PLACE], name="one_of_speeds_a_day_of_all")
        ]

    def __str__(self) -> str:
        return f"{self.day}: {self.model_name}"


class DaySpeeds(_Speeds):
    """The speeds of a day and a person."""

    user_pk = models.BigIntegerField(default=0)
    """0: nobody who is known."""

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["day", "user_pk", *PLACE], name="one_of_speeds_a_day")
        ]
        indexes = [models.Index(fields=["user_pk", "day"], name="speeds_of_a_person")]

    def __str__(self) -> str:
        return f"{self.day}: {self.model_name} of {self.user_pk}"


TIMED = ("first_token", "rate")


class Failure(_Place):
    """How many answers of an hour failed in which way; also those for which no call was made."""

    at = models.DateTimeField()
    stage = models.CharField(max_length=16, blank=True)
    code = models.CharField(max_length=64, blank=True)
    was_called = models.BooleanField()
    """Whether the ledger has a row for each."""
    answers = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["at", *PLACE, "stage", "code", "was_called"], name="one_count_a_failure"
            )
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H}: {self.code}, {self.answers} answers"

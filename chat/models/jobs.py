"""What is known of the jobs that one process does for all."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.utils.translation import pgettext_lazy


class JobState(models.Model):
    """When a job ran, how that went, and who runs it now. See chat.operations.jobs."""

    class Condition(models.TextChoices):
        WAITING = "waiting", pgettext_lazy("a job", "waits for its time")
        RUNNING = "running", pgettext_lazy("a job", "is running")
        FAILING = "failing", pgettext_lazy("a job", "failed and is tried again")
        STUCK = "stuck", pgettext_lazy("a job", "stuck: began, and is not heard of")

    name = models.CharField(max_length=40, unique=True)
    due_at = models.DateTimeField()
    holder = models.CharField(max_length=32, blank=True)
    """Who runs it; empty: nobody."""
    lease_until = models.DateTimeField(null=True)
    """Until when the holder need not be heard of; None: nobody runs it."""
    runs = models.PositiveIntegerField(default=0)
    """How often it was begun: whoever claims the next run changes this, so that one does."""
    last_started_at = models.DateTimeField(null=True)
    last_finished_at = models.DateTimeField(null=True)
    """When it last ended by itself, well or not."""
    failures = models.PositiveIntegerField(default=0)
    """How often in a row it failed."""
    last_error = models.CharField(max_length=200, blank=True)
    """What the last run failed with; empty if it went well."""

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def condition(self, now: datetime) -> Condition:
        """How it stands with the job at `now`."""
        if self.lease_until is not None:
            is_alive = self.lease_until >= now
            return self.Condition.RUNNING if is_alive else self.Condition.STUCK
        return self.Condition.FAILING if self.failures else self.Condition.WAITING

"""How long data is kept."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import pgettext_lazy


class RetentionQuerySet(models.QuerySet["Retention"]):
    def of(self, kind: str) -> Retention:
        """The row of `kind`; where there is none, one that keeps all, not saved."""
        return self.filter(kind=kind).first() or Retention(kind=kind)


class Retention(models.Model):
    """How long one kind of data is kept; see chat.operations.retention."""

    class Kind(models.TextChoices):
        CONVERSATIONS = "conversations", pgettext_lazy("data that is kept", "Conversations")
        LEDGER = "ledger", pgettext_lazy("data that is kept", "Rows of the ledger")
        AUDIT = "audit", pgettext_lazy("data that is kept", "Entries of the audit log")
        LISTS = "lists", pgettext_lazy("data that is kept", "Earlier lists of models")
        OBSERVATIONS = "observations", pgettext_lazy("data that is kept", "Answers of environments")
        ALERTS = "alerts", pgettext_lazy("data that is kept", "Alerts that are over")
        RECONCILIATIONS = (
            "reconciliations",
            pgettext_lazy("data that is kept", "Comparisons with environments"),
        )

    kind = models.CharField(max_length=16, choices=Kind, primary_key=True)
    keep = models.PositiveSmallIntegerField(null=True)
    """Days, or months, as its rule counts; None: for ever."""
    gone_before = models.DateTimeField(null=True)
    """What is older was deleted, or is being deleted."""

    objects: ClassVar[RetentionQuerySet] = RetentionQuerySet.as_manager()  # type: ignore[assignment]  # as_manager() is typed as a plain Manager

    class Meta:
        ordering = ["kind"]

    def __str__(self) -> str:
        return f"{self.kind}: {self.keep}"

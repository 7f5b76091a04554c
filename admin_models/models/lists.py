"""Lists of models that were replaced as a whole, kept to be undone."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from .environments import Environment


class ListVersion(models.Model):
    """A group's list of models before and after a change made here."""

    environment = models.ForeignKey(Environment, models.CASCADE, related_name="list_versions")
    group = models.CharField(_("group"), max_length=64)
    before = models.JSONField(_("before"))
    after = models.JSONField(_("after"))
    made_at = models.DateTimeField(_("made"), auto_now_add=True)
    made_by = models.CharField(_("made by"), max_length=150)
    undone_at = models.DateTimeField(_("undone"), null=True)

    class Meta:
        verbose_name = _("list of models")
        verbose_name_plural = _("lists of models")
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.group} {self.made_at:%Y-%m-%d %H:%M}"


class ListLock(models.Model):
    """That a process is changing a group's list; there is one at a time, in any process."""

    environment = models.ForeignKey(Environment, models.CASCADE, related_name="+")
    group = models.CharField(max_length=64)
    holder = models.CharField(max_length=32)
    until = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["environment", "group"], name="one_change_at_a_time")
        ]

    def __str__(self) -> str:
        return self.group

"""Who changed what, and what it was before."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class AuditEntry(models.Model):
    """A change that an administrator made. Only `admin_models.audit` writes it.

    Names and not references, so that it outlives what it names; secrets are only said to have
    changed. The database refuses to change or delete it (`admin_models.append_only`).
    """

    at = models.DateTimeField(_("time"), auto_now_add=True, db_index=True)
    actor_pk = models.BigIntegerField(_("person number"), null=True)
    actor = models.CharField(_("person"), max_length=150)
    action = models.CharField(_("action"), max_length=64, db_index=True)
    subject_kind = models.CharField(_("kind"), max_length=64)
    subject_key = models.CharField(_("key"), max_length=300)
    subject = models.CharField(_("what"), max_length=300)
    before = models.JSONField(_("before"), default=dict)
    after = models.JSONField(_("after"), default=dict)

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit log")
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.action} {self.subject}"

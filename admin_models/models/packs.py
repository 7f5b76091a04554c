"""Token packs of the local environment: what its managed models may use."""

from __future__ import annotations

from typing import ClassVar, Final

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from .environments import Environment

PACK_ID: Final = "pkg_tcb_tokencredits_local"
"""What a pack of ours is called; it begins like the vendor's."""


class PackStatus(models.IntegerChoices):
    """As the vendor counts them; 3 and 4 are the two that do not pay."""

    ACTIVE = 1, _("active")
    EXPIRED = 3, _("expired or used up")
    DISABLED = 4, _("disabled")


class TokenPackQuerySet(models.QuerySet["TokenPack"]):
    def draw_down(self, tokens: int) -> None:
        """Take `tokens` from the first pack that pays, in one query unless others draw at the same
        moment; the last of them may exceed its size. Where none pays any more, answers that were
        let in before are counted on the pack that was the last to: no token is lost while there is
        any pack."""
        drawn = models.F("used_tokens") + tokens
        # Asked twice, as PostgreSQL looks again at the row that it waited for, not at its choice.
        has_some = models.Q(used_tokens__lt=models.F("size_tokens"))
        while not self.filter(has_some, pk__in=self.paying().values("pk")[:1]).update(
            used_tokens=drawn
        ):
            if not self.paying().exists():
                self.filter(pk__in=self._last_paying().values("pk")[:1]).update(used_tokens=drawn)
                return

    def paying(self) -> TokenPackQuerySet:
        """Packs that have something left and may be used, the first to expire first."""
        return self.filter(
            models.Q(expires_at__isnull=True) | models.Q(expires_at__gt=timezone.now()),
            is_disabled=False,
            used_tokens__lt=models.F("size_tokens"),
        ).order_by(models.F("expires_at").asc(nulls_last=True), "pk")

    def _last_paying(self) -> TokenPackQuerySet:
        """Packs, the last to have paid first: used ones before others, in the order of their use
        turned round."""
        is_used = models.Q(used_tokens__gt=0)
        return self.order_by(
            models.Case(models.When(is_used, then=0), default=1),
            models.F("expires_at").desc(nulls_first=True),
            "-pk",
        )


class TokenPack(models.Model):
    """Tokens that an environment may use until they are gone or the pack expires."""

    environment = models.ForeignKey(
        Environment, models.CASCADE, related_name="packs", verbose_name=_("environment")
    )
    size_tokens = models.PositiveBigIntegerField(_("size (tokens)"))
    used_tokens = models.PositiveBigIntegerField(_("used (tokens)"), default=0)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    is_disabled = models.BooleanField(_("disabled"), default=False)
    created_at = models.DateTimeField(_("issued"), auto_now_add=True)

    objects: ClassVar[TokenPackQuerySet] = TokenPackQuerySet.as_manager()  # type: ignore[assignment]  # as_manager() is typed as a plain Manager

    class Meta:
        verbose_name = _("token pack")
        verbose_name_plural = _("token packs")
        ordering = ["-pk"]

    def __str__(self) -> str:
        return self.package_id

    @property
    def package_id(self) -> str:
        """The name under which preflight sees it."""
        return f"{PACK_ID}_{self.pk}"

    @property
    def status(self) -> PackStatus:
        """Whether it pays."""
        if self.is_disabled:
            return PackStatus.DISABLED
        is_over = self.expires_at is not None and self.expires_at <= timezone.now()
        is_used_up = self.used_tokens >= self.size_tokens
        return PackStatus.EXPIRED if is_over or is_used_up else PackStatus.ACTIVE

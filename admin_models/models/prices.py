"""What models cost: dated rows that nobody changes, by tier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar, Self

from django.db import models
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class Tier:
    """What a million tokens cost while the question has more than `above` tokens.

    `cached` is for tokens of the question that the service had in its cache; None: as `input`.
    """

    input: Decimal
    output: Decimal
    cached: Decimal | None = None
    above: int = 0

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> Self:
        """From what `stored` made."""
        cached = stored.get("cached")
        return cls(
            input=Decimal(stored["input"]),
            output=Decimal(stored["output"]),
            cached=None if cached is None else Decimal(cached),
            above=int(stored.get("above", 0)),
        )

    def stored(self) -> dict[str, str | int | None]:
        """As JSON holds it: no figure becomes a binary fraction."""
        cached = None if self.cached is None else str(self.cached)
        return {
            "above": self.above,
            "input": str(self.input),
            "output": str(self.output),
            "cached": cached,
        }


class PriceQuerySet(models.QuerySet["Price"]):
    def of(self, env_id: str, group: str, model: str) -> PriceQuerySet:
        """All prices that a model ever had, the newest first."""
        return self.filter(env_id=env_id, group=group, model=model)

    def at(self, moment: datetime) -> PriceQuerySet:
        """Those that count at `moment`, or counted before: the first of a model is its price."""
        return self.filter(valid_from__lte=moment)


class Price(models.Model):
    """What a model costs from a moment on; a later row replaces it, nothing changes it.

    Names and not references: the price outlives what it names. The database refuses changes
    (`admin_models.append_only`). `words` is the catalogue's price as it was shown to who confirmed
    it; empty where a person set the price.
    """

    env_id = models.CharField(_("environment id"), max_length=40)
    group = models.CharField(_("group"), max_length=64)
    model = models.CharField(_("model"), max_length=120)
    currency = models.CharField(_("currency"), max_length=3)
    tiers = models.JSONField(_("tiers"))
    words = models.TextField(_("as the catalogue says it"), blank=True)
    valid_from = models.DateTimeField(_("valid from"))
    set_at = models.DateTimeField(_("set"), auto_now_add=True)
    set_by = models.CharField(_("set by"), max_length=150)

    objects: ClassVar[PriceQuerySet] = PriceQuerySet.as_manager()  # type: ignore[assignment]  # as_manager() is typed as a plain Manager

    class Meta:
        verbose_name = _("price")
        verbose_name_plural = _("prices")
        ordering = ["-valid_from", "-pk"]
        indexes = [
            models.Index(fields=["env_id", "group", "model", "-valid_from"], name="price_of_a_day")
        ]

    def __str__(self) -> str:
        return f"{self.model} {self.valid_from:%Y-%m-%d}"

    def tier_for(self, prompt_tokens: int) -> Tier:
        """The tier of a question of so many tokens."""
        tiers = self.all_tiers()
        return next((t for t in reversed(tiers) if prompt_tokens > t.above), tiers[0])

    def all_tiers(self) -> Sequence[Tier]:
        """Every tier, the smallest questions first."""
        return sorted(map(Tier.read, self.tiers), key=lambda tier: tier.above)

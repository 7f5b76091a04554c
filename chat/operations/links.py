"""Addresses of the pages of usage: what is looked at stands in them, and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from django.db.models import TextChoices
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from chat.figures.spans import Dimension

FIELDS: Final[Mapping[Dimension, str]] = {
    Dimension.ENVIRONMENT: "environment",
    Dimension.GROUP: "group",
    Dimension.MODEL: "model",
    Dimension.AGENT: "agent",
    Dimension.KIND: "kind",
    Dimension.PERSON: "person",
    Dimension.TEAM: "team",
    Dimension.CONFIDENCE: "confidence",
}
"""By what an address narrows to one part of a split."""
_OF_THE_DASHBOARD: Final = ("by", "step")


class Only(TextChoices):
    """Rows that somebody may want to look at by themselves."""

    UNPRICED = "unpriced", _("without a price")
    UNCOSTED = "uncosted", _("with a price, cost not known")
    CORRECTIONS = "corrections", _("corrections")


@dataclass(frozen=True, slots=True)
class Links:
    """From a page that looks at `state` to others that look at almost the same."""

    page: str
    state: Mapping[str, str]

    @property
    def query(self) -> str:
        """What is looked at, as an address holds it."""
        return urlencode(self.state)

    def same(self, **changed: str) -> str:
        """The same page; "" takes something out of the address."""
        return self._to(self.page, changed)

    def usage(self, **changed: str) -> str:
        """The dashboard."""
        return self._to("usage", changed)

    def rows(self, **changed: str) -> str:
        """The rows behind a figure."""
        return self._to("usage_rows", dict.fromkeys(_OF_THE_DASHBOARD, "") | changed)

    def _to(self, name: str, changed: Mapping[str, str]) -> str:
        wanted = {**self.state, **changed}
        query = urlencode({key: value for key, value in wanted.items() if value})
        return reverse(name) + (f"?{query}" if query else "")

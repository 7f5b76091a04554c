"""A token pack: how large, and until when."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from admin_models import packs
from admin_models.forms.moments import ComingMoment
from admin_models.models import TokenPack


class PackForm(forms.Form):
    """Issues a pack, or extends one that there is."""

    size_tokens = forms.IntegerField(
        label=_("Size (tokens)"),
        min_value=1,
        max_value=packs.LARGEST,
        initial=10_000_000,
        help_text=_("Of question and answer together."),
        error_messages={
            "invalid": _("Write a number of tokens in digits, for example 10000000."),
            "min_value": _("A pack has at least one token."),
            "max_value": _("The largest pack has %(limit_value)s tokens."),
        },
    )
    expires_at = ComingMoment(label=_("Expires"), empty_means=_("Empty: never."))

    def __init__(self, data: Any = None, pack: TokenPack | None = None) -> None:
        """To issue one, or to extend `pack`."""
        initial = {"size_tokens": pack.size_tokens, "expires_at": pack.expires_at} if pack else None
        super().__init__(data, initial=initial)

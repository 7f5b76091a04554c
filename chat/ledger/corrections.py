"""Corrections: a row of the ledger never changes; further rows say what has to be added to it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db.models import Q, Sum
from django.utils.translation import gettext_lazy as _

from admin_models import costs
from admin_models.models import Tier
from admin_models.showing.figures import grouped
from chat.models import Usage
from chat.models.amounts import LARGEST

COUNTS: Final = (
    "prompt_tokens",
    "completion_tokens",
    "cached_tokens",
    "reasoning_tokens",
    "total_tokens",
    "units",
)
CORRECTABLE: Final = (*COUNTS, "cost")
"""What of a row a correction adds to."""
MOST: Final = 2_000_000_000
"""What a row can hold of tokens and units."""
_COPIED: Final = (
    "kind",
    "conversation_id",
    "user_id",
    "model_id",
    "step",
    "agent",
    "env_id",
    "environment_name",
    "group_name",
    "requested_model",
    "answered_model",
    "currency",
    "confidence",
    "final_status",
    "request_id",
)
"""What a correction has of its row, so that it counts in the same sums."""
_NO_ROW: Final = _("A correction is not corrected: correct the row that it is of.")


def standing(row: Usage) -> dict[str, Any]:
    """What `row` and its corrections come to, for each of `CORRECTABLE`; None where none of them
    says. One query."""
    together = Usage.objects.filter(Q(pk=row.pk) | Q(corrects=row.pk)).order_by()
    sums = together.aggregate(**{f"{name}_now": Sum(name) for name in CORRECTABLE})
    return {name: sums[f"{name}_now"] for name in CORRECTABLE}


def given(reason: str) -> str:
    """`reason` without the space around it. Raises ValidationError if that is nothing, or more than
    a row can hold."""
    words = reason.strip()
    longest = Usage._meta.get_field("reason").max_length or 0
    if not words or len(words) > longest:
        sentence = _("Say why, in at most %(longest)s characters.")
        wrong = ValidationError(sentence, code="reason", params={"longest": longest})
        raise ValidationError({"reason": wrong})
    return words


def made(row: Usage, deltas: Mapping[str, int], cost: Decimal | None, **members: Any) -> Usage:
    """The correction that adds `deltas` and `cost` to `row`, with `members` besides. Not saved.

    Where no `cost` is given, it is that of the tokens at the prices that the row has. Raises
    ValidationError, of the members that are wrong.
    """
    if row.corrects_id is not None:
        raise ValidationError(_NO_ROW, code="correction")
    counts = {name: deltas.get(name, 0) for name in COUNTS}
    counts["total_tokens"] = counts["prompt_tokens"] + counts["completion_tokens"]
    added = {**counts, "cost": _cost_of(row, counts) if cost is None else cost}
    _check(row, added)
    copied = {name: getattr(row, name) for name in _COPIED}
    return Usage(corrects_id=row.pk, **copied, **added, **members)


def _cost_of(row: Usage, counts: Mapping[str, int]) -> Decimal | None:
    if row.input_price is None or row.output_price is None:
        return None
    tier = Tier(row.input_price, row.output_price, row.cached_price)
    prompt, completion = counts["prompt_tokens"], counts["completion_tokens"]
    return costs.of_tier(tier, prompt, completion, counts["cached_tokens"])


def _check(row: Usage, added: Mapping[str, Any]) -> None:
    """Raises ValidationError, unless something is added that can be."""
    if not any(added.values()):
        raise ValidationError(_("Say what has to be added or taken away."), code="nothing")
    if added["cost"] and not row.currency:
        sentence = _("The row has no price, so that it has no currency for a cost.")
        raise ValidationError({"cost": ValidationError(sentence, code="no_currency")})
    stands = standing(row)
    wrong = {name: _wrong(name, stands[name], added[name]) for name in CORRECTABLE}
    if errors := {name: error for name, error in wrong.items() if error is not None}:
        raise ValidationError(errors)


def _wrong(name: str, stands: Any, added: Any) -> ValidationError | None:
    """What is wrong about adding so much of one member."""
    if added is None:
        return None
    if abs(added) > (LARGEST if name == "cost" else MOST):
        return ValidationError(_("That is more than a row can hold."), code="too_much")
    now = stands or 0
    if added < 0 and now + added < 0:
        sentence = _("There are only %(now)s to take from.")
        return ValidationError(sentence, code="negative", params={"now": grouped(Decimal(now))})
    return None

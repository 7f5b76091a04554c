"""How rows get into the ledger: priced, counted with everything that counts, never changed after.

Nothing else makes a row.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from django.db import transaction

from admin_models import audit, local
from admin_models.models import TokenPack
from chat.ledger import charging, corrections, totals
from chat.limits import holds
from chat.models import Failure, Usage


@transaction.atomic(savepoint=False)
def write(rows: Sequence[Usage], failures: Sequence[Failure] = ()) -> None:
    """Add `rows` to the ledger, priced as of now, and to everything that is counted with it.

    Expects `model.group.environment` of the rows to be loaded. `failures` are answers that failed
    before anything was called (`totals.failure`). To be called in the transaction that settles what
    the rows are about. Makes no query where there is nothing to write.
    """
    charging.charge(rows)
    _draw_down(rows)
    _enter(rows, failures)


@transaction.atomic
def correct(
    actor: audit.Actor, row: Usage, *, reason: str, cost: Decimal | None = None, **deltas: int
) -> Usage:
    """Add to the ledger what has to be added to `row`, less than nothing to take away; returns the
    correction.

    `deltas` are those of prompt_tokens, completion_tokens, cached_tokens, reasoning_tokens and
    units. Without a `cost`, the tokens cost what the row says a million of them does. It counts
    where and when it is made: sums of a time before it stay what they were. Raises
    Usage.DoesNotExist for a row that is not there, and ValidationError for a correction of a
    correction, of nothing, without a reason, or that leaves less than nothing.
    """
    found = Usage.objects.select_for_update().get(pk=row.pk)
    members = {"corrected_by_id": getattr(actor, "pk", None), "reason": corrections.given(reason)}
    before = corrections.standing(found)
    correction = corrections.made(found, deltas, cost, **members)
    _enter([correction])
    after = {**corrections.standing(found), "reason": correction.reason}
    subject = ("ledger", str(found.pk), str(found))
    audit.record(actor, "ledger.corrected", subject, before=before, after=after)
    return correction


def _enter(rows: Sequence[Usage], failures: Sequence[Failure] = ()) -> None:
    if rows:
        Usage.objects.bulk_create(rows)
    totals.add(rows, failures)
    holds.settle(rows)


def _draw_down(rows: Iterable[Usage]) -> None:
    """Take what the managed models of the local environment used from the pack that pays."""
    used = sum(
        row.total_tokens or 0 for row in rows if row.model and local.draws_on_packs(row.model)
    )
    if used:
        TokenPack.objects.draw_down(used)

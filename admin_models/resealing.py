"""Seals everything that is stored sealed with the newest key, beside whoever works meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from django.apps import apps
from django.db import transaction
from django.db.models import Model, QuerySet

from admin_models import audit, crypto

PREFIX = "sealed_"
"""What the names of all columns begin with that hold something sealed."""
_ROWS_AT_A_TIME = 200
_SUBJECT = ("keys", "sealing", "sealing keys")


@dataclass(slots=True)
class Outcome:
    """What sealing anew came to."""

    resealed: int = 0
    """Values that an older key had sealed."""
    unreadable: list[str] = field(default_factory=list)
    """Where values stand that no key of ours opens, for example "environment Demo, sealed_key"."""


def columns() -> Iterator[tuple[type[Model], str]]:
    """Every column of every table that holds something sealed, found by its name."""
    for model in apps.get_models():
        for column in model._meta.local_concrete_fields:
            if column.name.startswith(PREFIX):
                yield model, column.name


@transaction.atomic
def reseal(*, keys_before: int, keys_after: int) -> Outcome:
    """Seal with the newest key whatever is not, all or nothing, and put into the audit log how
    many sealing keys there were and will be.

    A value that somebody replaces meanwhile is left alone; `CannotUnseal` is in the outcome.
    """
    outcome = Outcome()
    for model, name in columns():
        _reseal_column(model, name, outcome)
    if outcome.resealed or keys_before != keys_after:
        after = {"keys": keys_after, "sealed_anew": outcome.resealed}
        audit.record(None, "keys.rotated", _SUBJECT, before={"keys": keys_before}, after=after)
    return outcome


def _reseal_column(model: type[Model], name: str, outcome: Outcome) -> None:
    rows: QuerySet[Model] = model._default_manager.exclude(**{name: ""}).order_by("pk")
    for row in rows.iterator(_ROWS_AT_A_TIME):
        sealed: str = getattr(row, name)
        try:
            anew = crypto.resealed(sealed)
        except crypto.CannotUnseal:
            outcome.unreadable.append(f"{model._meta.verbose_name} {row}, {name}")
            continue
        if anew != sealed:
            unchanged = model._default_manager.filter(pk=row.pk, **{name: sealed})
            outcome.resealed += unchanged.update(**{name: anew})

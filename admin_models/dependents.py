"""What refers to rows of ours, whoever made the table: what their deletion changes for whom."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import CASCADE, ManyToOneRel, Model, Q, QuerySet

Counted = tuple[tuple[str, int], ...]
"""What rows are called, and how many there are."""


@dataclass(frozen=True, slots=True)
class Dependents:
    """What refers to rows that are to be deleted."""

    staying: Counted
    """These lose their reference."""
    going: Counted
    """These are deleted too."""

    @property
    def are_any(self) -> bool:
        """Whether anything refers to them at all."""
        return bool(self.staying or self.going)


def of(*chosen: QuerySet[Any]) -> Dependents:
    """What refers to any of the chosen rows, which may be of several tables; one query a table.

    What only belongs to them, as a token pack to its environment, is not listed.
    """
    referring: defaultdict[tuple[bool, type[Model]], Q] = defaultdict(Q)
    for rows in chosen:
        for relation in _relations(rows.model):
            referring[_goes(relation), relation.related_model] |= Q(
                **{f"{relation.field.name}__in": rows}
            )
    found = [
        (goes, (_called(table), number))
        for (goes, table), which in referring.items()
        if (number := table._default_manager.filter(which).count())
    ]
    return Dependents(
        staying=tuple(each for goes, each in found if not goes),
        going=tuple(each for goes, each in found if goes),
    )


def _relations(model: type[Model]) -> Iterator[ManyToOneRel]:
    for relation in model._meta.get_fields(include_hidden=True):
        if isinstance(relation, ManyToOneRel) and not _is_part(relation, model):
            yield relation


def _is_part(relation: ManyToOneRel, model: type[Model]) -> bool:
    """Whether rows are nothing without the row they refer to, or only say what that one names."""
    owner = _owner(relation.related_model)
    if owner is model:
        return True
    return _goes(relation) and owner._meta.app_label == model._meta.app_label


def _goes(relation: ManyToOneRel) -> bool:
    """Whether whatever refers is deleted; of a table between two others, neither is."""
    return relation.on_delete is CASCADE and not relation.related_model._meta.auto_created


def _called(table: type[Model]) -> str:
    return str(_owner(table)._meta.verbose_name_plural)


def _owner(table: type[Model]) -> Any:
    """Of a table between two others the one that names the other."""
    # Django's stubs call it a bool; it is the class of that table.
    return table._meta.auto_created or table

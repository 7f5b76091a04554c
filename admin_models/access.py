"""Which models a person may use: those that any of their teams allows.

The team of everyone allows every model until an administrator narrows it; so long nobody's question
costs a query for this. A new API for programs asks `check` as the page and the socket do.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Final

from channels.db import database_sync_to_async
from django.db.models import Q, Value

from admin_models.models import AIModel, Team
from admin_models.preflight import PreflightFailed
from chat.cloudbase.errors import _

KEPT: Final = 1.0
"""Seconds for which a process relies on what the team of everyone allowed: as long as a change may
take to reach the other processes."""


class NotForYou(PreflightFailed):
    code = "preflight_not_for_you"
    user_message = _(
        "You may not use this model. Please choose another one; an administrator can allow it."
    )


class _Everyone:
    """Whether the team of everyone allows all, as read at most `KEPT` seconds ago."""

    def __init__(self) -> None:
        self._allows_all = False
        self._until = 0.0

    @property
    def is_known_to_allow_all(self) -> bool:
        """Without asking the database."""
        return self._allows_all and time.monotonic() < self._until

    def allows_all(self) -> bool:
        """One query at most every `KEPT` seconds; where there is no such team, all is allowed."""
        if time.monotonic() >= self._until:
            self._allows_all = not Team.objects.filter(is_everyone=True, allows_all=False).exists()
            self._until = time.monotonic() + KEPT
        return self._allows_all

    def forget(self) -> None:
        self._until = 0.0


_everyone = _Everyone()


def allowed(user_pk: int, models: Iterable[AIModel]) -> set[int]:
    """The numbers of those `models` that a person may use.

    No query while everyone may use everything, apart from one a second of the whole process; else
    one more, however many models there are.
    """
    if _everyone.allows_all():
        return {model.pk for model in models}
    groups, named = _of_teams(user_pk)
    if groups is None:
        return {model.pk for model in models}
    return {model.pk for model in models if model.group_id in groups or model.pk in named}


def may_use(user_pk: int, model: AIModel) -> bool:
    """Whether a person may use a model; costs what `allowed` costs."""
    return model.pk in allowed(user_pk, [model])


async def check(user_pk: int, model: AIModel | None) -> None:
    """Before a call: raises NotForYou if a person may not use `model`. None is allowed, and refused
    by the gate."""
    if model is None or _everyone.is_known_to_allow_all:
        return
    if not await database_sync_to_async(may_use)(user_pk, model):
        raise NotForYou


def forget() -> None:
    """Ask again at once what everyone may use, in this process; for whoever changed it."""
    _everyone.forget()


def _of_teams(user_pk: int) -> tuple[set[int] | None, set[int]]:
    """The groups and the models that the teams of a person allow; None for every group."""
    teams = Team.objects.filter(Q(members=user_pk) | Q(is_everyone=True)).order_by()
    every = teams.filter(allows_all=True)
    groups = Team.model_groups.through.objects.filter(team__in=teams)
    named = Team.models_allowed.through.objects.filter(team__in=teams)
    rows = groups.values_list(Value("group"), "modelgroup_id").union(
        named.values_list(Value("model"), "aimodel_id"),
        every.values_list(Value("all"), "pk"),
    )
    found: dict[str, set[int]] = {"all": set(), "group": set(), "model": set()}
    for kind, pk in rows:
        found[kind].add(pk)
    return (None if found["all"] else found["group"]), found["model"]

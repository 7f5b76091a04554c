"""Groups of people, and which models each may use; every change is recorded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count, Model

from admin_models import access, audit
from admin_models.models import Team


@dataclass(frozen=True, slots=True)
class Counted:
    """A team, and how many people, groups and models it names."""

    team: Team
    people: int
    groups: int
    models: int


def counted() -> list[Counted]:
    """All teams, everyone first; a constant number of queries."""
    Team.objects.everyone()
    tables = (Team.members.through, Team.model_groups.through, Team.models_allowed.through)
    people, groups, models = map(_count_by_team, tables)
    return [
        Counted(row, people.get(row.pk, 0), groups.get(row.pk, 0), models.get(row.pk, 0))
        for row in Team.objects.all()
    ]


@transaction.atomic
def save(actor: audit.Actor, team: Team, write: Callable[[], Any]) -> None:
    """Have `write` save the team with its people and models, and record what that changed."""
    is_new = team.pk is None
    before = {} if is_new else state_of(Team.objects.get(pk=team.pk))
    write()
    after = state_of(team)
    if after != before:
        action = "team.created" if is_new else "team.updated"
        audit.record(actor, action, _subject_of(team), before=before, after=after)
    transaction.on_commit(access.forget)


@transaction.atomic
def delete(actor: User, team: Team) -> None:
    """Delete a team; its people stay, and may use what their other teams allow."""
    audit.record(actor, "team.deleted", _subject_of(team), before=state_of(team))
    with audit.acting(actor):
        team.delete()


def state_of(team: Team) -> dict[str, Any]:
    """What is recorded of a team: names, as they mean something to whoever reads them later."""
    groups = team.model_groups.values_list("environment__env_id", "name")
    path = ("group__environment__env_id", "group__name", "name")
    return {
        "name": team.name,
        "members": sorted(team.members.values_list("username", flat=True)),
        "allows_all": team.allows_all,
        "model_groups": sorted(map("/".join, groups)),
        "models_allowed": sorted(map("/".join, team.models_allowed.values_list(*path))),
    }


def _subject_of(team: Team) -> tuple[str, str, str]:
    return "team", team.name, team.name


def _count_by_team(table: type[Model]) -> dict[int, int]:
    rows = table._default_manager.order_by().values_list("team")
    return dict(rows.annotate(number=Count("pk")))

"""A team: its people, and the models that it allows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.db.models import Model, QuerySet
from django.utils.translation import gettext_lazy as _

from admin_models import teams
from admin_models.models import AIModel, ModelGroup, Team


@dataclass(frozen=True, slots=True)
class Pick:
    """Something that can be ticked."""

    pk: int
    label: str
    is_ticked: bool
    inner: Sequence[Pick] = ()

    @property
    def is_open(self) -> bool:
        """Whether something inside is ticked."""
        return any(pick.is_ticked for pick in self.inner)


class TeamForm(forms.ModelForm):  # type: ignore[type-arg]  # generic only in the stubs
    """Of the team of everyone only what it allows can be changed."""

    class Meta:
        model = Team
        fields = ("name", "members", "allows_all", "model_groups", "models_allowed")
        labels = {"allows_all": _("Every model, also those that are added later")}
        error_messages = {"name": {"unique": _("Another team has this name; choose another one.")}}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.is_everyone:
            del self.fields["name"], self.fields["members"]

    def keep(self, actor: User) -> Team:
        """Save and record it; expects the form to be valid."""
        teams.save(actor, self.instance, self.save)
        team: Team = self.instance
        return team

    def people(self) -> list[Pick]:
        """Everybody who can be a member."""
        rows = User.objects.order_by("username").values_list("pk", "username")
        ticked = self._ticked("members")
        return [Pick(pk, name, pk in ticked) for pk, name in rows]

    def groups(self) -> list[Pick]:
        """All groups, with their models inside; two queries, and two more for what is ticked."""
        ticked, groups = self._ticked("models_allowed"), self._ticked("model_groups")
        inside: dict[int, list[Pick]] = {}
        for group_pk, pk, name, label in _named(AIModel.objects.order_by("name")):
            inside.setdefault(group_pk, []).append(Pick(pk, label or name, pk in ticked))
        rows = ModelGroup.objects.select_related("environment")
        return [
            Pick(row.pk, f"{row.environment} · {row}", row.pk in groups, inside.get(row.pk, ()))
            for row in rows.order_by("-environment__is_default", "environment__name", "name")
        ]

    def _ticked(self, name: str) -> set[int]:
        """The numbers that are ticked in field `name`: as sent, or as stored."""
        value = self[name].value() or ()
        return {_pk(one) for one in value}


def _named(rows: QuerySet[AIModel]) -> QuerySet[AIModel, tuple[int, int, str, str]]:
    return rows.values_list("group", "pk", "name", "label")


def _pk(value: Any) -> int:
    if isinstance(value, Model):
        return int(value.pk)
    return int(value) if str(value).isdecimal() else 0

"""Writes the steps of a plan into the tables, with a record of each; expects a transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, Final
from uuid import uuid4

from django.contrib.auth.models import User
from django.utils.translation import gettext

from admin_models import audit, model_lists, packs, prices, teams
from admin_models.models import (
    AIModel,
    Environment,
    GroupStatus,
    ListVersion,
    ModelAbilities,
    ModelGroup,
    Price,
    Team,
    Tier,
    TokenPack,
)
from admin_models.preflight import noting
from chat.cloudbase.control_plane import AIModelEntry
from chat.cloudbase.errors import CloudBaseError

from . import rows, secrets, sections
from .checking import named
from .format import Kind
from .planning import Plan, is_kept_elsewhere
from .steps import Key, Step, Verdict

_PLACE: Final = frozenset({"region", "is_international", "base_url", "control_url"})
"""Where an environment is: what was seen elsewhere says nothing about it."""


class Writer:
    """Writes plans as done by `actor`."""

    def __init__(self, actor: audit.Actor) -> None:
        self._actor = actor
        self._environments: dict[str, Environment] = {}
        self._groups: dict[Key, ModelGroup] = {}

    def write(self, plan: Plan) -> None:
        """Do every step that does something."""
        steps: defaultdict[str, list[Step]] = defaultdict(list)
        for step in plan.to_do:
            steps[step.kind].append(step)
        self._environments = {row.env_id: row for row in Environment.objects.all()}
        self._groups = _groups()
        for kind, write in self._verbs().items():
            write(steps[kind])
        for section in sections.registered():
            section.write(self._actor, steps[section.kind])

    def _verbs(self) -> dict[Kind, Callable[[Sequence[Step]], None]]:
        """What writes what, in an order in which everything is there that is referred to."""
        return {
            Kind.ENVIRONMENT: self._write_environments,
            Kind.SITE: self._move_default,
            Kind.PACK: self._write_packs,
            Kind.GROUP: self._write_groups,
            Kind.MODEL: self._write_models,
            Kind.PRICE: self._write_prices,
            Kind.EVERYONE: self._write_teams,
            Kind.TEAM: self._write_teams,
            Kind.ABILITIES: self._write_abilities,
        }

    def _record(self, step: Step, subject: tuple[str, str, str]) -> None:
        verb = "created" if step.verdict is Verdict.CREATE else "updated"
        before, after = _changes(step)
        audit.record(self._actor, f"{step.kind}.{verb}", subject, before=before, after=after)

    # Environments, and what is theirs alone

    def _write_environments(self, steps: Sequence[Step]) -> None:
        for step in steps:
            # Two may exchange their names, and the table sees one of them first.
            if "name" in step.changed and step.before is not None:
                Environment.objects.filter(env_id=step.key[0]).update(name=uuid4().hex)
        for step in steps:
            self._write_environment(step)

    def _write_environment(self, step: Step) -> None:
        env_id = step.key[0]
        row = self._environments.setdefault(env_id, Environment(env_id=env_id))
        changes = _changes(step)[1]
        is_elsewhere = row.pk is not None and not _PLACE.isdisjoint(changes)
        _save(row, changes)
        if is_elsewhere:
            noting.forget(row.pk)
        self._record(step, ("environment", env_id, row.name))

    def _move_default(self, steps: Sequence[Step]) -> None:
        for step in steps:
            for row in Environment.objects.filter(is_default=True):
                self._set_default(row, is_default=False)
            env_id = step.after["default_environment"]
            self._set_default(self._environments[env_id], is_default=True)

    def _set_default(self, row: Environment, *, is_default: bool) -> None:
        Environment.objects.filter(pk=row.pk).update(is_default=is_default)
        audit.record(
            self._actor,
            "environment.updated",
            ("environment", row.env_id, row.name),
            before={"is_default": not is_default},
            after={"is_default": is_default},
        )

    def _write_packs(self, steps: Sequence[Step]) -> None:
        for step in steps:
            environment, values = (
                self._environments[step.key[0]],
                rows.columns(step.kind, step.result),
            )
            issued_at = rows.columns(step.kind, {"issued_at": step.key[1]})["created_at"]
            size, expires_at = values["size_tokens"], values.get("expires_at")
            issued = TokenPack.objects.filter(environment=environment, created_at=issued_at)
            pack = issued.order_by("pk").last()
            if pack is None:
                pack = packs.issue(self._actor, environment, size, expires_at)
                TokenPack.objects.filter(pk=pack.pk).update(created_at=issued_at)
            else:
                packs.extend(self._actor, pack.pk, size, expires_at)
            turn = packs.withdraw if values.get("is_disabled") else packs.give_back
            turn(self._actor, pack.pk)

    # Groups and models

    def _write_groups(self, steps: Sequence[Step]) -> None:
        for step in steps:
            environment = self._environments[step.key[0]]
            row = self._groups.get(step.key) or self._new_group(environment, step.key[1])
            self._groups[step.key] = row
            changes = _changes(step)[1]
            _save(row, changes)
            if "base_url" in changes and step.before is not None:
                noting.forget_calls(environment.pk, row.name)
            self._record(step, ("group", "/".join(step.key), row.name))

    def _new_group(self, environment: Environment, name: str) -> ModelGroup:
        row = ModelGroup(environment=environment, name=name)
        if is_kept_elsewhere(environment.kind, name):
            row.status = GroupStatus.OFF  # until its environment says otherwise
        return row

    def _write_models(self, steps: Sequence[Step]) -> None:
        of_group: defaultdict[Key, list[Step]] = defaultdict(list)
        for step in steps:
            of_group[step.key[:2]].append(step)
        new: list[AIModel] = []
        for key, found in of_group.items():
            new += self._write_models_of(self._groups[key], found)
        AIModel.objects.bulk_create(new)

    def _write_models_of(self, group: ModelGroup, steps: Sequence[Step]) -> list[AIModel]:
        """Change the models that are here, record all, and return those that are to be added."""
        there = {row.name: row for row in group.models.all()}
        before = _offered(there.values())
        new = [self._new_model(group, step) for step in steps if step.key[2] not in there]
        for step in steps:
            if step.key[2] in there:
                _change_model(there[step.key[2]], step)
        self._record_models(group, steps)
        self._keep_list(group, before, _offered([*there.values(), *new]))
        return new

    def _new_model(self, group: ModelGroup, step: Step) -> AIModel:
        row = AIModel(group=group, name=step.key[2], **_changes(step)[1])
        if is_kept_elsewhere(group.environment.kind, group.name):
            row.is_enabled = False  # until its environment lists it
        return row

    def _record_models(self, group: ModelGroup, steps: Sequence[Step]) -> None:
        changes = {step.key[2]: _changes(step) for step in steps}
        before = {step.key[2]: changes[step.key[2]][0] for step in steps if step.before is not None}
        after = {name: change[1] for name, change in changes.items()}
        subject = ("group", f"{group.environment.env_id}/{group.name}", group.name)
        audit.record(
            self._actor,
            "models.changed",
            subject,
            before={"models": before},
            after={"models": after},
        )

    def _keep_list(self, group: ModelGroup, before: Any, after: Any) -> None:
        """Keep the list before, to be undone, as for every change of a list."""
        if before and model_lists.difference(before, after):
            ListVersion.objects.create(
                environment=group.environment,
                group=group.name,
                before=model_lists.stored(before),
                after=model_lists.stored(after),
                made_by=audit.name_of(self._actor),
            )

    # Prices, teams, abilities

    def _write_prices(self, steps: Sequence[Step]) -> None:
        by = audit.name_of(self._actor)
        made = [Price(**named(step)._asdict(), **_price(step), set_by=by) for step in steps]
        for price in Price.objects.bulk_create(made):
            action = "price.confirmed" if price.words else "price.set"
            subject = prices.subject_of(price)
            audit.record(self._actor, action, subject, after=prices.state_of(price))

    def _write_teams(self, steps: Sequence[Step]) -> None:
        for step in steps:
            if step.kind is Kind.EVERYONE:
                team = Team.objects.everyone()
            else:
                name = step.key[0]
                team = Team.objects.filter(name=name).first() or Team(name=name)
            teams.save(self._actor, team, _team_writer(team, step, self._groups))

    def _write_abilities(self, steps: Sequence[Step]) -> None:
        for step in steps:
            base_url, model = step.key
            values = rows.columns(step.kind, step.after)
            ModelAbilities.objects.update_or_create(base_url=base_url, model=model, defaults=values)


def sentence_of(error: CloudBaseError) -> str:
    """What a person reads of an error."""
    return gettext(error.user_message) % error.params


def _changes(step: Step) -> tuple[dict[str, Any], dict[str, Any]]:
    """The columns that differ, as they are and as they will be."""
    before = step.before or {}
    old = {name: before[name] for name in step.changed if name in before}
    new = {name: step.after[name] for name in step.changed}
    return rows.columns(step.kind, old), rows.columns(step.kind, new)


def _save(row: Environment | ModelGroup, changes: dict[str, Any]) -> None:
    """Save what changes and nothing else; least of all the keys."""
    for name, value in changes.items():
        setattr(row, name, value)
    by_itself = [field.name for field in row._meta.fields if getattr(field, "auto_now", False)]
    row.save(update_fields=[*changes, *by_itself] if row.pk else None)


def _groups() -> dict[Key, ModelGroup]:
    found = ModelGroup.objects.select_related("environment").prefetch_related("models")
    return {(row.environment.env_id, row.name): row for row in found}


def _change_model(row: AIModel, step: Step) -> None:
    changes = _changes(step)[1]
    if "parameters" in changes:
        # What no file shows stays: the file does not know that it is here.
        changes["parameters"] |= secrets.only(row.parameters)
    for name, value in changes.items():
        setattr(row, name, value)
    row.save(update_fields=list(changes))


def _offered(models: Iterable[AIModel]) -> tuple[AIModelEntry, ...]:
    """A group's list as its environment tells it: the models that are switched on."""
    return tuple(
        AIModelEntry(row.name, enable_mcp=row.enable_mcp, tags=tuple(row.tags))
        for row in models
        if row.is_enabled
    )


def _price(step: Step) -> dict[str, Any]:
    """The columns of a price besides whose it is."""
    values = rows.columns(step.kind, {**step.after, "valid_from": step.key[1]})
    return values | {"tiers": [Tier.read(tier).stored() for tier in values["tiers"]]}


def _team_writer(team: Team, step: Step, groups: dict[Key, ModelGroup]) -> Callable[[], None]:
    """What saves a team with all that the step adds to it."""

    def write() -> None:
        team.allows_all = step.after.get("allows_all", team.allows_all)
        team.save()
        team.members.add(*User.objects.filter(username__in=step.after.get("members", ())))
        named = (tuple(name.split("/")) for name in step.after.get("groups", ()))
        team.model_groups.add(*(groups[key] for key in named))
        team.models_allowed.add(*_models_named(step.after.get("models", ())))

    return write


def _models_named(names: Collection[str]) -> list[AIModel]:
    """The models that `<environment id>/<group>/<model>` name."""
    keys = {tuple(name.split("/", 2)) for name in names}
    found = AIModel.objects.select_related("group__environment") if keys else ()
    return [
        row for row in found if (row.group.environment.env_id, row.group.name, row.name) in keys
    ]

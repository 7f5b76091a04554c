"""From our tables to facts: stored answers of a CloudBase environment, the rows of a local one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from django.utils import timezone

from admin_models import local_control_plane
from admin_models.models import AIModel, Environment, Observation
from admin_models.preflight.facts import Facts, Failure, Seen
from chat.cloudbase import group_names
from chat.cloudbase.control_plane import (
    ActivityRecord,
    AIModelGroup,
    CreditsUsage,
    EnvironmentInfo,
    ManagedModelGroup,
    PostpayPackage,
)

KINDS: Final[Mapping[str, tuple[str, Any]]] = {
    "DescribeActivityInfo": ("activities", tuple[ActivityRecord, ...]),
    "DescribeEnvPostpayPackage": ("packages", tuple[PostpayPackage, ...]),
    "DescribeEnvs": ("information", EnvironmentInfo),
    "DescribeCreditsUsage": ("credits", CreditsUsage),
    "DescribeAIModels": ("groups", tuple[AIModelGroup, ...]),
    "DescribeManagedAIModelList": ("catalogue", tuple[ManagedModelGroup, ...]),
}
"""Each action, the fact that it answers, and of which type that is."""
CALL: Final = "ChatCompletions"
"""What a real call is noted under."""


def stored(answer: Any) -> Any:
    """An answer of the control plane as JSON; what came beside the known members is left out."""
    return _without_raw(msgspec.to_builtins(answer))


def facts_of(environment: Environment) -> Facts:
    """Everything that is known of an environment, in a constant number of queries."""
    return facts_of_all([environment])[environment.pk]


def facts_of_all(environments: Iterable[Environment]) -> dict[int, Facts]:
    """The same for several, by their numbers, in as many queries as for one of each kind."""
    rows = list(environments)
    elsewhere = [row for row in rows if not row.is_local]
    observed, switched_on = _observations(elsewhere), _switched_on(elsewhere)
    facts = {row.pk: _of_observed(row, observed[row.pk], switched_on[row.pk]) for row in elsewhere}
    return facts | {row.pk: _of_local(row) for row in rows if row.is_local}


def facts_around(model: AIModel) -> Facts:
    """What there is to know for calling one model, whose `group__environment` is loaded.

    One query, and none for a custom group of the local environment.
    """
    group, environment = model.group, model.group.environment
    if environment.is_local:
        return _of_local_models([model])
    changed = {(group.name, model.name): model.switched_on_at} if model.switched_on_at else {}
    return _of_observed(environment, list(environment.observations.all()), changed)


def facts_around_all(models: Iterable[AIModel]) -> dict[int, Facts]:
    """The same for many models, by the numbers of their environments, in three queries at most."""
    rows = list(models)
    environments = {row.group.environment_id: row.group.environment for row in rows}
    facts = facts_of_all(row for row in environments.values() if not row.is_local)
    local = [row for row in rows if row.group.environment.is_local]
    return facts | ({local[0].group.environment_id: _of_local_models(local)} if local else {})


def makes_no_query(model: AIModel) -> bool:
    """Whether `facts_around` needs no database for `model`."""
    return model.group.environment.is_local and group_names.is_custom(model.group.name)


def _observations(environments: Sequence[Environment]) -> Mapping[int, list[Observation]]:
    found: defaultdict[int, list[Observation]] = defaultdict(list)
    for row in Observation.objects.filter(environment__in=environments):
        found[row.environment_id].append(row)
    return found


def _switched_on(
    environments: Sequence[Environment],
) -> Mapping[int, dict[tuple[str, str], datetime]]:
    rows = AIModel.objects.filter(
        group__environment__in=environments, switched_on_at__isnull=False
    ).values_list("group__environment", "group__name", "name", "switched_on_at")
    changed: defaultdict[int, dict[tuple[str, str], datetime]] = defaultdict(dict)
    for environment_pk, group, name, at in rows:
        if at is not None:
            changed[environment_pk][group, name] = at
    return changed


def _of_observed(
    environment: Environment,
    rows: Sequence[Observation],
    switched_on: Mapping[tuple[str, str], datetime],
) -> Facts:
    described: dict[str, Any] = {}
    for row in rows:
        if row.action in KINDS:
            name, kind = KINDS[row.action]
            described[name] = _seen(row, kind)
    return Facts(
        environment.env_id,
        is_enabled=environment.is_enabled,
        has_key=environment.has_key or environment.has_cloud_keys,
        has_cloud_keys=environment.has_cloud_keys,
        calls=_calls(rows),
        switched_on=switched_on,
        **described,
    )


def _of_local(environment: Environment) -> Facts:
    """Nothing of our own tables is ever too old."""
    now = timezone.now()
    packs = local_control_plane.packs_of(environment)
    groups = local_control_plane.groups_of(environment)
    catalogue = local_control_plane.catalogue_of(environment)
    return Facts(
        environment.env_id,
        is_local=True,
        is_enabled=environment.is_enabled,
        activities=Seen("DescribeActivityInfo", (), now),
        packages=Seen("DescribeEnvPostpayPackage", packs, now),
        groups=Seen("DescribeAIModels", groups, now),
        catalogue=Seen("DescribeManagedAIModelList", catalogue, now),
        calls=_calls(environment.observations.all()),
    )


def _of_local_models(models: Sequence[AIModel]) -> Facts:
    """Facts of the local environment as far as they concern these models of it."""
    now, environment = timezone.now(), models[0].group.environment
    are_packs_needed = not all(group_names.is_custom(model.group.name) for model in models)
    packs = local_control_plane.packs_of(environment) if are_packs_needed else ()
    return Facts(
        environment.env_id,
        is_local=True,
        is_enabled=environment.is_enabled,
        activities=Seen("DescribeActivityInfo", (), now),
        packages=Seen("DescribeEnvPostpayPackage", packs, now),
        groups=Seen("DescribeAIModels", local_control_plane.as_groups(models), now),
    )


def _calls(rows: Iterable[Observation]) -> dict[tuple[str, str], Seen[bool]]:
    calls: dict[tuple[str, str], Seen[bool]] = {}
    for row in rows:
        if row.action == CALL:
            group, _slash, model = row.subject.partition("/")
            calls[group, model] = _seen(row, bool)
    return calls


def _seen(row: Observation, kind: Any) -> Seen[Any]:
    failure = Failure(row.failed_at, row.error or {}) if row.failed_at is not None else None
    if row.answered_at is None:
        return Seen(row.action, failure=failure)
    try:
        answer = msgspec.convert(row.answer, kind)
    except msgspec.ValidationError:  # written by another version: ask again
        return Seen(row.action, failure=failure)
    return Seen(row.action, answer, row.answered_at, row.request_id or None, failure)


def _without_raw(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_raw(held) for name, held in value.items() if name != "raw"}
    if isinstance(value, list | tuple):
        return [_without_raw(held) for held in value]
    return value

"""What has been seen of an environment: answers, failures, and when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Final, Generic, TypeVar

from chat.cloudbase.control_plane import (
    ActivityRecord,
    AIModelGroup,
    CreditsUsage,
    EnvironmentInfo,
    ManagedModel,
    ManagedModelGroup,
    PostpayPackage,
)

REFUSALS: Final = frozenset(
    {
        "channel_not_allowed",
        "environment_suspended",
        "group_incomplete",
        "group_not_found",
        "key_expired",
        "key_refused",
        "model_disabled",
        "model_not_enabled",
        "model_not_found",
        "not_allowed",
        "quota_exhausted",
    }
)
"""Codes of a refused call that say something about the next one."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Failure:
    """How an action failed last; `error` is what `CloudBaseError.as_dict` says."""

    at: datetime
    error: Mapping[str, Any]

    @property
    def code(self) -> str:
        """The stable code of the error."""
        return str(self.error.get("code", ""))

    @property
    def request_id(self) -> str | None:
        """The service's own id of the request."""
        return self.error.get("request_id")


@dataclass(frozen=True, slots=True)
class Seen(Generic[T]):
    """What an action answered last, and how it failed since, if it did."""

    action: str
    answer: T | None = None
    at: datetime | None = None
    """Of the answer."""
    request_id: str | None = None
    failure: Failure | None = None

    def fresh(self, now: datetime, age: timedelta) -> T | None:
        """The answer, unless it is older than `age`."""
        return self.answer if self.at is not None and now - self.at <= age else None


_NEVER_CALLED: Final[Seen[bool]] = Seen("ChatCompletions")


@dataclass(frozen=True)
class Facts:
    """Everything that the checks of one environment look at."""

    env_id: str
    is_local: bool = False
    is_enabled: bool = True
    has_key: bool = True
    """For the data plane."""
    has_cloud_keys: bool = True
    """For the control plane; without them nothing can be asked there."""
    activities: Seen[tuple[ActivityRecord, ...]] = Seen("DescribeActivityInfo")
    packages: Seen[tuple[PostpayPackage, ...]] = Seen("DescribeEnvPostpayPackage")
    information: Seen[EnvironmentInfo] = Seen("DescribeEnvs")
    credits: Seen[CreditsUsage] = Seen("DescribeCreditsUsage")
    groups: Seen[tuple[AIModelGroup, ...]] = Seen("DescribeAIModels")
    catalogue: Seen[tuple[ManagedModelGroup, ...]] = Seen("DescribeManagedAIModelList")
    calls: Mapping[tuple[str, str], Seen[bool]] = field(default_factory=dict)
    """Real calls by group and model; the answer is that it worked."""
    switched_on: Mapping[tuple[str, str], datetime] = field(default_factory=dict)
    """When a group's model was switched on here; a change may need two minutes to count."""

    def group(self, name: str) -> AIModelGroup | None:
        """The group of that name, as it was seen last."""
        return self._groups.get(name)

    @cached_property
    def group_names(self) -> str:
        """The names of all groups that were seen last, as one text."""
        return ", ".join(group.group_name for group in self.groups.answer or ())

    @cached_property
    def _groups(self) -> Mapping[str, AIModelGroup]:
        """As thousands of models may be judged by the same facts, by name."""
        return {group.group_name: group for group in reversed(self.groups.answer or ())}

    def managed(self, group: str, model: str) -> ManagedModel | None:
        """The catalogue's entry of exactly that name."""
        for listed in self.catalogue.answer or ():
            if listed.group_name == group:
                return next((m for m in listed.models if m.model == model), None)
        return None

    def call(self, group: str, model: str) -> Seen[bool]:
        """The last real call of a model."""
        return self.calls.get((group, model), _NEVER_CALLED)

"""What can be asked of an environment's management: which groups and models there are, who pays.

Names follow the actions of CloudBase's control plane (`tcb`, version 2018-06-08), and so do the
members of the values, in snake_case. An implementation need not be Tencent's: one on tables of
one's own has the same promises.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Generic, Literal, Protocol, TypeVar

ON: Final = 1
OFF: Final = 2
"""`status` of a group."""

KeyType = Literal["api_key", "publish_key"]
"""For servers, with all rights; or for browsers, with an anonymous visitor's."""

T = TypeVar("T")
Raw = Mapping[str, Any]
"""An object as it came, unknown members included, secret ones taken out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What an answer describes."""

    raw: Raw = field(default_factory=dict, repr=False, compare=False)
    """Neither shown nor compared."""


@dataclass(frozen=True, slots=True)
class Answered(Generic[T]):
    """What an action answered, and by which request: the evidence for whoever shows it."""

    value: T
    action: str
    """For example `DescribeAIModels`."""
    request_id: str | None
    """The service's own id of the request, None if it gave none."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A part of a list; `total` counts all of it, None if unsaid."""

    items: tuple[T, ...]
    total: int | None = None


@dataclass(frozen=True, slots=True)
class AIModelEntry(Described):
    """A model that a group offers (CloudBase's `AIModel`)."""

    model: str
    enable_mcp: bool = False
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AIModelGroup(Described):
    """A model group of an environment. Its key stays where it is."""

    group_name: str
    models: tuple[AIModelEntry, ...] = ()
    status: int | None = None
    """`ON`, `OFF`, or whatever else came."""
    type: str = ""
    """`builtin` or `custom`."""
    origin_type: str = ""
    remark: str = ""
    base_url: str = ""
    create_time: str = ""
    update_time: str = ""
    """ISO 8601."""

    @property
    def is_on(self) -> bool:
        """Whether the group answers at all."""
        return self.status == ON

    def offers(self, model: str) -> bool:
        """Say whether the group lists a model of exactly this name."""
        return any(entry.model == model for entry in self.models)


@dataclass(frozen=True, slots=True, repr=False)
class GroupSecret:
    """What a custom group calls its models with: an `api_key`, or a secret id and its key."""

    api_key: str = ""
    secret_id: str = ""
    secret_key: str = ""
    secret_source: str = ""

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not appear in an error."""
        return tuple(filter(None, (self.api_key, self.secret_id, self.secret_key)))


@dataclass(frozen=True, slots=True)
class ModelSpec(Described):
    """How much a model reads and writes, as text such as `192k`; "" if unsaid."""

    max_input_token: str = ""
    max_output_token: str = ""
    context_length: str = ""


@dataclass(frozen=True, slots=True)
class ModelPrice(Described):
    """A price as text, exactly as it came, for `input_output_unit` tokens; "" if unsaid.

    `type` is `Uniform`, or `Tiered` with the tier in `name`, for example `0-16k`.
    """

    type: str = ""
    name: str = ""
    input_price: str = ""
    output_price: str = ""
    cache_price: str = ""
    input_output_unit: str = ""


def as_decimal(price: str) -> Decimal | None:
    """Return a price to calculate with, None if the text is no finite number."""
    try:
        amount = Decimal(price.strip())
    except InvalidOperation:
        return None
    return amount if amount.is_finite() else None


@dataclass(frozen=True, slots=True)
class ManagedModel(Described):
    """A model that could be enabled, with its price."""

    model: str
    enable_mcp: bool = False
    spec: ModelSpec = ModelSpec()
    prices: tuple[ModelPrice, ...] = ()


@dataclass(frozen=True, slots=True)
class ManagedModelGroup(Described):
    """The vendor's catalogue for one group."""

    group_name: str
    remark: str = ""
    models: tuple[ManagedModel, ...] = ()


@dataclass(frozen=True, slots=True)
class ActivityRecord(Described):
    """That an environment takes part in an activity of the vendor's."""

    activity_name: str
    env_id: str


@dataclass(frozen=True, slots=True)
class PostpayPackage(Described):
    """A package that an environment pays from.

    Of `status` only 3 (expired) and 4 (disabled) are known, of `version_switch_status` nothing.
    """

    postpay_package_id: str
    status: int | None = None
    version_switch_status: int | None = None


@dataclass(frozen=True, slots=True)
class EnvironmentInfo(Described):
    """An environment of the account; `status` is `NORMAL` or `UNAVAILABLE`."""

    env_id: str
    alias: str = ""
    status: str = ""
    source: str = ""
    region: str = ""
    package_id: str = ""
    package_name: str = ""
    pay_mode: str = ""
    create_time: str = ""
    update_time: str = ""


@dataclass(frozen=True, slots=True)
class ApiKey(Described):
    """A key of the data plane. `api_key` is whole only right after it was made, later masked."""

    key_id: str
    name: str = ""
    api_key: str = field(default="", repr=False)
    expire_at: str = ""
    create_at: str = ""


@dataclass(frozen=True, slots=True)
class CreditsUsage(Described):
    """Resource points used: of the plan, of packs, paid as one goes, and in earlier periods."""

    deduct_value: float | None = None
    package_deduct_value: float | None = None
    report_value: float | None = None
    history_deducted: float | None = None


@dataclass(frozen=True, slots=True)
class MetricPart(Described):
    """What was used within an hour or a day; `calc_time` is text without a time zone, for example
    `2025-12-30 23:00:00`."""

    calc_time: str
    raw_value: float | None = None
    credits_value: float | None = None


@dataclass(frozen=True, slots=True)
class MetricUsage(Described):
    """What was used of one thing: `value` of it, in `unit`, for so many resource points."""

    metric_name: str
    resource_type: str = ""
    unit: str = ""
    value: float | None = None
    credits_value: float | None = None
    billing_cycle_type: str = ""
    """`hourly` or `daily`."""
    parts: tuple[MetricPart, ...] = ()


@dataclass(frozen=True, slots=True)
class ModuleUsage(Described):
    """What one module used, for example `AI` or `Token` (CloudBase's `EnvPkgCreditsUsage`)."""

    module: str
    credits_value: float | None = None
    metrics: tuple[MetricUsage, ...] = ()


class ControlPlane(Protocol):
    """The management of one environment. Every action raises CloudBaseError.

    What changes something answers with how many things it changed, None if unsaid. In
    `update_ai_model` and `create_ai_model` None leaves a setting as it is.
    """

    async def describe_ai_models(self) -> Answered[tuple[AIModelGroup, ...]]:
        """All model groups, whether on or off."""

    async def update_ai_model(
        self,
        group_name: str,
        *,
        models: Sequence[AIModelEntry] | None = None,
        status: int | None = None,
        base_url: str | None = None,
        remark: str | None = None,
        secret: GroupSecret | None = None,
    ) -> Answered[int | None]:
        """Change a group; `models` replaces the whole list. Takes up to two minutes to count."""

    async def create_ai_model(
        self,
        group_name: str,
        *,
        base_url: str | None = None,
        models: Sequence[AIModelEntry] | None = None,
        remark: str | None = None,
        status: int | None = None,
        secret: GroupSecret | None = None,
    ) -> Answered[int | None]:
        """Register a custom group. Raises GroupExists, PlanTooSmall."""

    async def delete_ai_model(self, group_names: Sequence[str]) -> Answered[int | None]:
        """Remove custom groups."""

    async def describe_managed_ai_model_list(self) -> Answered[tuple[ManagedModelGroup, ...]]:
        """The catalogue: what could be enabled, and its prices."""

    async def modify_ai_model_status(
        self, group_name: str, models: Mapping[str, bool]
    ) -> Answered[int | None]:
        """Switch single models of a built-in group on (True) or off."""

    async def describe_activity_info(
        self, activity_names: Sequence[str]
    ) -> Answered[tuple[ActivityRecord, ...]]:
        """Who takes part in the activities, environments of the whole account."""

    async def describe_env_postpay_package(self) -> Answered[tuple[PostpayPackage, ...]]:
        """The packages of the environment, expired ones included."""

    async def describe_envs(
        self, *, env_id: str | None = None, limit: int | None = None, offset: int | None = None
    ) -> Answered[Page[EnvironmentInfo]]:
        """The environments of the account, or the one of that id."""

    async def describe_env_info(self) -> Answered[EnvironmentInfo | None]:
        """The environment itself, None if the answer holds none."""

    async def create_api_key(
        self,
        *,
        key_type: KeyType = "api_key",
        name: str | None = None,
        expire_in: int | None = None,
    ) -> Answered[ApiKey]:
        """Make a key and show it, once. `expire_in` is in seconds, at least 7200; None is never."""

    async def describe_api_key_list(
        self,
        *,
        key_type: KeyType | None = None,
        page_number: int | None = None,
        page_size: int | None = None,
    ) -> Answered[Page[ApiKey]]:
        """The keys of the environment, masked."""

    async def delete_api_key(self, key_id: str) -> Answered[None]:
        """Make a key invalid."""

    async def describe_credits_usage(
        self, *, start_date: str, end_date: str
    ) -> Answered[CreditsUsage]:
        """Resource points used between two days, each `YYYY-MM-DD`."""

    async def describe_credits_usage_detail(
        self,
        *,
        modules: Sequence[str],
        start_date: str,
        end_date: str,
        need_usage_details: bool = False,
    ) -> Answered[tuple[ModuleUsage, ...]]:
        """What `modules` used between two days, each `YYYY-MM-DD`; its `parts` if they are needed
        and the two days are the same."""

"""What a CloudBase environment is, as values a test can change: groups, catalogue, packs, keys.

A new `EnvironmentState()` can be used at once: group `cloudbase` with `deepseek-v4-flash` on, a
token pack, the growth plan, the standard plan, one API key and one pair of cloud keys.
"""

import copy
import time
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from tests.fakes.signatures import SecretKey

ON: Final = 1
OFF: Final = 2
MANAGED_URL: Final = "http://default.tcb"
"""The base URL of a group that the service itself answers for."""
INSPIRE_PLAN: Final = "ai_miniprogram_inspire_plan"

API_KEY: Final = "eyJhbGciOiJSUzI1NiJ9.made-up-api-key.of-the-fake"
SECRET_ID: Final = "AKIDFAKE000000000000"
SECRET_KEY: Final = "secretFAKE0000000000"

Plan = Literal["free", "personal", "standard", "enterprise"]


@dataclass
class Group:
    """A model group as the control plane keeps it."""

    name: str
    models: list[str] = field(default_factory=list)
    status: int = ON
    type: Literal["builtin", "custom"] = "builtin"
    origin_type: Literal["builtin", "custom"] = "builtin"
    base_url: str = MANAGED_URL
    remark: str = ""
    secret: dict[str, str] | None = None
    with_mcp: set[str] = field(default_factory=set)
    """The models whose EnableMCP is true."""
    tags: dict[str, list[str]] = field(default_factory=dict)
    """Of the models that have any."""
    created: str = "2026-01-01T00:00:00Z"
    updated: str = "2026-01-01T00:00:00Z"

    @property
    def is_complete(self) -> bool:
        """Whether the service knows where to ask, and with which key."""
        return self.type == "builtin" or bool(self.base_url and self.secret)

    def replace_models(self, models: list[dict[str, Any]]) -> None:
        """Take the whole new list; nothing of the old one stays."""
        self.models = [model["Model"] for model in models]
        self.with_mcp = {model["Model"] for model in models if model.get("EnableMCP")}
        self.tags = {model["Model"]: model["Tags"] for model in models if model.get("Tags")}

    def as_told(self) -> dict[str, Any]:
        """AIModelGroup; the secret masked."""
        return {
            "GroupName": self.name,
            "Type": self.type,
            "OriginType": self.origin_type,
            "Status": self.status,
            "Remark": self.remark,
            "BaseUrl": self.base_url,
            "Secret": self._masked_secret(),
            "Models": [
                {
                    "Model": name,
                    "EnableMCP": name in self.with_mcp,
                    "Tags": self.tags.get(name, []),
                }
                for name in self.models
            ],
            "CreateTime": self.created,
            "UpdateTime": self.updated,
        }

    def _masked_secret(self) -> dict[str, str] | None:
        if self.secret is None:
            return None
        told = {name: masked(value) for name, value in self.secret.items()}
        return {"SecretSource": "custom", **told}


@dataclass
class Price:
    """One tier of ModelChargingInfo; prices are text, as the service sends them."""

    input: str = "1"
    output: str = "2"
    cache: str = "0.2"
    name: str = ""
    type: Literal["Uniform", "Tiered"] = "Uniform"

    def as_told(self) -> dict[str, str]:
        """ManagedAIModelChargingInfo."""
        return {
            "Type": self.type,
            "Name": self.name,
            "InputPrice": self.input,
            "OutputPrice": self.output,
            "CachePrice": self.cache,
            "InputOutputUnit": "1k tokens",
        }


@dataclass
class Offered:
    """A model of the managed catalogue."""

    name: str
    prices: list[Price] = field(default_factory=lambda: [Price()])
    context: str = "128k"
    has_mcp: bool = False

    def as_told(self) -> dict[str, Any]:
        """ManagedAIModel."""
        spec = {"MaxInputToken": "96k", "MaxOutputToken": "32k", "ContextLength": self.context}
        return {
            "Model": self.name,
            "EnableMCP": self.has_mcp,
            "ModelSpec": spec,
            "ModelChargingInfo": [price.as_told() for price in self.prices],
        }


@dataclass
class Pack:
    """A token pack; status 3 has expired, 4 is disabled."""

    id: str = "pkg_tcb_tokencredits_10m"
    status: int = 1
    version_switch_status: int = 0

    def as_told(self) -> dict[str, Any]:
        """An entry of envPostpayPackageInfoList, as the vendor's guides spell it."""
        return {
            "postpayPackageId": self.id,
            "status": self.status,
            "versionSwitchStatus": self.version_switch_status,
        }


@dataclass
class Metered:
    """What one thing used on a day; `value` is in `unit`, spread evenly over `hours`.

    Which metrics a model service has, and their units, the vendor does not publish: its one example
    is the traffic of a container. These names are made up after it.
    """

    value: float
    unit: str = "token"
    module: str = "Token"
    name: str = "TotalTokens"
    credits: float = 1.5
    hours: list[str] = field(default_factory=lambda: ["09:00:00"])

    def as_told(self, env_id: str, day: str, *, is_detailed: bool) -> dict[str, Any]:
        """EnvPkgCreditsUsage, with one metric."""
        parts = len(self.hours) or 1
        points = {"CreditsValue": self.credits, "DeductValue": self.credits}
        listed = [
            {"CalcTime": f"{day} {hour}", "RawValue": self.value / parts, "CreditsValue": 0.1}
            for hour in self.hours
        ]
        metric = {
            "MetricName": self.name,
            "ResourceType": "Model",
            "BillingCycleType": "daily",
            "Unit": self.unit,
            "Value": self.value,
            "ValueDetailList": listed if is_detailed else [],
            **points,
        }
        return {"EnvId": env_id, "Module": self.module, "MetricUsageDetail": [metric], **points}


@dataclass
class ApiKey:
    """A key of the data plane; `expires` is in Unix seconds, 0 is never."""

    id: str
    value: str
    name: str = ""
    kind: Literal["api_key", "publish_key"] = "api_key"
    expires: float = 0.0
    created: str = "2026-01-01T00:00:00Z"

    def has_expired(self, now: float) -> bool:
        """Whether its time is over."""
        return bool(self.expires) and self.expires <= now

    def as_told(self, value: str | None = None) -> dict[str, Any]:
        """The key without its value, unless it is given."""
        return {
            "KeyId": self.id,
            "Name": self.name,
            "ApiKey": masked(self.value) if value is None else value,
            "ExpireAt": str(int(self.expires)) if self.expires else "",
            "CreateAt": self.created,
        }


def _groups() -> list[Group]:
    return [
        Group("cloudbase", ["deepseek-v4-flash"], remark="managed"),
        Group("hunyuan-exp", ["hunyuan-2.0-instruct-20251111"]),
        Group(
            "hunyuan-image",
            ["hunyuan-image", "hunyuan-image-v3.0-v1.0.1", "hunyuan-image-v3.0-v1.0.4"],
        ),
    ]


def _catalogue() -> list[Offered]:
    tiers = [
        Price("2", "3", "0.4", name="0-32k", type="Tiered"),
        Price("4", "6", "0.8", name="32k-128k", type="Tiered"),
    ]
    return [
        Offered("deepseek-v4-flash"),
        Offered("deepseek-v3.2", tiers, has_mcp=True),
        Offered("glm-5.1", [Price("4", "16", "0.8")], context="200k"),
        Offered("kimi-k2.6", [Price("4", "21", "1")], context="256k"),
    ]


@dataclass
class EnvironmentState:
    """One environment and its account; change any member at any time."""

    env_id: str = "env-demo"
    alias: str = "demo"
    region: str = "ap-shanghai"
    plan: Plan = "standard"
    pay_mode: str = "prepayment"
    other_env_ids: list[str] = field(default_factory=list)
    """Further environments of the account, for DescribeEnvs."""
    groups: list[Group] = field(default_factory=_groups)
    catalogue: list[Offered] = field(default_factory=_catalogue)
    activities: list[str] = field(default_factory=lambda: [INSPIRE_PLAN])
    """The activities this environment takes part in."""
    packs: list[Pack] = field(default_factory=lambda: [Pack()])
    credits: dict[str, float] | None = None
    """Answer of DescribeCreditsUsage; None is an environment without a resource-point plan."""
    metered: dict[str, list[Metered]] = field(default_factory=dict)
    """What DescribeCreditsUsageDetail tells, by day (`2026-11-20`); it has no entry for a day that
    was not counted (yet)."""
    api_keys: list[ApiKey] = field(default_factory=lambda: [ApiKey("key-1", API_KEY)])
    access_tokens: set[str] = field(default_factory=set)
    passwords: dict[str, str] = field(default_factory=lambda: {"user-1": "password-1"})
    secret_keys: dict[str, SecretKey] = field(
        default_factory=lambda: {SECRET_ID: SecretKey(SECRET_KEY)}
    )
    unreachable_urls: set[str] = field(default_factory=set)
    """Base URLs that CreateAIModel cannot connect to."""
    tokens_are_used_up: bool = False
    most_at_once: int | None = None
    """How many chats may run at the same time."""
    is_suspended: bool = False
    _earlier: list[tuple[float, list[Group]]] = field(default_factory=list, repr=False)

    def group(self, name: str) -> Group | None:
        """The group as the control plane has it."""
        return _named(name, self.groups)

    def serving(self, name: str) -> Group | None:
        """The group as the data plane has it, which may lag behind."""
        for until, groups in self._earlier:
            if until > time.monotonic():
                return _named(name, groups)
        return self.group(name)

    def keep_serving_this(self, seconds: float) -> None:
        """Let the data plane go on with the present groups for so long."""
        if seconds:
            self._earlier.append((time.monotonic() + seconds, copy.deepcopy(self.groups)))

    def catch_up(self) -> None:
        """Let the data plane follow every change now, as after the two minutes."""
        self._earlier.clear()

    def is_offered(self, model: str) -> bool:
        """Whether the managed catalogue has a model of exactly that name."""
        return any(offered.name == model for offered in self.catalogue)

    @property
    def can_pay(self) -> bool:
        """Whether anything pays for managed models."""
        has_pack = any(pack.status not in (3, 4) for pack in self.packs)
        return not self.tokens_are_used_up and (has_pack or self.credits is not None)

    @property
    def has_standard_plan(self) -> bool:
        """Whether custom groups are allowed."""
        return self.plan in ("standard", "enterprise")

    def env_infos(self) -> list[dict[str, Any]]:
        """EnvInfo of each environment; the ids of packages are made up."""
        return [self._env_info(env_id) for env_id in (self.env_id, *self.other_env_ids)]

    def _env_info(self, env_id: str) -> dict[str, Any]:
        return {
            "EnvId": env_id,
            "Alias": self.alias,
            "Status": "UNAVAILABLE" if self.is_suspended else "NORMAL",
            "Source": "miniapp",
            "Region": self.region,
            "PackageId": f"baas_{self.plan}",
            "PackageName": self.plan,
            "PayMode": self.pay_mode,
            "CreateTime": "2026-01-01 00:00:00",
            "UpdateTime": "2026-01-01 00:00:00",
        }


def masked(secret: str) -> str:
    """A key as the service shows it later: its first and last six characters."""
    return f"{secret[:6]}{'*' * max(0, len(secret) - 12)}{secret[-6:]}"


def _named(name: str, groups: list[Group]) -> Group | None:
    return next((group for group in groups if group.name == name), None)

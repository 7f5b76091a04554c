"""Tencent's control plane: service `tcb`, version 2018-06-08, one POST an action."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar

from chat.cloudbase import control_errors, errors, tencent_values
from chat.cloudbase.control_plane import (
    ActivityRecord,
    AIModelEntry,
    AIModelGroup,
    Answered,
    ApiKey,
    CreditsUsage,
    EnvironmentInfo,
    GroupSecret,
    KeyType,
    ManagedModelGroup,
    ModuleUsage,
    Page,
    PostpayPackage,
)
from chat.cloudbase.credentials import is_key
from chat.cloudbase.encoding import encoded
from chat.cloudbase.members import Members
from chat.cloudbase.transport import Call, Endpoint, HttpPool

Language = Literal["zh-CN", "en-US"]

CHINA: Final = "https://tcb.tencentcloudapi.com"
INTERNATIONAL: Final = "https://tcb.intl.tencentcloudapi.com"
"""For accounts of the international site: `<service>.intl.` (Tencent Cloud API, service addresses;
CloudBase's own tools for AI assistants name this very host)."""

_VERSION: Final = "2018-06-08"
_ABOUT_NAMES: Final = ("InvalidParameter", "UnknownParameter", "MissingParameter")
"""Families of codes that say a member was not recognised."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, repr=False)
class _Question:
    """An action and its members, those that are None left out; it may hold a group's key."""

    action: str
    members: Mapping[str, Any]
    is_change: bool = False
    secrets: tuple[str, ...] = ()

    def body(self, *, is_camel: bool) -> bytes:
        """The JSON; no variable here holds the key, in case that there is none."""
        spelling = _camel_cased if is_camel else dict
        return encoded(spelling(_without_none(self.members)))


class TencentControlPlane:
    """The `ControlPlane` of a CloudBase environment.

    Members go out in PascalCase, and once more in camelCase when the service says that it does
    not know them; the form that worked is kept, an action each, as documents disagree for some
    actions only (CloudBase, DescribeActivityInfo). Answers are read in either.
    """

    def __init__(
        self,
        env: str,
        endpoint: Endpoint,
        http: HttpPool,
        *,
        region: str,
        language: Language = "en-US",
    ) -> None:
        """Made by `app.control_plane()`; `language` is that of the service's messages."""
        self._env = env
        self._endpoint = endpoint
        self._http = http
        self._region = region
        self._language = language
        self._is_camel: dict[str, bool] = {}

    async def describe_ai_models(self) -> Answered[tuple[AIModelGroup, ...]]:
        """All model groups; there is no filter, `GroupName` would be refused."""
        return await self._ask(
            _Question("DescribeAIModels", self._mine()), tencent_values.ai_model_groups
        )

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
        """Change a group; `models` replaces the whole list."""
        settings = _settings(models, status, base_url, remark)
        return await self._change(
            "UpdateAIModel", {"GroupName": group_name, **settings}, secret=secret
        )

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
        """Register a custom group; the service tries its base URL with its key first."""
        settings = _settings(models, status, base_url, remark)
        return await self._change(
            "CreateAIModel", {"GroupName": group_name, **settings}, secret=secret
        )

    async def delete_ai_model(self, group_names: Sequence[str]) -> Answered[int | None]:
        """Remove custom groups; built-in ones cannot be."""
        return await self._change("DeleteAIModel", {"GroupNames": list(group_names)})

    async def describe_managed_ai_model_list(self) -> Answered[tuple[ManagedModelGroup, ...]]:
        """The catalogue with its prices."""
        return await self._ask(
            _Question("DescribeManagedAIModelList", self._mine()),
            tencent_values.managed_model_groups,
        )

    async def modify_ai_model_status(
        self, group_name: str, models: Mapping[str, bool]
    ) -> Answered[int | None]:
        """Switch models of the group `cloudbase` or `hunyuan-image`."""
        wanted = [
            {"Model": model, "Status": "ENABLE" if is_on else "DISABLE"}
            for model, is_on in models.items()
        ]
        return await self._change(
            "ModifyAIModelStatus", {"GroupName": group_name, "Models": wanted}
        )

    async def describe_activity_info(
        self, activity_names: Sequence[str]
    ) -> Answered[tuple[ActivityRecord, ...]]:
        """Who takes part, for example in `ai_miniprogram_inspire_plan`; takes no environment."""
        return await self._ask(
            _Question("DescribeActivityInfo", {"ActivityNames": list(activity_names)}),
            tencent_values.activity_records,
        )

    async def describe_env_postpay_package(self) -> Answered[tuple[PostpayPackage, ...]]:
        """The packages, for example `pkg_tcb_tokencredits_…`."""
        return await self._ask(
            _Question("DescribeEnvPostpayPackage", self._mine()), tencent_values.postpay_packages
        )

    async def describe_envs(
        self, *, env_id: str | None = None, limit: int | None = None, offset: int | None = None
    ) -> Answered[Page[EnvironmentInfo]]:
        """The environments of the account."""
        members = {"EnvId": env_id, "Limit": limit, "Offset": offset}
        return await self._ask(_Question("DescribeEnvs", members), tencent_values.environments)

    async def describe_env_info(self) -> Answered[EnvironmentInfo | None]:
        """The environment itself."""
        return await self._ask(
            _Question("DescribeEnvInfo", self._mine()), tencent_values.environment_itself
        )

    async def create_api_key(
        self,
        *,
        key_type: KeyType = "api_key",
        name: str | None = None,
        expire_in: int | None = None,
    ) -> Answered[ApiKey]:
        """Make a key; an environment has at most five of type `api_key`."""
        members = self._mine(KeyType=key_type, KeyName=name, ExpireIn=expire_in)
        return await self._ask(
            _Question("CreateApiKey", members, is_change=True), tencent_values.api_key
        )

    async def describe_api_key_list(
        self,
        *,
        key_type: KeyType | None = None,
        page_number: int | None = None,
        page_size: int | None = None,
    ) -> Answered[Page[ApiKey]]:
        """The keys, masked but for the first and last six characters."""
        members = self._mine(KeyType=key_type, PageNumber=page_number, PageSize=page_size)
        return await self._ask(_Question("DescribeApiKeyList", members), tencent_values.api_keys)

    async def delete_api_key(self, key_id: str) -> Answered[None]:
        """Make a key invalid."""
        question = _Question("DeleteApiKey", self._mine(KeyId=key_id), is_change=True)
        return await self._ask(question, lambda _: None)

    async def describe_credits_usage(
        self, *, start_date: str, end_date: str
    ) -> Answered[CreditsUsage]:
        """Resource points used between two days."""
        members = self._mine(StartDate=start_date, EndDate=end_date)
        return await self._ask(
            _Question("DescribeCreditsUsage", members), tencent_values.credits_usage
        )

    async def describe_credits_usage_detail(
        self,
        *,
        modules: Sequence[str],
        start_date: str,
        end_date: str,
        need_usage_details: bool = False,
    ) -> Answered[tuple[ModuleUsage, ...]]:
        """What modules such as `AI` and `Token` used between two days."""
        members = self._mine(
            Modules=list(modules),
            StartDate=start_date,
            EndDate=end_date,
            NeedUsageDetails=need_usage_details,
        )
        return await self._ask(
            _Question("DescribeCreditsUsageDetail", members), tencent_values.modules_used
        )

    def _mine(self, **members: Any) -> dict[str, Any]:
        return {"EnvId": self._env, **members}

    async def _change(
        self, action: str, members: Mapping[str, Any], *, secret: GroupSecret | None = None
    ) -> Answered[int | None]:
        return await self._ask(
            _Question(
                action,
                self._mine(**members, Secret=secret and _spelt_out(secret)),
                is_change=True,
                secrets=secret.secrets if secret else (),
            ),
            tencent_values.count,
        )

    async def _ask(self, question: _Question, read: Callable[[Members], T]) -> Answered[T]:
        response = await self._response(question)
        request_id = response.text("RequestId") or None
        return Answered(read(response), question.action, request_id)

    async def _response(self, question: _Question) -> Members:
        """Ask in the form that worked before, else in both until one does."""
        known = self._is_camel.get(question.action)
        answer = await self._try(question, is_camel=known or False)
        if known is None and _is_about_names(answer):
            second = await self._try(question, is_camel=True)
            if not _is_about_names(second):  # else the official form's complaint is the truer one
                known, answer = True, second
        if isinstance(answer, errors.CloudBaseError):
            raise answer
        self._is_camel[question.action] = known or False
        return answer

    async def _try(
        self, question: _Question, *, is_camel: bool
    ) -> Members | errors.ControlPlaneError:
        """Return the members of the answer or the service's refusal; raise TransportError."""
        call = Call(
            body=question.body(is_camel=is_camel),
            headers=self._headers(question.action),
            is_repeatable=not question.is_change,
        )
        try:
            body = await self._http.call(self._endpoint.keeping(question.secrets), call)
        except errors.ControlPlaneError as refusal:
            return refusal
        return control_errors.response_of(body) or Members({})

    def _headers(self, action: str) -> dict[str, str]:
        return {
            "x-tc-action": action,
            "x-tc-version": _VERSION,
            "x-tc-region": self._region,
            "x-tc-language": self._language,
        }


def _is_about_names(answer: Members | errors.ControlPlaneError) -> bool:
    if isinstance(answer, Members):
        return False
    return (answer.service_code or "").partition(".")[0] in _ABOUT_NAMES


def _settings(
    models: Sequence[AIModelEntry] | None,
    status: int | None,
    base_url: str | None,
    remark: str | None,
) -> dict[str, Any]:
    listed = None if models is None else [_entry(model) for model in models]
    return {"Models": listed, "Status": status, "BaseUrl": base_url, "Remark": remark}


def _entry(model: AIModelEntry) -> dict[str, Any]:
    tags = {"Tags": list(model.tags)} if model.tags else {}
    return {"Model": model.model, "EnableMCP": model.enable_mcp, **tags}


def _spelt_out(secret: GroupSecret) -> dict[str, str]:
    """Only what was given: an API key and a secret pair exclude each other. Raises KeyMalformed."""
    if not all(map(is_key, secret.secrets)):
        raise errors.KeyMalformed
    members = {
        "ApiKey": secret.api_key,
        "SecretId": secret.secret_id,
        "SecretKey": secret.secret_key,
        "SecretSource": secret.secret_source,
    }
    return {name: value for name, value in members.items() if value}


def _without_none(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def _camel_cased(value: Any) -> Any:
    """The names of all members with a small first letter."""
    if isinstance(value, dict):
        return {name[:1].lower() + name[1:]: _camel_cased(held) for name, held in value.items()}
    if isinstance(value, list):
        return [_camel_cased(item) for item in value]
    return value

"""What each action of the control plane does to an environment.

Parameters arrive in PascalCase, known and of the right kind; answers are written as the vendor
describes them and are respelt outside. Sources: Tencent Cloud API, product tcb, version
2018-06-08; DescribeActivityInfo and DescribeEnvPostpayPackage are not described there, so these
two answer as the vendor's guides for programs show them.
"""

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from tests.fakes.environment_state import (
    MANAGED_URL,
    OFF,
    ON,
    ApiKey,
    EnvironmentState,
    Group,
)
from tests.fakes.quirks import Quirks

Params = dict[str, Any]
Answer = dict[str, Any]
Run = Callable[[EnvironmentState, Quirks, Params], Answer]

_MOST_API_KEYS = 5
_SHORTEST_LIFE = 7200
"""Seconds an API key lives at least, if it is to expire at all."""


class ActionRefused(Exception):
    """A call that the service refuses; `code` is the vendor's."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Action:
    """One action: what it takes, what it needs, what it does."""

    run: Run
    takes: Mapping[str, type | tuple[type, ...]]
    needs: tuple[str, ...] = ()
    answers_in_camel_case: bool = field(default=False, kw_only=True)


def _of_environment(run: Run) -> Run:
    """Refuse an environment that this account does not have."""

    def checked(state: EnvironmentState, quirks: Quirks, params: Params) -> Answer:
        if params["EnvId"] != state.env_id:
            raise ActionRefused("ResourceNotFound.EnvNotExist", "the environment does not exist")
        return run(state, quirks, params)

    return checked


# ── model groups ────────────────────────────────────────────────────────────


def _describe_models(state: EnvironmentState, quirks: Quirks, _: Params) -> Answer:
    return {quirks.groups_are_called: [group.as_told() for group in state.groups]}


def _describe_catalogue(state: EnvironmentState, _: Quirks, __: Params) -> Answer:
    models = [offered.as_told() for offered in state.catalogue]
    return {
        "ManagedAIModelList": [{"GroupName": "cloudbase", "Remark": "managed", "Models": models}]
        if models
        else []
    }


def _create(state: EnvironmentState, quirks: Quirks, params: Params) -> Answer:
    name = params["GroupName"]
    _check_plan(state)
    if name.startswith("cloudbase"):
        raise ActionRefused("InvalidParameterValue", "the name must not begin with cloudbase")
    if state.group(name) is not None:
        raise ActionRefused("ResourceInUse", f"the group {name} exists already")
    _check_connection(state, params)
    group = Group(name, type="custom", origin_type="custom", base_url="")
    _apply(group, params)
    state.keep_serving_this(quirks.changes_take_effect_after)
    state.groups.append(group)
    return {"Count": 1}


def _update(state: EnvironmentState, quirks: Quirks, params: Params) -> Answer:
    if quirks.updates_need_the_standard_plan:
        _check_plan(state)
    group = _existing(state, params["GroupName"])
    if group.type == "builtin" and not quirks.takes_any_model_name:
        _check_names(state, group, params.get("Models", []))
    state.keep_serving_this(quirks.changes_take_effect_after)
    _apply(group, params)
    _convert(group)
    return {"Count": 1}


def _delete(state: EnvironmentState, quirks: Quirks, params: Params) -> Answer:
    doomed = [_existing(state, name) for name in params["GroupNames"]]
    if any(group.origin_type == "builtin" for group in doomed):
        raise ActionRefused("OperationDenied", "builtin groups cannot be deleted")
    state.keep_serving_this(quirks.changes_take_effect_after)
    state.groups = [group for group in state.groups if group not in doomed]
    return {"Count": len(doomed)}


def _switch(state: EnvironmentState, quirks: Quirks, params: Params) -> Answer:
    if params["GroupName"] not in ("cloudbase", "hunyuan-image"):
        raise ActionRefused("InvalidParameterValue", "GroupName is cloudbase or hunyuan-image")
    group = _existing(state, params["GroupName"])
    if not quirks.takes_any_model_name:
        _check_names(state, group, params["Models"])
    state.keep_serving_this(quirks.changes_take_effect_after)
    for change in params["Models"]:
        _switch_one(group, change["Model"], change.get("Status"))
    return {"Count": len(params["Models"])}


def _switch_one(group: Group, model: str, status: object) -> None:
    if status not in ("ENABLE", "DISABLE"):
        raise ActionRefused("InvalidParameterValue", "Status is ENABLE or DISABLE")
    others = [name for name in group.models if name != model]
    group.models = [*others, model] if status == "ENABLE" else others


def _existing(state: EnvironmentState, name: str) -> Group:
    group = state.group(name)
    if group is None:
        raise ActionRefused("ResourceNotFound.ResourceNotExist", f"no group {name}")
    return group


def _check_plan(state: EnvironmentState) -> None:
    if state.plan == "free":
        message = "the free package does not support this operation, upgrade the package"
        raise ActionRefused("OperationDenied.FreePackageDenied", message)
    if not state.has_standard_plan:
        message = "the package does not support this operation, the standard plan is needed"
        raise ActionRefused("FailedOperation.PackageUnsupported", message)


def _check_names(state: EnvironmentState, group: Group, models: list[Params]) -> None:
    """A managed model is switched on by its exact name; case counts."""
    for model in models:
        name = model.get("Model", "")
        if not state.is_offered(name) and name not in group.models:
            raise ActionRefused("InvalidParameterValue", f"the model {name} is not supported")


def _check_connection(state: EnvironmentState, params: Params) -> None:
    """CreateAIModel tries the base URL and the key; a test says which do not answer."""
    if params.get("BaseUrl") in state.unreachable_urls:
        raise ActionRefused("FailedOperation.ThirdServiceError", "the base URL does not answer")


def _apply(group: Group, params: Params) -> None:
    """Change what was sent; `Models` replaces the whole list."""
    if params.get("Status", group.status) not in (ON, OFF):
        raise ActionRefused("InvalidParameterValue", "Status is 1 or 2")
    group.status = params.get("Status", group.status)
    group.base_url = params.get("BaseUrl", group.base_url)
    group.remark = params.get("Remark", group.remark)
    if "Secret" in params:
        group.secret = _secret(params["Secret"])
    if "Models" in params:
        group.replace_models(params["Models"])
    group.updated = _now()


def _secret(sent: Params) -> dict[str, str]:
    kept = {name: sent[name] for name in ("ApiKey", "SecretId", "SecretKey") if sent.get(name)}
    if "ApiKey" not in kept and not {"SecretId", "SecretKey"} <= kept.keys():
        raise ActionRefused("InvalidParameterValue", "Secret needs ApiKey or SecretId, SecretKey")
    return kept


def _convert(group: Group) -> None:
    """A builtin group with an address and a key of its own becomes custom, and back."""
    if group.base_url not in ("", MANAGED_URL) and group.secret:
        group.type = "custom"
    elif group.base_url == MANAGED_URL and group.origin_type == "builtin":
        group.type = "builtin"
        group.secret = None


# ── environments and eligibility ────────────────────────────────────────────


def _describe_envs(state: EnvironmentState, _: Quirks, params: Params) -> Answer:
    infos = state.env_infos()
    if "EnvId" in params:
        infos = [info for info in infos if info["EnvId"] == params["EnvId"]]
    first = params.get("Offset", 0)
    return {"EnvList": infos[first : first + params.get("Limit", 100)], "Total": len(infos)}


def _describe_env(state: EnvironmentState, _: Quirks, __: Params) -> Answer:
    return {"EnvInfo": {"EnvBaseInfo": state.env_infos()[0]}}


def _describe_activities(state: EnvironmentState, _: Quirks, params: Params) -> Answer:
    return {
        "attendRecords": [
            {"activityName": name, "envId": state.env_id}
            for name in params["ActivityNames"]
            if name in state.activities
        ]
    }


def _describe_packs(state: EnvironmentState, _: Quirks, __: Params) -> Answer:
    return {"envPostpayPackageInfoList": [pack.as_told() for pack in state.packs]}


def _describe_credits(state: EnvironmentState, _: Quirks, __: Params) -> Answer:
    if state.credits is None:
        # What the service says to an environment on another plan is not documented.
        raise ActionRefused("UnsupportedOperation", "the environment has no resource points")
    return dict(state.credits)


def _describe_credits_detail(state: EnvironmentState, _: Quirks, params: Params) -> Answer:
    """By module; the hours only of a single day, as the vendor's example says."""
    if state.credits is None:
        raise ActionRefused("UnsupportedOperation", "the environment has no resource points")
    first, last = params["StartDate"], params["EndDate"]
    is_detailed = params.get("NeedUsageDetails", False) and first == last
    return {
        "Usages": [
            metered.as_told(state.env_id, day, is_detailed=is_detailed)
            for day, of_day in state.metered.items()
            for metered in of_day
            if first <= day <= last and metered.module in params["Modules"]
        ]
    }


# ── API keys ────────────────────────────────────────────────────────────────


def _create_key(state: EnvironmentState, _: Quirks, params: Params) -> Answer:
    kind, life = params["KeyType"], params.get("ExpireIn", 0)
    if kind not in ("api_key", "publish_key") or (life and life < _SHORTEST_LIFE):
        raise ActionRefused("InvalidParameterValue", "KeyType or ExpireIn is wrong")
    most = _MOST_API_KEYS if kind == "api_key" else 1
    if len([key for key in state.api_keys if key.kind == kind]) >= most:
        raise ActionRefused("LimitExceeded", f"an environment has at most {most} {kind}")
    key = ApiKey(
        id=f"key-{secrets.token_hex(4)}",
        value=f"eyJhbGciOiJSUzI1NiJ9.{secrets.token_hex(24)}.fake",
        name=params.get("KeyName", ""),
        kind=kind,
        expires=time.time() + life if life else 0.0,
        created=_now(),
    )
    state.api_keys.append(key)
    return key.as_told(key.value)


def _describe_keys(state: EnvironmentState, _: Quirks, params: Params) -> Answer:
    keys = [key for key in state.api_keys if key.kind == params.get("KeyType", key.kind)]
    size = params.get("PageSize", 10)
    first = (params.get("PageNumber", 1) - 1) * size
    return {"Data": [key.as_told() for key in keys[first : first + size]], "Total": len(keys)}


def _delete_key(state: EnvironmentState, _: Quirks, params: Params) -> Answer:
    kept = [key for key in state.api_keys if key.id != params["KeyId"]]
    if len(kept) == len(state.api_keys):
        raise ActionRefused("ResourceNotFound.ResourceNotExist", "no such key")
    state.api_keys = kept
    return {}


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


_ENV: Mapping[str, type] = {"EnvId": str}
_GROUP: Mapping[str, type] = {
    **_ENV,
    "GroupName": str,
    "BaseUrl": str,
    "Models": list,
    "Remark": str,
    "Status": int,
    "Secret": dict,
}

ACTIONS: Final[Mapping[str, Action]] = {
    "DescribeAIModels": Action(_of_environment(_describe_models), _ENV, ("EnvId",)),
    "DescribeManagedAIModelList": Action(_of_environment(_describe_catalogue), _ENV, ("EnvId",)),
    "CreateAIModel": Action(_of_environment(_create), _GROUP, ("EnvId", "GroupName")),
    "UpdateAIModel": Action(_of_environment(_update), _GROUP, ("EnvId", "GroupName")),
    "DeleteAIModel": Action(
        _of_environment(_delete), {**_ENV, "GroupNames": list}, ("EnvId", "GroupNames")
    ),
    "ModifyAIModelStatus": Action(
        _of_environment(_switch),
        {**_ENV, "GroupName": str, "Models": list},
        ("EnvId", "GroupName", "Models"),
    ),
    "DescribeEnvs": Action(
        _describe_envs,
        {**_ENV, "IsVisible": bool, "Channels": list, "Limit": int, "Offset": int},
    ),
    "DescribeEnvInfo": Action(_of_environment(_describe_env), _ENV, ("EnvId",)),
    "DescribeActivityInfo": Action(
        _describe_activities,
        {"ActivityNames": list},
        ("ActivityNames",),
        answers_in_camel_case=True,
    ),
    "DescribeEnvPostpayPackage": Action(
        _of_environment(_describe_packs), _ENV, ("EnvId",), answers_in_camel_case=True
    ),
    "DescribeCreditsUsage": Action(
        _of_environment(_describe_credits),
        {**_ENV, "StartDate": str, "EndDate": str},
        ("EnvId", "StartDate", "EndDate"),
    ),
    "DescribeCreditsUsageDetail": Action(
        _of_environment(_describe_credits_detail),
        {**_ENV, "Modules": list, "StartDate": str, "EndDate": str, "NeedUsageDetails": bool},
        ("EnvId", "Modules", "StartDate", "EndDate"),
    ),
    "CreateApiKey": Action(
        _of_environment(_create_key),
        {**_ENV, "KeyType": str, "KeyName": str, "ExpireIn": int},
        ("EnvId", "KeyType"),
    ),
    "DescribeApiKeyList": Action(
        _of_environment(_describe_keys),
        {**_ENV, "PageNumber": int, "PageSize": int, "KeyType": str},
        ("EnvId",),
    ),
    "DeleteApiKey": Action(
        _of_environment(_delete_key), {**_ENV, "KeyId": str}, ("EnvId", "KeyId")
    ),
}

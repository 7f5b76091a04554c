"""From the `Response` of Tencent's control plane to values; what is missing is empty.

Members are found in any casing. Secret ones are dropped here, before anything is kept. Sources:
models of the vendor's Python SDK 3.1 for `tcb`; CloudBase AI, eligibility, for the two actions the
SDK does not have (DescribeActivityInfo, DescribeEnvPostpayPackage).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from chat.cloudbase.control_plane import (
    ActivityRecord,
    AIModelEntry,
    AIModelGroup,
    ApiKey,
    CreditsUsage,
    EnvironmentInfo,
    ManagedModel,
    ManagedModelGroup,
    MetricPart,
    MetricUsage,
    ModelPrice,
    ModelSpec,
    ModuleUsage,
    Page,
    PostpayPackage,
)
from chat.cloudbase.members import Members

_SECRET_NAMES: Final = frozenset({"secret", "secretid", "secretkey", "apikey", "password", "token"})


def without_secrets(value: Any) -> Any:
    """Return a copy of something JSON holds, without its secret members at any depth."""
    if isinstance(value, Mapping):
        return {
            name: without_secrets(held)
            for name, held in value.items()
            if name.replace("_", "").lower() not in _SECRET_NAMES
        }
    if isinstance(value, list):
        return [without_secrets(item) for item in value]
    return value


def count(response: Members) -> int | None:
    """How many things were changed."""
    return response.whole("Count")


def ai_model_groups(response: Members) -> tuple[AIModelGroup, ...]:
    """Of DescribeAIModels; the list has two names, by the SDK's and by CloudBase's documents."""
    return tuple(_group(raw) for raw in response.objects("AIModels", "AIModelGroups"))


def managed_model_groups(response: Members) -> tuple[ManagedModelGroup, ...]:
    """Of DescribeManagedAIModelList."""
    return tuple(_managed_group(raw) for raw in response.objects("ManagedAIModelList"))


def activity_records(response: Members) -> tuple[ActivityRecord, ...]:
    """Of DescribeActivityInfo."""
    return tuple(_activity_record(raw) for raw in response.objects("AttendRecords"))


def postpay_packages(response: Members) -> tuple[PostpayPackage, ...]:
    """Of DescribeEnvPostpayPackage."""
    return tuple(_package(raw) for raw in response.objects("EnvPostpayPackageInfoList"))


def environments(response: Members) -> Page[EnvironmentInfo]:
    """Of DescribeEnvs."""
    found = tuple(_environment(raw) for raw in response.objects("EnvList"))
    return Page(found, response.whole("Total"))


def environment_itself(response: Members) -> EnvironmentInfo | None:
    """Of DescribeEnvInfo."""
    info = response.mapping("EnvInfo")
    if info is None:
        return None
    return _environment(Members(info).mapping("EnvBaseInfo") or info)


def api_key(response: Members) -> ApiKey:
    """Of CreateApiKey."""
    return _key(response.raw)


def api_keys(response: Members) -> Page[ApiKey]:
    """Of DescribeApiKeyList."""
    return Page(tuple(_key(raw) for raw in response.objects("Data")), response.whole("Total"))


def credits_usage(response: Members) -> CreditsUsage:
    """Of DescribeCreditsUsage."""
    return CreditsUsage(
        deduct_value=response.number("DeductValue"),
        package_deduct_value=response.number("PackageDeductValue"),
        report_value=response.number("ReportValue"),
        history_deducted=response.number("HistoryDeducted"),
        raw=without_secrets(response.raw),
    )


def modules_used(response: Members) -> tuple[ModuleUsage, ...]:
    """Of DescribeCreditsUsageDetail."""
    return tuple(_module(raw) for raw in response.objects("Usages"))


def _group(raw: Mapping[str, Any]) -> AIModelGroup:
    said = Members(raw)
    return AIModelGroup(
        group_name=said.text("GroupName"),
        models=tuple(_entry(entry) for entry in said.objects("Models")),
        status=said.whole("Status"),
        type=said.text("Type"),
        origin_type=said.text("OriginType"),
        remark=said.text("Remark"),
        base_url=said.text("BaseUrl"),
        create_time=said.text("CreateTime"),
        update_time=said.text("UpdateTime"),
        raw=without_secrets(raw),
    )


def _entry(raw: Mapping[str, Any]) -> AIModelEntry:
    said = Members(raw)
    return AIModelEntry(
        model=said.text("Model"),
        enable_mcp=said.flag("EnableMCP") or False,
        tags=said.texts("Tags"),
        raw=without_secrets(raw),
    )


def _managed_group(raw: Mapping[str, Any]) -> ManagedModelGroup:
    said = Members(raw)
    return ManagedModelGroup(
        group_name=said.text("GroupName"),
        remark=said.text("Remark"),
        models=tuple(_managed_model(model) for model in said.objects("Models")),
        raw=without_secrets(raw),
    )


def _managed_model(raw: Mapping[str, Any]) -> ManagedModel:
    said = Members(raw)
    return ManagedModel(
        model=said.text("Model"),
        enable_mcp=said.flag("EnableMCP") or False,
        spec=_spec(said.mapping("ModelSpec") or {}),
        prices=tuple(_price(price) for price in said.objects("ModelChargingInfo")),
        raw=without_secrets(raw),
    )


def _spec(raw: Mapping[str, Any]) -> ModelSpec:
    said = Members(raw)
    return ModelSpec(
        max_input_token=said.text("MaxInputToken"),
        max_output_token=said.text("MaxOutputToken"),
        context_length=said.text("ContextLength"),
        raw=without_secrets(raw),
    )


def _price(raw: Mapping[str, Any]) -> ModelPrice:
    said = Members(raw)
    return ModelPrice(
        type=said.text("Type"),
        name=said.text("Name"),
        input_price=said.text("InputPrice"),
        output_price=said.text("OutputPrice"),
        cache_price=said.text("CachePrice"),
        input_output_unit=said.text("InputOutputUnit"),
        raw=without_secrets(raw),
    )


def _activity_record(raw: Mapping[str, Any]) -> ActivityRecord:
    said = Members(raw)
    return ActivityRecord(said.text("ActivityName"), said.text("EnvId"), raw=without_secrets(raw))


def _package(raw: Mapping[str, Any]) -> PostpayPackage:
    said = Members(raw)
    return PostpayPackage(
        postpay_package_id=said.text("PostpayPackageId"),
        status=said.whole("Status"),
        version_switch_status=said.whole("VersionSwitchStatus"),
        raw=without_secrets(raw),
    )


def _environment(raw: Mapping[str, Any]) -> EnvironmentInfo:
    said = Members(raw)
    return EnvironmentInfo(
        env_id=said.text("EnvId"),
        alias=said.text("Alias"),
        status=said.text("Status"),
        source=said.text("Source"),
        region=said.text("Region"),
        package_id=said.text("PackageId"),
        package_name=said.text("PackageName"),
        pay_mode=said.text("PayMode"),
        create_time=said.text("CreateTime"),
        update_time=said.text("UpdateTime"),
        raw=without_secrets(raw),
    )


def _key(raw: Mapping[str, Any]) -> ApiKey:
    said = Members(raw)
    return ApiKey(
        key_id=said.text("KeyId"),
        name=said.text("Name"),
        api_key=said.text("ApiKey"),
        expire_at=said.text("ExpireAt"),
        create_at=said.text("CreateAt"),
        raw=without_secrets(raw),
    )


def _module(raw: Mapping[str, Any]) -> ModuleUsage:
    said = Members(raw)
    return ModuleUsage(
        module=said.text("Module"),
        credits_value=said.number("CreditsValue"),
        metrics=tuple(_metric(metric) for metric in said.objects("MetricUsageDetail")),
        raw=without_secrets(raw),
    )


def _metric(raw: Mapping[str, Any]) -> MetricUsage:
    said = Members(raw)
    return MetricUsage(
        metric_name=said.text("MetricName"),
        resource_type=said.text("ResourceType"),
        unit=said.text("Unit"),
        value=said.number("Value"),
        credits_value=said.number("CreditsValue"),
        billing_cycle_type=said.text("BillingCycleType"),
        parts=tuple(_part(part) for part in said.objects("ValueDetailList")),
        raw=without_secrets(raw),
    )


def _part(raw: Mapping[str, Any]) -> MetricPart:
    said = Members(raw)
    return MetricPart(
        calc_time=said.text("CalcTime"),
        raw_value=said.number("RawValue"),
        credits_value=said.number("CreditsValue"),
        raw=without_secrets(raw),
    )

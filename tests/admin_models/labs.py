"""A custom group with two models, in an environment of either kind."""

from __future__ import annotations

from typing import Any

from channels.db import database_sync_to_async

from admin_models import control_plane, local
from admin_models.models import AuditEntry, Environment
from chat.cloudbase.control_plane import AIModelEntry, GroupSecret
from tests.fakes.environment import CloudBaseEnvironment
from tests.fakes.environment_state import Group

LAB = "custom-lab"
URL = "https://llm.example/v1"
KEY = GroupSecret(api_key="sk-canary-7f3a")


def entries(*names: str) -> tuple[AIModelEntry, ...]:
    """Entries that say nothing but their names."""
    return tuple(map(AIModelEntry, names))


def in_cloud(cloud: CloudBaseEnvironment, name: str = LAB) -> Group:
    """Let the fake have the group."""
    group = Group(
        name,
        ["lab-7b", "lab-70b"],
        type="custom",
        origin_type="custom",
        base_url=URL,
        secret={"ApiKey": "sk-old"},
    )
    cloud.state.groups.append(group)
    return group


async def in_this_installation(name: str = LAB) -> Environment:
    """The local environment, with the group."""
    environment = await database_sync_to_async(local.environment)()
    await control_plane.of(environment).create_ai_model(
        name, base_url=URL, models=entries("lab-7b", "lab-70b"), secret=GroupSecret("sk-old")
    )
    return environment


async def listed_in(environment: Environment, name: str = LAB) -> set[str]:
    """The models that the environment itself says the group has."""
    said = await control_plane.of(environment).describe_ai_models()
    return {m.model for group in said.value if group.group_name == name for m in group.models}


def writes(cloud: CloudBaseEnvironment, action: str = "UpdateAIModel") -> list[dict[str, Any]]:
    """What was asked to be changed."""
    return [call.params for call in cloud.control_calls if call.action == action]


@database_sync_to_async
def last_record() -> AuditEntry | None:
    """The newest entry of the audit log."""
    return AuditEntry.objects.order_by("-pk").first()

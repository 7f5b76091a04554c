"""Enable a model in `cloudbase` without losing those that are enabled already.

UpdateAIModel replaces the whole list: read it, merge, write it, and read it again.
"""

import asyncio
import os
import sys

from chat.cloudbase import AIModelEntry, CloudBase, ControlPlane, control_plane
from chat.cloudbase.control_plane import AIModelGroup

GROUP = "cloudbase"


async def group_named(plane: ControlPlane, name: str) -> AIModelGroup:
    """The group as it is now; DescribeAIModels knows no filter."""
    groups = (await plane.describe_ai_models()).value
    return next(group for group in groups if group.group_name == name)


async def is_in_catalogue(plane: ControlPlane, model: str) -> bool:
    """Whether a model of exactly this name is offered; capitals count."""
    catalogue = (await plane.describe_managed_ai_model_list()).value
    return any(offered.model == model for group in catalogue for offered in group.models)


async def enable(plane: ControlPlane, model: str) -> AIModelGroup:
    """Add a model to the list, and return the group as it is afterwards."""
    before = await group_named(plane, GROUP)
    if not before.offers(model):
        models = [*before.models, AIModelEntry(model=model)]
        await plane.update_ai_model(GROUP, models=models, status=control_plane.ON)
    return await group_named(plane, GROUP)


async def main(model: str = "deepseek-v3.2") -> None:
    """Enable the model that is named on the command line."""
    async with CloudBase(
        env=os.environ["CLOUDBASE_ENV"],
        secret_id=os.environ["TENCENTCLOUD_SECRET_ID"],
        secret_key=os.environ["TENCENTCLOUD_SECRET_KEY"],
        control_url=os.environ.get("CLOUDBASE_CONTROL_URL"),
    ) as app:
        plane = app.control_plane()
        if not await is_in_catalogue(plane, model):
            sys.exit(f"{model} is not in the catalogue.")
        group = await enable(plane, model)
        print("enabled:", ", ".join(entry.model for entry in group.models))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:2]))

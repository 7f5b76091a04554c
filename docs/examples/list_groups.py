"""Which model groups does an environment have, and which models are enabled in them?"""

import asyncio
import os

from chat.cloudbase import CloudBase


async def main() -> None:
    """Print each group with its state and its models (DescribeAIModels)."""
    async with CloudBase(
        env=os.environ["CLOUDBASE_ENV"],
        secret_id=os.environ["TENCENTCLOUD_SECRET_ID"],
        secret_key=os.environ["TENCENTCLOUD_SECRET_KEY"],
        control_url=os.environ.get("CLOUDBASE_CONTROL_URL"),
    ) as app:
        groups = await app.control_plane().describe_ai_models()
        for group in groups.value:
            state = "on" if group.is_on else "off"
            models = ", ".join(entry.model for entry in group.models) or "no models"
            print(f"{group.group_name} ({group.type}, {state}): {models}")


if __name__ == "__main__":
    asyncio.run(main())

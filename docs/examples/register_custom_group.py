"""Register an OpenAI-compatible endpoint as a group of its own, call it, and delete it again.

Its key stays with the service: nobody who calls the group needs it.
"""

import asyncio
import os

from chat.cloudbase import AIModelEntry, CloudBase, GroupSecret, control_plane

GROUP = "custom-openai-compat"


async def main() -> None:
    """CreateAIModel, one question, DeleteAIModel. A new group may need two minutes to answer."""
    async with CloudBase(
        env=os.environ["CLOUDBASE_ENV"],
        secret_id=os.environ["TENCENTCLOUD_SECRET_ID"],
        secret_key=os.environ["TENCENTCLOUD_SECRET_KEY"],
        base_url=os.environ.get("CLOUDBASE_BASE_URL"),
        control_url=os.environ.get("CLOUDBASE_CONTROL_URL"),
    ) as app:
        plane = app.control_plane()
        await plane.create_ai_model(
            GROUP,
            base_url="https://api.example.com/v1",
            models=[AIModelEntry(model="gpt-4o-mini"), AIModelEntry(model="gpt-4o")],
            remark="Internal OpenAI-compatible endpoint",
            status=control_plane.ON,
            secret=GroupSecret(api_key=os.environ["VENDOR_API_KEY"]),
        )
        groups = (await plane.describe_ai_models()).value
        print("registered:", any(group.group_name == GROUP and group.is_on for group in groups))
        model = app.ai().create_model(GROUP)
        result = await model.generate_text(
            model="gpt-4o-mini",
            messages=[{"role": "user", "content": "hi"}],
        )
        print(result.text)
        await plane.delete_ai_model([GROUP])


if __name__ == "__main__":
    asyncio.run(main())

"""Open an environment and make what everything else is done with.

An API key is for servers, an access token for what a signed-in user may do; a pair of cloud keys
signs each request, and is what the control plane wants.
"""

import asyncio
import os

from chat.cloudbase import CloudBase


def application() -> CloudBase:
    """The environment, with the first credential that is there."""
    env = os.environ["CLOUDBASE_ENV"]
    base_url = os.environ.get("CLOUDBASE_BASE_URL")
    if key := os.environ.get("CLOUDBASE_API_KEY"):
        return CloudBase(env=env, api_key=key, base_url=base_url)
    if token := os.environ.get("CLOUDBASE_ACCESS_TOKEN"):
        return CloudBase(env=env, access_token=token, base_url=base_url)
    return CloudBase(
        env=env,
        secret_id=os.environ["TENCENTCLOUD_SECRET_ID"],
        secret_key=os.environ["TENCENTCLOUD_SECRET_KEY"],
        base_url=base_url,
    )


async def main() -> None:
    """Make a chat model, an image model and the agents; ask who is there."""
    async with application() as app:
        ai = app.ai()
        model = ai.create_model("cloudbase")
        images = ai.create_image_model("hunyuan-image")
        agents = await ai.bot.list(page_number=1, page_size=10)
        print(f"chat through {model.group}, images through {images.provider}")
        print(f"{agents.total} agents")


if __name__ == "__main__":
    asyncio.run(main())

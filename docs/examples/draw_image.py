"""Draw a picture with the v3.0 models; it takes half a minute and more."""

import asyncio
import os

from chat.cloudbase import CloudBase


async def main() -> None:
    """Print where the picture is, for 24 hours, and what was drawn in the end."""
    async with CloudBase(
        env=os.environ["CLOUDBASE_ENV"],
        api_key=os.environ["CLOUDBASE_API_KEY"],
        base_url=os.environ.get("CLOUDBASE_BASE_URL"),
    ) as app:
        images = app.ai().create_image_model("hunyuan-image")
        result = await images.generate_image(
            model="hunyuan-image-v3.0-v1.0.4",
            prompt="A cute cat playing on the grass",
            size="1280x720",
            enable_thinking={"value": False},
        )
        print(result.data[0].url)
        print(result.data[0].revised_prompt)


if __name__ == "__main__":
    asyncio.run(main())

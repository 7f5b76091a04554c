"""Draw a picture with the older `hunyuan-image`, whose version v1.9 knows styles."""

import asyncio
import os

from chat.cloudbase import CloudBase, HunyuanImageInput, errors


async def main() -> None:
    """Draw one that is legal, and show what an illegal one is told before anything is sent."""
    async with CloudBase(
        env=os.environ["CLOUDBASE_ENV"],
        api_key=os.environ["CLOUDBASE_API_KEY"],
        base_url=os.environ.get("CLOUDBASE_BASE_URL"),
    ) as app:
        images = app.ai().create_image_model("hunyuan-image")
        wanted = HunyuanImageInput(
            prompt="A cute cat playing on the grass",
            version="v1.9",
            style="校园风格",
            negative_prompt="people",
            revise=False,
        )
        print((await images.generate_image(wanted)).data[0].url)
        try:
            HunyuanImageInput(prompt="A cute cat", style="校园风格")
        except errors.IllegalImageInput as error:
            print(f"not sent, because of {error.params['field']}: {error}")


if __name__ == "__main__":
    asyncio.run(main())

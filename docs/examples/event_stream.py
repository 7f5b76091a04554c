"""Read the raw events of a streamed answer until the one that says [DONE]."""

import asyncio
import os

from chat.cloudbase import CloudBase


async def main() -> None:
    """Print the data of each event."""
    async with CloudBase(
        env=os.environ["CLOUDBASE_ENV"],
        api_key=os.environ["CLOUDBASE_API_KEY"],
        base_url=os.environ.get("CLOUDBASE_BASE_URL"),
    ) as app:
        model = app.ai().create_model("cloudbase")
        result = await model.stream_text(
            model="deepseek-v4-flash",
            messages=[{"role": "user", "content": "hi"}],
        )
        async for event in result.event_stream:
            if event.data == "[DONE]":
                print("the stream is over")
                break
            print("Event:", event.data)


if __name__ == "__main__":
    asyncio.run(main())

"""Talk to an agent; read its answer as text, then all that it did on the way."""

import asyncio
import os

from chat.cloudbase import CloudBase


async def main() -> None:
    """Print the text as it comes, then the kinds of chunks it came in."""
    async with CloudBase(
        env=os.environ["CLOUDBASE_ENV"],
        api_key=os.environ["CLOUDBASE_API_KEY"],
        base_url=os.environ.get("CLOUDBASE_BASE_URL"),
    ) as app:
        answer = await app.ai().bot.send_message(
            bot_id=os.environ["CLOUDBASE_BOT_ID"],
            msg="Hello",
            history=[{"role": "user", "content": "You are Li Bai."}],
        )
        async for text in answer.text_stream:
            print(text, end="", flush=True)
        print()
        async for chunk in answer.data_stream:
            print(chunk.record_id, chunk.type, chunk.finish_reason)


if __name__ == "__main__":
    asyncio.run(main())

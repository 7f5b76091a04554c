"""Let an agent suggest what one might ask it next."""

import asyncio
import os

from chat.cloudbase import CloudBase


async def main() -> None:
    """Print the suggestions, one a line."""
    async with CloudBase(
        env=os.environ["CLOUDBASE_ENV"],
        api_key=os.environ["CLOUDBASE_API_KEY"],
        base_url=os.environ.get("CLOUDBASE_BASE_URL"),
    ) as app:
        suggested = await app.ai().bot.get_recommend_questions(
            bot_id=os.environ["CLOUDBASE_BOT_ID"],
            history=[{"role": "user", "content": "Who are you?"}],
            msg="Hello",
        )
        for question in await suggested.lines():
            print("-", question)


if __name__ == "__main__":
    asyncio.run(main())

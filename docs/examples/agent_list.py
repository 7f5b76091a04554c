"""Find the agents of an environment, and look at one of them."""

import asyncio
import os

from chat.cloudbase import CloudBase


async def main() -> None:
    """Print the agents that are switched on."""
    async with CloudBase(
        env=os.environ["CLOUDBASE_ENV"],
        api_key=os.environ["CLOUDBASE_API_KEY"],
        base_url=os.environ.get("CLOUDBASE_BASE_URL"),
    ) as app:
        bots = app.ai().bot
        found = await bots.list(page_number=1, page_size=10, enable=True)
        print(f"{found.total} agents")
        for bot in found.bot_list:
            print(f"{bot.bot_id}: {bot.name}")
        agent = await bots.get(bot_id=os.environ["CLOUDBASE_BOT_ID"])
        print(agent.welcome_message)


if __name__ == "__main__":
    asyncio.run(main())

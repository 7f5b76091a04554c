"""Keep several conversations with one agent apart."""

import asyncio
import os

from chat.cloudbase import CloudBase


async def main() -> None:
    """Begin a conversation, say something in it, list all of them, delete it again."""
    async with CloudBase(
        env=os.environ["CLOUDBASE_ENV"],
        api_key=os.environ["CLOUDBASE_API_KEY"],
        base_url=os.environ.get("CLOUDBASE_BASE_URL"),
    ) as app:
        bots = app.ai().bot
        bot_id = os.environ["CLOUDBASE_BOT_ID"]
        mine = await bots.create_conversation(bot_id=bot_id, title="My Conversation")
        answer = await bots.send_message(
            bot_id=bot_id, msg="Hello", conversation_id=mine.conversation_id
        )
        print(await answer.text())
        page = await bots.get_conversation(bot_id=bot_id, page_size=10, page_number=1)
        print([conversation.title for conversation in page.data])
        await bots.delete_conversation(bot_id=bot_id, conversation_id=mine.conversation_id)


if __name__ == "__main__":
    asyncio.run(main())

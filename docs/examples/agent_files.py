"""Make a file in cloud storage known to an agent, and ask about it."""

import asyncio
import os

from chat.cloudbase import BotFile, CloudBase

FILE = BotFile(file_id="cloud://env-demo.files/report.docx", file_name="report.docx")


async def main() -> None:
    """Print the answer as it comes."""
    async with CloudBase(
        env=os.environ["CLOUDBASE_ENV"],
        api_key=os.environ["CLOUDBASE_API_KEY"],
        base_url=os.environ.get("CLOUDBASE_BASE_URL"),
    ) as app:
        bots = app.ai().bot
        bot_id = os.environ["CLOUDBASE_BOT_ID"]
        await bots.upload_files(bot_id=bot_id, file_list=[FILE])
        answer = await bots.send_message(
            bot_id=bot_id,
            msg="What is the content of this file?",
            files=[FILE.file_id],
        )
        async for text in answer.text_stream:
            print(text, end="", flush=True)
        print()


if __name__ == "__main__":
    asyncio.run(main())

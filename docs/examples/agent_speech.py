"""Turn speech into text, and text into speech."""

import asyncio
import os

from chat.cloudbase import CloudBase


async def main() -> None:
    """Print what a recording says, and where a spoken text can be heard."""
    async with CloudBase(
        env=os.environ["CLOUDBASE_ENV"],
        api_key=os.environ["CLOUDBASE_API_KEY"],
        base_url=os.environ.get("CLOUDBASE_BASE_URL"),
    ) as app:
        bots = app.ai().bot
        bot_id = os.environ["CLOUDBASE_BOT_ID"]
        heard = await bots.speech_to_text(
            bot_id=bot_id,
            eng_service_type="16k_zh",
            voice_format="mp3",
            url="https://example.com/audio.mp3",
        )
        print(heard.result)
        task = await bots.text_to_speech(
            bot_id=bot_id, voice_type=101004, text="Hello, I am an AI assistant"
        )
        speech = await bots.wait_for_speech(bot_id=bot_id, task_id=task.task_id)
        print(speech.result_url)


if __name__ == "__main__":
    asyncio.run(main())

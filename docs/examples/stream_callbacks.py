"""Read a streamed answer through callbacks, as mini programs do: onText, onEvent, onFinish."""

import asyncio
import os

from chat.cloudbase import CloudBase


def show(text: str) -> None:
    """Called with each piece of text."""
    print("New text:", text)


async def keep(full_text: str) -> None:
    """Called once, with the whole text; a callback may be async."""
    print("Done:", full_text)


async def main() -> None:
    """Stream an answer, and wait until the last callback has run."""
    async with CloudBase(
        env=os.environ["CLOUDBASE_ENV"],
        api_key=os.environ["CLOUDBASE_API_KEY"],
        base_url=os.environ.get("CLOUDBASE_BASE_URL"),
    ) as app:
        model = app.ai().create_model("cloudbase")
        result = await model.stream_text(
            model="deepseek-v4-flash",
            messages=[{"role": "user", "content": "hi"}],
            on_text=show,
            on_event=lambda event: print("Event:", event.data),
            on_finish=keep,
        )
        # They run by themselves. Waiting for the messages is waiting for the end.
        await result.messages


if __name__ == "__main__":
    asyncio.run(main())

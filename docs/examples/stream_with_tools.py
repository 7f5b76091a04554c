"""Stream an answer for which the model calls functions on the way."""

import asyncio
import os
from datetime import UTC, datetime
from typing import Any

from chat.cloudbase import CloudBase, FunctionTool


async def time_now(_: dict[str, Any]) -> str:
    """The time in UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


GET_TIME = FunctionTool(
    name="get_time",
    description="Returns the time in UTC",
    parameters={"type": "object", "properties": {}},
    fn=time_now,
)


async def main() -> None:
    """Print the text of all steps as it comes, then what was said in all."""
    async with CloudBase(
        env=os.environ["CLOUDBASE_ENV"],
        api_key=os.environ["CLOUDBASE_API_KEY"],
        base_url=os.environ.get("CLOUDBASE_BASE_URL"),
    ) as app:
        ai = app.ai()
        ai.register_function_tool(GET_TIME)
        result = await ai.create_model("cloudbase").stream_text(
            model="deepseek-v4-flash",
            tools=[GET_TIME],
            messages=[{"role": "user", "content": "What time is it?"}],
            max_steps=4,
        )
        async for text in result.text_stream:
            print(text, end="", flush=True)
        print()
        print([message["role"] for message in await result.messages])


if __name__ == "__main__":
    asyncio.run(main())

"""Ask a model and wait for the whole answer."""

import asyncio
import os

from chat.cloudbase import CloudBase


async def main() -> None:
    """Print the answer, what it used, and the conversation so far."""
    async with CloudBase(
        env=os.environ["CLOUDBASE_ENV"],
        api_key=os.environ["CLOUDBASE_API_KEY"],
        base_url=os.environ.get("CLOUDBASE_BASE_URL"),
    ) as app:
        model = app.ai().create_model("cloudbase")
        result = await model.generate_text(
            model="deepseek-v4-flash",
            messages=[{"role": "user", "content": "Hello, please introduce Li Bai"}],
            temperature=0.5,
        )
        print(result.text)
        print(f"{result.usage.total_tokens} tokens")
        print([message["role"] for message in result.messages])


if __name__ == "__main__":
    asyncio.run(main())

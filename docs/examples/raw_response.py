"""Get the completion exactly as the service sent it, as mini programs do."""

import asyncio
import os

from chat.cloudbase import CloudBase


async def main() -> None:
    """Print two members of the raw body."""
    async with CloudBase(
        env=os.environ["CLOUDBASE_ENV"],
        api_key=os.environ["CLOUDBASE_API_KEY"],
        base_url=os.environ.get("CLOUDBASE_BASE_URL"),
    ) as app:
        model = app.ai().create_model("cloudbase")
        body = await model.generate_text(
            model="deepseek-v4-flash",
            messages=[{"role": "user", "content": "hi"}],
            raw=True,
        )
        print(body["choices"][0]["message"]["content"])
        print(body["usage"])


if __name__ == "__main__":
    asyncio.run(main())

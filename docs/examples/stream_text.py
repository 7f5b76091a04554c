"""Ask a model and read its answer while it is written: as text, then as chunks."""

import asyncio
import os

from chat.cloudbase import CloudBase


async def main() -> None:
    """Print the text as it comes, then what the chunks said, then the total."""
    async with CloudBase(
        env=os.environ["CLOUDBASE_ENV"],
        api_key=os.environ["CLOUDBASE_API_KEY"],
        base_url=os.environ.get("CLOUDBASE_BASE_URL"),
    ) as app:
        model = app.ai().create_model("cloudbase")
        result = await model.stream_text(
            model="deepseek-v4-flash",
            messages=[{"role": "user", "content": "What is 1+1?"}],
        )
        async for text in result.text_stream:
            print(text, end="", flush=True)
        print()
        # Nothing is asked again: the second stream was kept while the first was read.
        async for chunk in result.data_stream:
            print(chunk.id, chunk.model, chunk.choices)
        usage = await result.usage
        print(f"{usage.total_tokens} tokens")


if __name__ == "__main__":
    asyncio.run(main())

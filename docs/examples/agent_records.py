"""Read what was said to an agent before, and what it answered."""

import asyncio
import os

from chat.cloudbase import CloudBase


async def main() -> None:
    """Print a page of records, the oldest first."""
    async with CloudBase(
        env=os.environ["CLOUDBASE_ENV"],
        api_key=os.environ["CLOUDBASE_API_KEY"],
        base_url=os.environ.get("CLOUDBASE_BASE_URL"),
    ) as app:
        records = await app.ai().bot.get_chat_records(
            bot_id=os.environ["CLOUDBASE_BOT_ID"],
            page_number=1,
            page_size=10,
            sort="asc",
        )
        print(f"{records.total} records")
        for record in records.record_list:
            print(f"{record.role}: {record.content}")


if __name__ == "__main__":
    asyncio.run(main())

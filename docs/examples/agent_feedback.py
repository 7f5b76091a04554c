"""Say what somebody thought of an agent's answer, and read what others thought."""

import asyncio
import os

from chat.cloudbase import CloudBase, UserFeedback


async def main() -> None:
    """Ask, vote for the answer, and list the votes with four stars and more."""
    async with CloudBase(
        env=os.environ["CLOUDBASE_ENV"],
        api_key=os.environ["CLOUDBASE_API_KEY"],
        base_url=os.environ.get("CLOUDBASE_BASE_URL"),
    ) as app:
        bots = app.ai().bot
        bot_id = os.environ["CLOUDBASE_BOT_ID"]
        question = "Give me an idiom"
        answer = await bots.send_message(bot_id=bot_id, msg=question)
        chunks = [chunk async for chunk in answer.data_stream]
        await bots.send_feedback(
            user_feedback=UserFeedback(
                bot_id=bot_id,
                record_id=chunks[-1].record_id,
                type="upvote",
                rating=5,
                comment="Excellent",
                tags=("Graceful",),
                input=question,
                ai_answer=await answer.text(),
            )
        )
        votes = await bots.get_feedback(bot_id=bot_id, type="upvote", min_rating=4, max_rating=5)
        for vote in votes.feedback_list:
            print(f"{vote.rating} stars for {vote.ai_answer!r}: {vote.comment}")


if __name__ == "__main__":
    asyncio.run(main())

"""A small chat in the terminal: the mini program's chat page, with memory.

Each answer appears while it is written. An empty line ends the chat.
"""

import asyncio
import os

from chat.cloudbase import ChatModel, CloudBase, errors


async def answer(model: ChatModel, messages: list[dict[str, str]]) -> str:
    """Print the answer as it comes, and return it whole."""
    result = await model.stream_text(model="deepseek-v4-flash", messages=messages)
    said = ""
    async for text in result.text_stream:
        print(text, end="", flush=True)
        said += text
    print()
    return said


async def main() -> None:
    """Ask, answer, remember; a failed question is forgotten and may be asked again."""
    async with CloudBase(
        env=os.environ["CLOUDBASE_ENV"],
        api_key=os.environ["CLOUDBASE_API_KEY"],
        base_url=os.environ.get("CLOUDBASE_BASE_URL"),
    ) as app:
        model = app.ai().create_model("cloudbase")
        messages: list[dict[str, str]] = []
        while question := (await asyncio.to_thread(input, "> ")).strip():
            messages.append({"role": "user", "content": question})
            try:
                said = await answer(model, messages)
            except errors.CloudBaseError as error:
                messages.pop()
                print("Request failed:", error)
            else:
                messages.append({"role": "assistant", "content": said})


if __name__ == "__main__":
    asyncio.run(main())

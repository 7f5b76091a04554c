"""Let a model call a function: define it, register it, offer it."""

import asyncio
import os
from typing import Any

from chat.cloudbase import CloudBase, FunctionTool


def weather(arguments: dict[str, Any]) -> str:
    """What the model gets to know; an `async def` would do as well."""
    return f"The weather in {arguments['city']} is: clear autumn skies!"


GET_WEATHER = FunctionTool(
    name="get_weather",
    description="Returns the weather of a city. Example call: get_weather({city: 'Beijing'})",
    parameters={
        "type": "object",
        "properties": {"city": {"type": "string", "description": "The city to query"}},
        "required": ["city"],
    },
    fn=weather,
    timeout=10,
)


async def main() -> None:
    """Ask something the model needs the tool for, and print each step."""
    async with CloudBase(
        env=os.environ["CLOUDBASE_ENV"],
        api_key=os.environ["CLOUDBASE_API_KEY"],
        base_url=os.environ.get("CLOUDBASE_BASE_URL"),
    ) as app:
        ai = app.ai()
        ai.register_function_tool(GET_WEATHER)
        result = await ai.create_model("cloudbase").generate_text(
            model="deepseek-v4-flash",
            tools=[GET_WEATHER],
            messages=[{"role": "user", "content": "Please tell me the weather in Beijing"}],
            max_steps=4,
            on_step_finish=lambda step: print("step:", step.finish_reason, step.tool_result),
        )
        print(result.text)


if __name__ == "__main__":
    asyncio.run(main())

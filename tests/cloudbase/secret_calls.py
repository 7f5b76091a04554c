"""Every public call of the client that asks a service something, made with canaries for keys."""

import inspect
from collections.abc import AsyncIterable, Awaitable, Callable, Iterator
from typing import Any

import chat.cloudbase
from chat.cloudbase import (
    AIModelEntry,
    BotStream,
    ChatModel,
    ChatRequest,
    CloudBase,
    FunctionTool,
    GroupSecret,
    Message,
    StreamTextResult,
    errors,
)
from chat.cloudbase.app import CloudBaseAi
from chat.cloudbase.control_plane import ControlPlane
from chat.cloudbase.credentials import Bearer
from chat.cloudbase.tencent import TencentControlPlane
from chat.cloudbase.transport import Call
from tests.cloudbase.bot_calls import EVERY_CALL as BOT_CALLS
from tests.cloudbase.telling import CANARY

API_KEY = f"{CANARY}-api-key-c1"
PAIR = {
    "secret_id": f"{CANARY}-secret-id-c1",
    "secret_key": f"{CANARY}-secret-key-c1",
    "token": f"{CANARY}-session-token-c1",
}
GROUP_KEY = GroupSecret(api_key=f"{CANARY}-group-key-c1")
GROUP_PAIR = GroupSecret(
    secret_id=f"{CANARY}-group-id-c1", secret_key=f"{CANARY}-group-secret-key-c1"
)

QUESTION: dict[str, Any] = {"model": "m1", "messages": [{"role": "user", "content": "hi"}]}
REQUEST = ChatRequest("m1", (Message("user", "hi"),))


def look_of(keys: dict[str, str]) -> FunctionTool:
    """A tool that fails, and says the keys that it knows."""

    def look(_: object) -> None:
        raise RuntimeError(f"it is opened by {keys}")

    return FunctionTool("look", "Looks", {}, look)


WITH_TOOL = QUESTION | {"tools": [{"type": "function", "function": {"name": "look"}}]}
DRAWN = {"model": "hunyuan-image", "prompt": "A boat"}
MODELS = [AIModelEntry(model="m1")]


def model_of(app: CloudBase) -> ChatModel:
    """A model of the environment."""
    return app.ai().create_model("cloudbase")


async def read(stream: AsyncIterable[object]) -> None:
    """Read a stream to its end."""
    async for _ in stream:
        pass


async def read_http(app: CloudBase) -> None:
    """Read a stream of bytes until it has failed, or for as long as it goes well."""
    async with app.http.stream(app.chat_endpoint("cloudbase"), b"{}") as reads:
        while await reads.next():
            pass
    raise errors.StreamLeft  # an end is no failure yet at this depth


async def posted(app: CloudBase) -> None:
    """Post to somebody; any answer is a good one."""
    url = app.chat_endpoint("cloudbase").url
    await app.http.post_json(url, b"{}", Bearer(API_KEY), within=0.8)
    raise errors.StreamLeft  # as above


def told(member: str, /, **parameters: Any) -> Callable[[CloudBase], Awaitable[object]]:
    """Stream a text, and read one member of the result to its end."""

    async def call(app: CloudBase) -> None:
        result = await model_of(app).stream_text(**parameters)
        said = getattr(result, member)
        if isinstance(said, AsyncIterable):
            await read(said)
        else:
            await said
        if result.error is not None:
            raise result.error

    return call


async def left(app: CloudBase) -> None:
    """Close a stream of text, and read it then."""
    result = await model_of(app).stream_text(**QUESTION)
    await result.aclose()
    await read(result.text_stream)


async def called_back(app: CloudBase) -> None:
    """Let a stream of text call back."""
    result = await model_of(app).stream_text(**QUESTION, on_text=str, on_event=str, on_finish=str)
    await result.messages
    if result.error is not None:
        raise result.error


async def generated(app: CloudBase, **parameters: Any) -> None:
    """Generate a text; raise what the result has for an error."""
    result = await model_of(app).generate_text(**parameters)
    if result.error is not None:
        raise result.error


def heard_from(member: str, call: str = "send_message") -> Callable[[CloudBase], Awaitable[object]]:
    """Read one stream of an agent's answer to its end."""

    async def talk(app: CloudBase) -> None:
        stream = await getattr(app.ai().bot, call)(**BOT_CALLS[call])
        said = getattr(stream, member)
        await (read(said) if isinstance(said, AsyncIterable) else said())

    return talk


async def left_agent(app: CloudBase) -> None:
    """Close an agent's answer, and read it then."""
    stream = await app.ai().bot.send_message(**BOT_CALLS["send_message"])
    await stream.aclose()
    await read(stream.text_stream)


def asked_bot(name: str) -> Callable[[CloudBase], Awaitable[object]]:
    """Call the agents."""
    return lambda app: getattr(app.ai().bot, name)(**BOT_CALLS[name])


def managed(
    name: str, /, *values: Any, **parameters: Any
) -> Callable[[CloudBase], Awaitable[object]]:
    """Manage the environment."""
    return lambda app: getattr(app.control_plane(), name)(*values, **parameters)


CHAT_CALLS: dict[str, Callable[[Any], Awaitable[object]]] = {
    "ChatModel.generate_text": lambda app: generated(app, **QUESTION),
    "ChatModel.generate_text, raw": lambda app: generated(app, **QUESTION, raw=True),
    "ChatModel.generate_text, next step": lambda app: generated(app, **WITH_TOOL),
    "ChatModel.generate_text, stopped": lambda app: generated(
        app, **WITH_TOOL, on_tool_error="stop"
    ),
    "ChatModel.stream_text": called_back,
    "ChatModel.stream_text, next step": told("text_stream", **WITH_TOOL),
    "ChatModel.stream_text, stopped": told("text_stream", **WITH_TOOL, on_tool_error="stop"),
    "ChatModel.stream": lambda app: read(model_of(app).stream(REQUEST)),
    "ChatModel.complete": lambda app: model_of(app).complete(REQUEST),
    "StreamTextResult.text_stream": told("text_stream", **QUESTION),
    "StreamTextResult.data_stream": told("data_stream", **QUESTION),
    "StreamTextResult.event_stream": told("event_stream", **QUESTION),
    "StreamTextResult.messages": told("messages", **QUESTION),
    "StreamTextResult.usage": told("usage", **WITH_TOOL),
    "StreamTextResult.aclose": left,
    "HttpPool.call": lambda app: app.http.call(app.chat_endpoint("cloudbase"), Call(body=b"{}")),
    "HttpPool.stream": read_http,
    "HttpPool.post_json": posted,
}
"""What an environment and an OpenAI-compatible endpoint have in common."""

COMPATIBLE_CALLS: dict[str, Callable[[Any], Awaitable[object]]] = {
    **CHAT_CALLS,
    "OpenAICompatible.list_models": lambda app: app.list_models(),
}

GATEWAY_CALLS: dict[str, Callable[[CloudBase], Awaitable[object]]] = {
    **CHAT_CALLS,
    "ImageModel.generate_image": lambda app: (
        app.ai().create_image_model("hunyuan-image").generate_image(**DRAWN)
    ),
    **{f"Bots.{name}": asked_bot(name) for name in BOT_CALLS},
    "Bots.send_message": heard_from("text_stream"),
    "Bots.get_recommend_questions": heard_from("lines", "get_recommend_questions"),
    "Bots.wait_for_speech": lambda app: app.ai().bot.wait_for_speech(
        bot_id="b", task_id="t", every=0, within=0
    ),
    "BotStream.text_stream": heard_from("text_stream"),
    "BotStream.data_stream": heard_from("data_stream"),
    "BotStream.event_stream": heard_from("event_stream"),
    "BotStream.text": heard_from("text"),
    "BotStream.lines": heard_from("lines"),
    "BotStream.aclose": left_agent,
}

CONTROL_CALLS: dict[str, Callable[[CloudBase], Awaitable[object]]] = {
    "ControlPlane.describe_ai_models": managed("describe_ai_models"),
    "ControlPlane.update_ai_model": managed("update_ai_model", "custom-a", secret=GROUP_KEY),
    "ControlPlane.update_ai_model, pair": managed("update_ai_model", "custom-a", secret=GROUP_PAIR),
    "ControlPlane.create_ai_model": managed(
        "create_ai_model", "custom-a", models=MODELS, secret=GROUP_KEY
    ),
    "ControlPlane.create_ai_model, pair": managed("create_ai_model", "custom-a", secret=GROUP_PAIR),
    "ControlPlane.delete_ai_model": managed("delete_ai_model", ["custom-a"]),
    "ControlPlane.describe_managed_ai_model_list": managed("describe_managed_ai_model_list"),
    "ControlPlane.modify_ai_model_status": managed(
        "modify_ai_model_status", "cloudbase", {"m1": True}
    ),
    "ControlPlane.describe_activity_info": managed("describe_activity_info", ["plan"]),
    "ControlPlane.describe_env_postpay_package": managed("describe_env_postpay_package"),
    "ControlPlane.describe_envs": managed("describe_envs", limit=1),
    "ControlPlane.describe_env_info": managed("describe_env_info"),
    "ControlPlane.create_api_key": managed("create_api_key", name="n"),
    "ControlPlane.describe_api_key_list": managed("describe_api_key_list"),
    "ControlPlane.delete_api_key": managed("delete_api_key", "key-1"),
    "ControlPlane.describe_credits_usage": managed(
        "describe_credits_usage", start_date="2026-01-01", end_date="2026-01-02"
    ),
    "ControlPlane.describe_credits_usage_detail": managed(
        "describe_credits_usage_detail",
        modules=["AI"],
        start_date="2026-01-01",
        end_date="2026-01-01",
    ),
}


def public_calls() -> Iterator[str]:
    """The name of everything public that waits for a service: coroutines, streams, awaitables."""
    exported = [getattr(chat.cloudbase, name) for name in chat.cloudbase.__all__]
    kinds = {kind for kind in exported if inspect.isclass(kind)}
    for kind in {*kinds, CloudBaseAi, ControlPlane, BotStream, StreamTextResult}:
        for name, member in inspect.getmembers(kind):
            if not name.startswith("_") and _waits(member):
                yield f"{kind.__name__}.{name}"


def public_actions() -> set[str]:
    """The name of every action of Tencent's control plane."""
    members = inspect.getmembers(TencentControlPlane, inspect.iscoroutinefunction)
    return {f"ControlPlane.{name}" for name, _ in members if not name.startswith("_")}


def _waits(member: object) -> bool:
    if isinstance(member, property):
        returned = str(member.fget and inspect.signature(member.fget).return_annotation)
        return returned.startswith(("AsyncGenerator", "Awaitable"))
    function = inspect.unwrap(member) if callable(member) else member
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


def holders(app: CloudBase) -> list[object]:
    """Public objects that hold a key, and values with one inside."""
    ai = app.ai()
    images = ai.create_image_model("hunyuan-image")
    endpoint = app.chat_endpoint("cloudbase").keeping(GROUP_KEY.secrets)
    return [app, app.http, ai, ai.bot, model_of(app), images, app.control_plane(), endpoint]

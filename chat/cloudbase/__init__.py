"""The CloudBase AI client: asyncio, no Django, usable on its own.

    async with CloudBase(env="env-demo", api_key=key) as app:
        model = app.ai().create_model("cloudbase")
        result = await model.stream_text(model="deepseek-v4-flash", messages=[…])
        async for piece in result.text_stream: ...

`docs/client.md` shows all of it. Errors, events and names are plain values; whatever needs the
HTTP library is loaded at first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from chat.cloudbase import control_plane, errors, events, group_names, messages
from chat.cloudbase.control_plane import AIModelEntry, ControlPlane, GroupSecret
from chat.cloudbase.messages import ChatRequest, Completion, Message

if TYPE_CHECKING:
    from chat.cloudbase.app import CloudBase, OpenAICompatible
    from chat.cloudbase.bot_streams import BotStream
    from chat.cloudbase.bot_values import BotFile, UserFeedback
    from chat.cloudbase.bots import Bots
    from chat.cloudbase.chat_model import ChatModel
    from chat.cloudbase.image_inputs import HunyuanARImageInput, HunyuanImageInput
    from chat.cloudbase.image_model import GeneratedImages, ImageModel
    from chat.cloudbase.model_listing import ListedModel
    from chat.cloudbase.results import GenerateTextResult, StreamTextResult
    from chat.cloudbase.tool_loop import StepFinished
    from chat.cloudbase.tools import FunctionTool
    from chat.cloudbase.transport import HttpPool, Patience

__all__ = [
    "AIModelEntry",
    "BotFile",
    "BotStream",
    "Bots",
    "ChatModel",
    "ChatRequest",
    "CloudBase",
    "Completion",
    "ControlPlane",
    "FunctionTool",
    "GenerateTextResult",
    "GeneratedImages",
    "GroupSecret",
    "HttpPool",
    "HunyuanARImageInput",
    "HunyuanImageInput",
    "ImageModel",
    "ListedModel",
    "Message",
    "OpenAICompatible",
    "Patience",
    "StepFinished",
    "StreamTextResult",
    "UserFeedback",
    "control_plane",
    "errors",
    "events",
    "group_names",
    "messages",
]

_AT_FIRST_USE = {
    "BotFile": "bot_values",
    "BotStream": "bot_streams",
    "Bots": "bots",
    "ChatModel": "chat_model",
    "CloudBase": "app",
    "FunctionTool": "tools",
    "GenerateTextResult": "results",
    "GeneratedImages": "image_model",
    "HttpPool": "transport",
    "HunyuanARImageInput": "image_inputs",
    "HunyuanImageInput": "image_inputs",
    "ImageModel": "image_model",
    "ListedModel": "model_listing",
    "OpenAICompatible": "app",
    "Patience": "transport",
    "StepFinished": "tool_loop",
    "StreamTextResult": "results",
    "UserFeedback": "bot_values",
}


def __getattr__(name: str) -> object:
    """Load what talks HTTP when somebody asks for it."""
    if name not in _AT_FIRST_USE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_AT_FIRST_USE[name]}"), name)

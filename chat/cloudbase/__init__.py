"""The CloudBase AI client: asyncio, no Django, usable on its own.

    async with CloudBase(env="env-demo", api_key=key) as app:
        model = app.ai().create_model("cloudbase")
        async with aclosing(model.stream(request)) as stream:
            async for events in stream: ...

Errors, events and names are plain values; whatever needs the HTTP library is loaded at first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from chat.cloudbase import errors, events, group_names, messages
from chat.cloudbase.messages import ChatRequest, Completion, Message

if TYPE_CHECKING:
    from chat.cloudbase.app import CloudBase, OpenAICompatible
    from chat.cloudbase.chat_model import ChatModel
    from chat.cloudbase.transport import HttpPool, Patience

__all__ = [
    "ChatModel",
    "ChatRequest",
    "CloudBase",
    "Completion",
    "HttpPool",
    "Message",
    "OpenAICompatible",
    "Patience",
    "errors",
    "events",
    "group_names",
    "messages",
]

_AT_FIRST_USE = {
    "ChatModel": "chat_model",
    "CloudBase": "app",
    "HttpPool": "transport",
    "OpenAICompatible": "app",
    "Patience": "transport",
}


def __getattr__(name: str) -> object:
    """Load what talks HTTP when somebody asks for it."""
    if name not in _AT_FIRST_USE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_AT_FIRST_USE[name]}"), name)

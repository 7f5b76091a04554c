"""Functions that a model may call: what they are, and how one call is run."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from chat.cloudbase import errors
from chat.cloudbase.messages import ChatMessage, ToolCall

logger = logging.getLogger(__name__)

RESULT_LIMIT: Final = 32 * 1024
"""Bytes of JSON that a tool may tell the model: some ten thousand tokens."""

_SHOWN_LENGTH = 80
_WRAPPING = 100
"""Bytes that are kept free for what stands around the beginning of a result that was cut."""


@dataclass(frozen=True, slots=True)
class FunctionTool:
    """A function that a model may call; `parameters` is the JSON Schema of its arguments.

    `fn` gets the arguments as one dict. If it is `async` it is awaited; if not it runs in a
    thread, so that nobody has to wait for it. It may return anything that msgspec writes as JSON.
    After `timeout` seconds the model is told that it took too long; an `async` function is
    cancelled then, a thread nobody can stop. Of a result of more than `result_limit` bytes of
    JSON only the beginning is told.
    """

    name: str
    description: str
    parameters: Mapping[str, Any]
    fn: Callable[[dict[str, Any]], Any]
    timeout: float = 60.0
    result_limit: int = RESULT_LIMIT

    def as_dict(self) -> dict[str, Any]:
        """What a model is told of it (OpenAI chat completions, `tools`); `fn` stays here."""
        function = {
            "name": self.name,
            "description": self.description,
            "parameters": self.parameters,
        }
        return {"type": "function", "function": function}


class ToolRegistry:
    """The tools that were registered, by name."""

    def __init__(self) -> None:
        self._tools: dict[str, FunctionTool] = {}

    def register(self, tool: FunctionTool) -> None:
        """Add a tool, or replace the one of that name."""
        self._tools[tool.name] = tool

    def find(self, name: str) -> FunctionTool | None:
        """Return the tool of that name."""
        return self._tools.get(name)


AnyTool = FunctionTool | Mapping[str, Any]
"""How a caller may offer a tool: one of ours, or ready-made for the wire, with the function of
that name looked up among the registered ones."""


@dataclass(frozen=True, slots=True)
class ToolOutcome:
    """What became of a call: the value that the function returned, or the failure."""

    call: ToolCall
    content: str
    """What the model is told: JSON text."""
    value: Any = None
    failure: errors.ToolFailed | None = None

    @property
    def message(self) -> ChatMessage:
        """The tool's message to the model."""
        return {"role": "tool", "tool_call_id": self.call["id"], "content": self.content}

    @property
    def result(self) -> Any:
        """The value, or else the failure."""
        return self.failure or self.value


class OfferedTools:
    """The tools of one call of ours; nothing else may run during it, registered or not."""

    def __init__(
        self, tools: Iterable[AnyTool], registry: ToolRegistry, secrets: tuple[str, ...] = ()
    ) -> None:
        """Raises ToolIllegal. `secrets` are the keys to keep out of what a failure says."""
        tools = list(tools)
        self.as_dicts = [_as_dict(tool) for tool in tools]
        self._secrets = secrets
        self._tools: dict[str, FunctionTool] = {}
        for tool, said in zip(tools, self.as_dicts, strict=True):
            known = tool if isinstance(tool, FunctionTool) else registry.find(_name_in(said))
            if known is not None:
                self._tools[known.name] = known

    async def run(self, calls: Iterable[ToolCall]) -> list[ToolOutcome]:
        """Run all calls at once; return what became of each, in their order."""
        return await asyncio.gather(*map(self._run, calls))

    async def _run(self, call: ToolCall) -> ToolOutcome:
        """No failure is raised on the way: its traceback would hold what the tool knows."""
        name = errors.scrub(call["function"]["name"], self._secrets)[:_SHOWN_LENGTH]
        tool = self._tools.get(call["function"]["name"])
        if tool is None:
            return self._failed(call, errors.UnknownTool(tool=name))
        arguments = _arguments(call)
        if arguments is None:
            return self._failed(call, errors.ToolArgumentsInvalid(tool=name))
        value = await self._returned(tool, arguments)
        content = value if isinstance(value, errors.ToolFailed) else self._content(tool, value)
        if isinstance(content, errors.ToolFailed):
            return self._failed(call, content)
        return ToolOutcome(call, content, value)

    def _failed(self, call: ToolCall, failure: errors.ToolFailed) -> ToolOutcome:
        logger.warning("tool %s: %s", failure.params["tool"], failure.code)
        said = str(failure).encode(errors="replace").decode()  # half characters are no JSON
        return ToolOutcome(call, _json({"error": said}), failure=failure)

    async def _returned(self, tool: FunctionTool, arguments: dict[str, Any]) -> Any:
        """What the function returned, or its failure."""
        try:
            async with asyncio.timeout(tool.timeout) as limit:
                return await _called(tool.fn, arguments)
        except asyncio.CancelledError as error:
            if _is_cancelled():
                raise
            return self._raised(tool, error)
        except TimeoutError as error:
            if limit.expired():
                return errors.ToolTimedOut(tool=tool.name, seconds=f"{tool.timeout:g}")
            return self._raised(tool, error)
        except Exception as error:  # a stranger's function: whatever it was, the model hears
            return self._raised(tool, error)

    def _raised(self, tool: FunctionTool, error: BaseException) -> errors.ToolRaised:
        return errors.ToolRaised(_words(error), tool=tool.name, secrets=self._secrets)

    def _content(self, tool: FunctionTool, value: Any) -> str | errors.ToolResultUnusable:
        try:
            content = msgspec.json.encode(value)
        except Exception as error:  # whatever a stranger's value does when it is looked at
            return errors.ToolResultUnusable(_words(error), tool=tool.name, secrets=self._secrets)
        return _capped(content, tool.result_limit)


def _as_dict(tool: AnyTool) -> Mapping[str, Any]:
    if isinstance(tool, FunctionTool):
        return tool.as_dict()
    if not isinstance(tool, Mapping):
        raise errors.ToolIllegal
    return tool


def _name_in(tool: Mapping[str, Any]) -> str:
    """The name of a ready-made tool; "" of one that is no function but the service's own."""
    function = tool.get("function")
    return str(function.get("name", "")) if isinstance(function, Mapping) else ""


def _arguments(call: ToolCall) -> dict[str, Any] | None:
    """The arguments, None if they are no JSON object; whoever has none may say nothing at all."""
    try:
        arguments = msgspec.json.decode(call["function"]["arguments"] or "{}")
    except (msgspec.DecodeError, UnicodeError):
        return None
    return arguments if isinstance(arguments, dict) else None


async def _called(fn: Callable[[dict[str, Any]], Any], arguments: dict[str, Any]) -> Any:
    if inspect.iscoroutinefunction(fn):
        return await fn(arguments)
    value = await asyncio.to_thread(_called_in_thread, fn, arguments)
    return await value if isinstance(value, Awaitable) else value


def _called_in_thread(fn: Callable[[dict[str, Any]], Any], arguments: dict[str, Any]) -> Any:
    try:
        return fn(arguments)
    except StopIteration as error:  # asyncio cannot carry it out of a thread, and would hang
        raise RuntimeError("StopIteration") from error


def _is_cancelled() -> bool:
    """Whether somebody cancelled us, rather than the function itself."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".removesuffix(": ")


def _capped(content: bytes, limit: int) -> str:
    """The JSON, or an object with its beginning: half of the limit, as quotes are doubled in it."""
    if len(content) <= limit:
        return content.decode()
    beginning = content[: max(0, limit // 2 - _WRAPPING)].decode(errors="ignore")
    return _json({"cut": True, "bytes": len(content), "beginning": beginning})


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()

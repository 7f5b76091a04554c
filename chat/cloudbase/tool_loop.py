"""Tools that a model may call, and the loop that runs them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class FunctionTool:
    """A function that a model may call; `parameters` is the JSON Schema of its arguments."""

    name: str
    description: str
    parameters: Mapping[str, Any]
    fn: Callable[..., Any]


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

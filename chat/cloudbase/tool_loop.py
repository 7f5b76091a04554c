"""The loop that lets a model call tools and go on, the same for whole answers and for streams."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from chat.cloudbase import errors
from chat.cloudbase.events import Usage
from chat.cloudbase.messages import (
    Answer,
    ChatMessage,
    ChatRequest,
    ToolCall,
    as_dicts,
)
from chat.cloudbase.tools import OfferedTools, ToolOutcome

MAX_STEPS: Final = 10
"""Most requests of one call (CloudBase JS SDK, maxSteps)."""

OnToolError = Literal["tell", "stop"]
"""Whether a tool's failure is told to the model, which goes on, or ends the call with `error`."""

_MAY_CALL: Final = frozenset({"tool_calls", "tool_call", "stop"})
"""Reasons to finish after which calls are run. Services say "stop" when `tool_choice` names the
tool (OpenAI chat completions). After "length" or "content_filter" a call may be half a call."""


@dataclass(frozen=True, slots=True)
class StepFinished:
    """A request that was answered, as `on_step_finish` is told (CloudBase JS SDK, IOnStepFinish).

    On a step whose calls were run, `messages` is the list before the step added anything, and
    `tool_results` holds what the functions returned, in the order of `tool_calls`; for one that
    failed, its ToolFailed. On the last step, `messages` ends in the answer, `tool_calls` are the
    calls that are left unrun, and there are no results. `tool_call` and `tool_result` are the
    first of theirs, or None. `text` is None if the answer had none.
    """

    messages: list[ChatMessage]
    text: str | None
    tool_calls: tuple[ToolCall, ...]
    tool_results: tuple[Any, ...]
    finish_reason: str | None
    step_usage: Usage
    total_usage: Usage

    @property
    def tool_call(self) -> ToolCall | None:
        """The first call."""
        return self.tool_calls[0] if self.tool_calls else None

    @property
    def tool_result(self) -> Any:
        """The first result."""
        return self.tool_results[0] if self.tool_results else None


class Callbacks:
    """Calls what the caller gave us, sync or async; knows what came out of it."""

    def __init__(self) -> None:
        self.failure: Exception | None = None
        """What a callback raised: the caller gets it back unchanged."""

    async def call(self, callback: Callable[..., Any] | None, *values: Any) -> None:
        """Call, and wait for it; without a callback do nothing. Raises what it raises."""
        if callback is None:
            return
        try:
            said = callback(*values)
            if inspect.isawaitable(said):
                await said
        except Exception as error:
            self.failure = error
            raise


class ToolLoop:
    """One call of `generate_text` or `stream_text`: its requests, and what they add up to.

    Whoever drives it sends `request()`, counts the usage, and gives the answer to `take`, until
    that says no. The list of messages is a new one: the caller's is never touched.
    """

    def __init__(
        self,
        request: ChatRequest,
        tools: OfferedTools,
        callbacks: Callbacks,
        *,
        max_steps: int = MAX_STEPS,
        on_tool_error: OnToolError = "tell",
        on_step_finish: Callable[[StepFinished], Awaitable[object] | object] | None = None,
    ) -> None:
        """`request` is the first of at most `max_steps`. Raises StepsIllegal."""
        if max_steps < 1:
            raise errors.StepsIllegal(max_steps=max_steps)
        self.messages = as_dicts(request.messages)
        self.usage = Usage()
        self.error: errors.CloudBaseError | None = None
        """What ended the call after its first answer."""
        self._first = request
        self._tools = tools
        self._callbacks = callbacks
        self._steps_left = max_steps
        self._stops = on_tool_error == "stop"
        self._on_step_finish = on_step_finish

    def request(self) -> ChatRequest:
        """The next request."""
        self._steps_left -= 1
        return replace(self._first, messages=self.messages)

    def count(self, usage: Usage | None) -> None:
        """Add what a request has used, however it ended."""
        self.usage += usage or Usage()

    def goes_on_after(self, answer: Answer) -> bool:
        """Whether the calls of this answer are to be run."""
        may_call = answer.finish_reason in _MAY_CALL and bool(answer.tool_calls)
        return may_call and self._steps_left > 0

    async def take(self, answer: Answer) -> bool:
        """Take in an answer that was counted, run its calls, tell `on_step_finish`.

        Returns whether to ask again. Raises nothing but what the callback raises; a tool that
        ends the call is in `error`.
        """
        if not self.goes_on_after(answer):
            self.messages.append(answer.message)
            await self._finish_step(answer, self.messages, ())
            return False
        before = list(self.messages)
        outcomes = await self._tools.run(answer.tool_calls)
        self.messages.append(answer.message)
        self.error = self._failure_in(outcomes)
        if self.error is None:
            self.messages += [outcome.message for outcome in outcomes]
        await self._finish_step(answer, before, tuple(outcome.result for outcome in outcomes))
        return self.error is None

    def _failure_in(self, outcomes: Iterable[ToolOutcome]) -> errors.ToolFailed | None:
        failures = (outcome.failure for outcome in outcomes if outcome.failure)
        return next(failures, None) if self._stops else None

    async def _finish_step(
        self, answer: Answer, messages: list[ChatMessage], results: tuple[Any, ...]
    ) -> None:
        step = StepFinished(
            messages=list(messages),
            text=answer.text or None,
            tool_calls=answer.tool_calls,
            tool_results=results,
            finish_reason=answer.finish_reason,
            step_usage=Usage() + (answer.usage or Usage()),
            total_usage=self.usage,
        )
        await self._callbacks.call(self._on_step_finish, step)

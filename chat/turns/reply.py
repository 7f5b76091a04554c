"""An answer in flight: what it has become so far, and what a reader has not seen of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from chat.cloudbase.errors import CloudBaseError
from chat.cloudbase.events import (
    Finished,
    ModelNamed,
    ReasoningDelta,
    StreamEvent,
    TextDelta,
    UsageReported,
)
from chat.models import Message, Status
from chat.rendering import blocks, fragments


@dataclass(frozen=True, slots=True)
class Cursor:
    """How much of an answer a reader's page holds."""

    version: int
    position: blocks.Position
    reasoning: int
    status: str


@dataclass(frozen=True, slots=True)
class _Step:
    """What led from one cursor to the next; readers at the same cursor share it."""

    start: Cursor | None
    end: Cursor
    frames: tuple[str, ...]


class Reply:
    """The state of one answer, written by one task and watched by any number of readers.

    `version` only grows. Times are seconds of the monotonic clock. `was_asked` says whether a
    request was made of the model; only then there is something for the ledger. `readers` are the
    tasks that follow it.
    """

    NOTHING = Cursor(-1, blocks.START, 0, Status.QUEUED)
    """The cursor of a page that shows the bubble empty and queued."""

    def __init__(self, message: Message, new_question: Message | None = None) -> None:
        """`message` is the row of the answer; `new_question` that of its question, if it has no
        other answer, so that pages can show the turn without asking the database."""
        self.pk = message.pk
        self.conversation_pk = message.conversation_id
        self.document = blocks.Document()
        self.reasoning = ""
        self.status: Status = Status.QUEUED
        self.error: CloudBaseError | None = None
        self.usage: UsageReported | None = None
        self.answered_model = ""
        self.finish_reason = ""
        self.was_asked = False
        self.left_out = 0
        self.prompt_estimate: int | None = None
        self.started = time.monotonic()
        self.first_token: float | None = None
        self.ended: float | None = None
        self.version = 0
        self.new_question = new_question
        self.row = message
        self.readers: set[asyncio.Task[Any]] = set()
        self._is_at_rest = False
        self._changed = asyncio.Event()
        self._last_step: _Step | None = None

    def add(self, events: Iterable[StreamEvent]) -> None:
        """Take in what arrived; readers notice by themselves."""
        for event in events:
            match event:
                case TextDelta(text):
                    self._began()
                    self.document.feed(text)
                case ReasoningDelta(text):
                    self._began()
                    self.reasoning += text
                case UsageReported():
                    self.usage = event
                case ModelNamed(model):
                    self.answered_model = model
                case Finished(reason):
                    self.finish_reason = reason
        self._touch()

    def end(self, status: Status, error: CloudBaseError | None = None) -> None:
        """Nothing more will come; what is there is kept. Readers are told by `rest`."""
        self.document.finish()
        self.ended = time.monotonic()
        self.status = status
        self.error = error

    def rest(self, row: Message) -> None:
        """The answer is saved as `row`: readers get the remainder and what stands under it."""
        self.row = row
        self._is_at_rest = True
        self.status = Status(row.status)
        self._touch()

    @property
    def is_at_rest(self) -> bool:
        """Whether the answer is written down for good."""
        return self._is_at_rest

    @property
    def first_token_seconds(self) -> float | None:
        """From the start of the turn to the first piece of the answer."""
        return None if self.first_token is None else self.first_token - self.started

    @property
    def duration_seconds(self) -> float:
        """From the start of the turn to its end, or until now."""
        return (self.ended or time.monotonic()) - self.started

    async def newer_than(self, version: int) -> None:
        """Wait until there is something that a reader at `version` has not seen."""
        while self.version <= version:
            await self._changed.wait()

    def step_from(self, cursor: Cursor | None) -> tuple[tuple[str, ...], Cursor]:
        """The frames that bring a page at `cursor` up to now, and the cursor it has then.

        None is a page that may hold anything: it gets the whole bubble. Needs no database. What
        stands under a resting answer is in the active language, so that readers share a step
        only while the answer is being written.
        """
        shared = self._last_step
        if shared is not None and shared.start == cursor and shared.end.version == self.version:
            return shared.frames, shared.end
        step = self._whole() if cursor is None else self._step(cursor)
        self._last_step = step if cursor is not None and not self.is_at_rest else None
        return step.frames, step.end

    def _step(self, cursor: Cursor) -> _Step:
        change, position = self.document.change_since(cursor.position)
        status = self._visible_status
        parts = [fragments.change_frame(self.pk, change, self.reasoning[cursor.reasoning :])]
        if self.is_at_rest:
            parts[0] += fragments.footer_frame(self.row)
        if status != cursor.status:
            parts.append(fragments.status_frame(self.pk, status))
        end = Cursor(self.version, position, len(self.reasoning), status)
        return _Step(cursor, end, tuple(part for part in parts if part))

    def _whole(self) -> _Step:
        _change, position = self.document.change_since(blocks.START)
        if not self.is_at_rest:
            self.row.status = self._visible_status
            self.row.reasoning = self.reasoning
        bubble = fragments.bubble_of(self.row, self.document)
        end = Cursor(self.version, position, len(self.reasoning), self._visible_status)
        return _Step(None, end, (fragments.bubble_frame(bubble),))

    @property
    def _visible_status(self) -> Status:
        """An answer that has ended shows as being written until it is saved."""
        if self.is_at_rest:
            return self.status
        return Status.QUEUED if self.first_token is None else Status.STREAMING

    def _began(self) -> None:
        if self.first_token is None:
            self.first_token = time.monotonic()
            self.status = Status.STREAMING

    def _touch(self) -> None:
        self.version += 1
        self._changed.set()
        self._changed = asyncio.Event()

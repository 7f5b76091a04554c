"""An open page and the answers that it watches, whoever writes them."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from django.utils.translation import get_language

from admin_models import endings
from chat.models import Message
from chat.rendering import fragments
from chat.turns import owner, readers
from chat.turns.reply import Reply

SILENCE = 10.0
"""Seconds without a frame from another process after which a page asks again."""
RENEWAL = owner.LEASE / 3
"""Seconds between two renewals of a watch."""


logger = logging.getLogger(__name__)


class Page:
    """The readers of one page. `send` writes to its socket, `channel` is where frames of other
    processes reach it; they are handed in through `deliver`. `at_rest` is called after each answer
    of which the page has everything."""

    def __init__(
        self, send: readers.Send, channel: str, at_rest: Callable[[], Awaitable[None]]
    ) -> None:
        self._send = send
        self._channel = channel
        self._at_rest = at_rest
        self._readers: dict[int, asyncio.Task[None]] = {}
        self._inboxes: dict[str, asyncio.Queue[dict[str, Any]]] = {}

    def watch(self, pk: int, *, holds_shell: bool) -> None:
        """Keep the page up to date with answer `pk` from now until it rests.

        `holds_shell` says that the page shows its bubble empty; else it gets the whole bubble.
        """
        self.unwatch(pk)
        task = asyncio.create_task(self._read(pk, holds_shell), name=f"reader of {pk}")
        self._readers[pk] = task
        task.add_done_callback(lambda done: self._forget(pk, done))

    def unwatch(self, pk: int) -> None:
        """Stop sending what answer `pk` becomes."""
        if (reader := self._readers.pop(pk, None)) is not None:
            reader.cancel()

    def deliver(self, event: dict[str, Any]) -> None:
        """Hand in what another process sent; late mail of an earlier watch is dropped."""
        if (inbox := self._inboxes.get(event["watch"])) is not None:
            inbox.put_nowait(event)

    async def leave(self) -> None:
        """End all readers."""
        await endings.ended(self._readers.values())

    def _forget(self, pk: int, task: asyncio.Task[None]) -> None:
        if self._readers.get(pk) is task:
            del self._readers[pk]
        if not task.cancelled() and (error := task.exception()):
            logger.error("reader of reply %s broke", pk, exc_info=error)

    async def _read(self, pk: int, holds_shell: bool) -> None:
        reply = owner.find(pk)
        if reply is not None:
            await readers.follow(reply, self._send, Reply.NOTHING if holds_shell else None)
        else:
            while not await self._read_afar(pk, holds_shell):
                holds_shell = False
        await self._at_rest()

    # Answers of other processes

    async def _read_afar(self, pk: int, holds_shell: bool) -> bool:
        """Watch once; True if the page has everything, False if it has to ask again."""
        message = await Message.objects.select_related("worker", "usage").aget(pk=pk)
        if not message.is_live:
            await self._send(fragments.bubble_frame(fragments.saved_bubble(message)))
            return True
        if message.worker is None:  # its owner is being forgotten; the reaper is about to come
            await asyncio.sleep(SILENCE)
            return False
        watch = owner.Watch(
            name=uuid.uuid4().hex,
            reply=pk,
            reader=self._channel,
            language=get_language() or "",
            is_staff=fragments.is_for_staff(),
            holds_shell=holds_shell,
        )
        inbox = self._inboxes[watch.name] = asyncio.Queue()
        try:
            return await self._relay(message.worker.channel, watch, inbox)
        finally:
            del self._inboxes[watch.name]
            await owner.ask_to_unwatch(message.worker.channel, watch.name)

    async def _relay(
        self, channel: str, watch: owner.Watch, inbox: asyncio.Queue[dict[str, Any]]
    ) -> bool:
        expected, renewed = 0, float("-inf")
        while True:
            if time.monotonic() - renewed >= RENEWAL:
                await owner.ask_to_watch(channel, watch)
                renewed = time.monotonic()
            try:
                async with asyncio.timeout(SILENCE):
                    event = await inbox.get()
            except TimeoutError:
                return False
            if event["type"] == "reply.ended":
                if not expected:
                    await asyncio.sleep(1)  # the owner has just let it go: its row is being saved
                return bool(expected)
            if event["number"] != expected:
                return False
            expected += 1
            await self._send(event["frame"])

"""Whose answers are whose: stop and watch, here and in other processes.

Each process has one channel and one `Worker` row. A reply row names the worker that writes it,
so that any process can ask its owner to stop it or to let a reader watch. Tokens never go through
a group; groups only say that something began or changed in a conversation.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Coroutine
from contextvars import Context, copy_context
from dataclasses import asdict, dataclass, field
from itertools import count
from typing import Any

from channels.exceptions import ChannelFull
from channels.layers import BaseChannelLayer, get_channel_layer
from django.utils import translation

from admin_models import endings
from chat.models import Message, Status
from chat.rendering import fragments
from chat.turns import readers
from chat.turns.log import Log
from chat.turns.questions import Saving
from chat.turns.reply import Reply
from chat.turns.settling import Settling

logger = logging.getLogger(__name__)

LAST_WORDS = 2.0
"""Seconds that readers have to pass on how an answer ended before its process goes."""
LEASE = 30.0
"""Seconds that a watch from another process lasts unless it is asked for again."""


class NotServing(RuntimeError):
    """A turn was begun in a process that has not started its worker."""


@dataclass(slots=True)
class _Answer:
    """An answer of this process and the task that writes it."""

    reply: Reply
    task: asyncio.Task[None]
    reason: Status = Status.INTERRUPTED

    def end_as(self, reason: Status) -> None:
        """Cut the answer short; one that has ended by itself is left to be saved in peace."""
        if self.reply.ended is None:
            self.reason = reason
            self.task.cancel()


@dataclass(slots=True)
class _Forwarding:
    """A watch from another process: its task, and until when (monotonic seconds) it lasts."""

    task: asyncio.Task[None]
    lease_until: float = 0.0


@dataclass(slots=True)
class _Process:
    """What this process writes and who watches from afar."""

    worker_pk: int
    channel: str
    loop: asyncio.AbstractEventLoop
    context: Context
    saving: Saving
    settling: Settling
    log: Log = field(default_factory=Log)
    answers: dict[int, _Answer] = field(default_factory=dict)
    watches: dict[str, _Forwarding] = field(default_factory=dict)


_here: _Process | None = None


def open_for_work(worker_pk: int, channel: str) -> None:
    """From now on this process owns answers, as worker `worker_pk` listening on `channel`."""
    global _here
    context = copy_context()
    _here = _Process(
        worker_pk,
        channel,
        asyncio.get_running_loop(),
        context,
        saving=Saving(worker_pk, context),
        settling=Settling(context),
    )


def closed() -> None:
    """This process owns nothing any more."""
    global _here
    _here = None


def layer() -> BaseChannelLayer:
    """The channel layer; there always is one."""
    found = get_channel_layer()
    if found is None:
        raise NotServing("CHANNEL_LAYERS has no default")
    return found


def _process() -> _Process:
    if _here is None:
        raise NotServing("chat.turns.worker.working() is not running in this process")
    return _here


def worker_pk() -> int:
    """The row that answers of this process name as theirs."""
    return _process().worker_pk


def log() -> Log:
    """The log of this process."""
    return _process().log


def saving() -> Saving:
    """Where questions for this process are saved."""
    return _process().saving


def settling() -> Settling:
    """Where the answers of this process come to rest."""
    return _process().settling


def run(reply: Reply, answering: Coroutine[Any, Any, None]) -> None:
    """Own `reply` and run the task that writes it.

    The task gets the context of the process and not the caller's: a view's context names a thread
    for database work that ends with the request.
    """
    process = _process()
    context = process.context.copy()
    task = process.loop.create_task(answering, name=f"answer {reply.pk}", context=context)
    process.answers[reply.pk] = _Answer(reply, task)
    task.add_done_callback(lambda _task: process.answers.pop(reply.pk, None))


def find(pk: int) -> Reply | None:
    """The answer in flight, if this process writes it."""
    answer = _process().answers.get(pk)
    return answer.reply if answer else None


def in_flight() -> list[int]:
    """The answers that this process writes."""
    return list(_process().answers)


def answering() -> int:
    """How many answers this process writes now; none while it does not serve."""
    return len(_here.answers) if _here else 0


def reason_to_cancel(reply: Reply) -> Status:
    """Why the task of `reply` was cancelled: a person's stop, or the process's end."""
    answer = _process().answers.get(reply.pk)
    return answer.reason if answer else Status.INTERRUPTED


async def tell_conversation(conversation_pk: int, question_pk: int, reply_pk: int) -> None:
    """Tell every open page of a conversation that the turn of a question began or changed: it
    has the answer `reply_pk` now.

    What cannot be told now, a page finds out when it connects again; the turn itself goes on.
    """
    news = {"type": "conversation.turn", "question": question_pk, "reply": reply_pk}
    try:
        await layer().group_send(group_of(conversation_pk), news)
    except Exception:  # whatever the layer's own service raises while it is away
        logger.exception("the pages of conversation %s could not be told", conversation_pk)


def group_of(conversation_pk: int) -> str:
    """The group of the pages that show a conversation."""
    return f"conversation.{conversation_pk}"


# Stop


async def stop(message: Message) -> None:
    """Ask the owner of `message` (with its worker loaded) to stop writing it."""
    if not stop_here(message.pk) and message.worker is not None:
        await _send(message.worker.channel, {"type": "stop", "reply": message.pk})


def stop_here(pk: int) -> bool:
    """Stop an answer of this process; False if it is not one."""
    answer = _process().answers.get(pk)
    if answer is not None:
        answer.end_as(Status.STOPPED)
    return answer is not None


async def interrupt_all(grace: float) -> None:
    """Let the answers of this process go on for `grace` seconds, then end them as interrupted.

    Returns when those who read them have heard the end.
    """
    answers = list(_process().answers.values())
    if not answers:
        return
    pending = {answer.task for answer in answers}
    await asyncio.wait(pending, timeout=grace)
    while pending:
        for answer in answers:
            answer.end_as(Status.INTERRUPTED)
        _done, pending = await asyncio.wait(pending, timeout=endings.INSISTENCE)
    if readers_left := set[asyncio.Task[Any]]().union(*(a.reply.readers for a in answers)):
        await asyncio.wait(readers_left, timeout=LAST_WORDS)


# Watch


@dataclass(frozen=True, slots=True)
class Watch:
    """A reader's request to the owner of an answer, as it travels through the channel layer.

    `name` is the reader's own and new for each request: frames carry it and are numbered from 0.
    `language` and `is_staff` are those of who looks at the page. `holds_shell` says that the page
    shows the bubble empty, so that it need not be sent.
    """

    name: str
    reply: int
    reader: str
    language: str
    is_staff: bool
    holds_shell: bool


async def ask_to_watch(channel: str, watch: Watch) -> None:
    """Ask the owner on `channel` for frames; the same watch again renews it for `LEASE` seconds."""
    await _send(channel, {"type": "watch", "watch": asdict(watch)})


async def ask_to_unwatch(channel: str, name: str) -> None:
    """Tell the owner on `channel` that nobody reads the watch `name` any more."""
    await _send(channel, {"type": "unwatch", "name": name})


async def _send(channel: str, message: dict[str, Any]) -> None:
    try:
        await layer().send(channel, message)
    except ChannelFull:
        logger.warning("channel of a worker is full; a %s was not sent", message["type"])


async def listen() -> None:
    """Wait for what another process asks of this one, and do it."""
    process = _process()
    match await layer().receive(process.channel):
        case {"type": "stop", "reply": int(pk)}:
            stop_here(pk)
        case {"type": "watch", "watch": dict(asked)}:
            _renew_or_begin(process, Watch(**asked))
        case {"type": "unwatch", "name": str(name)}:
            _end(process, name)


def _renew_or_begin(process: _Process, watch: Watch) -> None:
    running = process.watches.get(watch.name)
    if running is None:
        task = asyncio.create_task(_forward(process, watch), name=f"watch {watch.name}")
        running = process.watches[watch.name] = _Forwarding(task)
    running.lease_until = time.monotonic() + LEASE


def _end(process: _Process, name: str) -> None:
    if (running := process.watches.get(name)) is not None:
        running.task.cancel()


async def _forward(process: _Process, watch: Watch) -> None:
    """Send a reader elsewhere what a reader here would get, numbered, until it stops asking."""
    numbers = count()

    async def send(frame: str) -> None:
        if time.monotonic() > process.watches[watch.name].lease_until:
            raise asyncio.CancelledError
        await _send(
            watch.reader,
            {"type": "reply.frame", "watch": watch.name, "number": next(numbers), "frame": frame},
        )

    try:
        reply = find(watch.reply)
        if reply is not None:
            with translation.override(watch.language), fragments.shown_to(staff=watch.is_staff):
                await readers.follow(reply, send, Reply.NOTHING if watch.holds_shell else None)
        await _send(watch.reader, {"type": "reply.ended", "watch": watch.name})
    finally:
        process.watches.pop(watch.name, None)

"""The sockets of the board and of the checks: a click in, pieces of page out."""

from __future__ import annotations

import asyncio
import logging
from abc import abstractmethod
from collections.abc import Callable, Coroutine
from typing import Any, Final

from channels.db import database_sync_to_async
from django.contrib.auth.models import User

from admin_models import roles, row_numbers
from admin_models.forms.preflight import SubjectForm
from admin_models.models import Environment
from admin_models.page_sockets import NOT_FOUND, SIGNED_OUT, PageConsumer, parsed
from admin_models.preflight import asking, seeing
from admin_models.preflight.checks import Subject
from admin_models.showing import board, checklist, frames
from admin_models.showing.checklist import Checklist

logger = logging.getLogger(__name__)

NOT_STAFF: Final = 4403
BREATH: Final = 0.1
"""Seconds in which changes gather before they are shown: answers come in bursts."""
REFRESH: Final = 30.0
"""Seconds after which what is shown is shown anew, as everything grows older."""


class DeskConsumer(PageConsumer):
    """A page of those whom `may_see` names; anybody else is sent away, also when they lose their
    role while they look."""

    may_see: Callable[[roles.Person], bool] = staticmethod(roles.is_admin)

    async def connect(self) -> None:
        """Accept whoever may be here. A refusal comes after accepting: only then does the browser
        learn its code, and whether trying again can help."""
        self._tasks: set[asyncio.Task[None]] = set()
        await self.accept()
        user = self.scope["user"]
        if user is None or not user.is_authenticated:
            await self.close(SIGNED_OUT)
        elif await self.is_let_in():
            await self.begin()

    async def disconnect(self, code: int) -> None:
        for task in self._tasks:
            task.cancel()
        await self.leave_groups()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Do what the page asks, if this person may still ask."""
        if await self.is_let_in():
            await self.heard(parsed(text_data))

    async def is_let_in(self) -> bool:
        """Look again who is there; whoever may not see the page has it closed."""
        user = self.scope["user"]
        person = await _person(user.pk, self.may_see) if user is not None else None
        if person is None:
            await self.close(NOT_STAFF)
            return False
        self.may_change = roles.is_admin(person)
        return True

    @abstractmethod
    async def begin(self) -> None:
        """Bring the page up to date."""

    @abstractmethod
    async def heard(self, content: dict[str, Any]) -> None:
        """Do what the page asks."""

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do something while the socket goes on; it ends with the page."""
        task = asyncio.create_task(_safely(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


class BoardConsumer(DeskConsumer):
    """One open board."""

    may_see = staticmethod(roles.is_operator)

    async def begin(self) -> None:
        self._known: set[int] = set()
        self._changed: set[int] = set()
        self._checking: set[int] = set()
        self._shower: asyncio.Task[None] | None = None
        await self.join(asking.ALL_CHANGES)
        await self._show_all()
        self.start(self._keep_fresh())

    async def heard(self, content: dict[str, Any]) -> None:
        """Ask one environment again, or all."""
        match content:
            case {"action": "check", "environment": str(pk)} if row_numbers.is_one(pk):
                wanted = self._known & {int(pk)}
            case {"action": "check"}:
                wanted = set(self._known)
            case _:
                return
        for environment_pk in wanted - self._checking:
            self.start(self._check(environment_pk))

    async def preflight_changed(self, event: dict[str, Any]) -> None:
        """Something is known anew."""
        self._show_soon(event["environment"])

    async def _check(self, pk: int) -> None:
        self._checking.add(pk)
        self._show_soon(pk)
        try:
            await asking.renew(pk)
        finally:
            self._checking.discard(pk)
            self._show_soon(pk)

    def _show_soon(self, pk: int) -> None:
        self._changed.add(pk)
        if self._shower is None or self._shower.done():
            self._shower = self.start(self._show_changed())

    async def _show_changed(self) -> None:
        while self._changed:
            await asyncio.sleep(BREATH)
            changed, self._changed = self._changed, set()
            pieces = await self._pieces(changed)
            if changed - self._known or changed - pieces.keys():
                await self._show_all()
                continue
            for pk, html in pieces.items():
                await self.send(frames.partial(f"environment-{pk}", "outerMorph", html))

    async def _show_all(self) -> None:
        pieces = await self._pieces(None)
        self._known = set(pieces)
        await self.send(frames.partial("environments", "innerMorph", "".join(pieces.values())))

    async def _pieces(self, wanted: set[int] | None) -> dict[int, str]:
        return await _sections(wanted, frozenset(self._checking), may_change=self.may_change)

    async def _keep_fresh(self) -> None:
        await asyncio.sleep(REFRESH)
        while await self.is_let_in():
            await self._show_all()
            await asyncio.sleep(REFRESH)


class PreflightConsumer(DeskConsumer):
    """One open list of checks."""

    async def begin(self) -> None:
        self._pk: int = self.scope["url_route"]["kwargs"]["pk"]
        self._asked = 0
        self._shower: asyncio.Task[None] | None = None
        self._counter: asyncio.Task[None] | None = None
        self._is_changed = False
        shown = await _checklist(self._pk, self.queries(), is_checking=False)
        if shown is None:
            await self.close(NOT_FOUND)
            return
        self._subject: Subject = shown[0].subject
        await self.join(asking.channel_group(self._pk))
        self._show_soon()
        if await _is_due(self._pk):
            self.start(self._do(asking.renew(self._pk)))
        self.start(self._keep_fresh())

    async def heard(self, content: dict[str, Any]) -> None:
        """Ask again, or make the call of one token."""
        match content:
            case {"action": "check"}:
                self.start(self._do(asking.renew(self._pk)))
            case {"action": "call"} if self._subject.group and self._subject.model:
                group, model = self._subject.group, self._subject.model
                actor = self.scope["user"]
                actor_pk = actor.pk if actor else None
                self.start(self._do(asking.try_call(self._pk, group, model, actor_pk)))

    async def preflight_changed(self, event: dict[str, Any]) -> None:
        """Something is known anew."""
        self._show_soon()

    async def _do(self, work: Coroutine[Any, Any, None]) -> None:
        """Show that something is being asked as long as it is."""
        self._asked += 1
        self._show_soon()
        try:
            await work
        finally:
            self._asked -= 1
            self._show_soon()

    def _show_soon(self) -> None:
        self._is_changed = True
        if self._shower is None or self._shower.done():
            self._shower = self.start(self._show())

    async def _show(self) -> None:
        while self._is_changed:
            await asyncio.sleep(BREATH)
            self._is_changed = False
            shown = await _checklist(self._pk, self.queries(), is_checking=self._asked > 0)
            if shown is None:
                await self.close(NOT_FOUND)
                return
            found, html = shown
            self._subject = found.subject
            await self.send(frames.partial("checklist", "outerMorph", html))
            self._count_down(found)

    def _count_down(self, found: Checklist) -> None:
        if found.until is not None and (self._counter is None or self._counter.done()):
            self._counter = self.start(self._wait_for(found))

    async def _wait_for(self, found: Checklist) -> None:
        """Count the seconds down, and then check again."""
        assert found.until is not None  # noqa: S101  # for the type checker; the caller looked
        while (left := checklist.time_left(found.until)) != "0:00":
            await self.send(frames.partial("countdown", "innerHTML", left))
            await asyncio.sleep(1)
        await self._do(asking.renew(self._pk, "DescribeAIModels"))

    async def _keep_fresh(self) -> None:
        await asyncio.sleep(REFRESH)
        while await self.is_let_in():
            self._show_soon()
            await asyncio.sleep(REFRESH)


async def _safely(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except Exception:  # the edge of a task: the page keeps what it shows
        logger.exception("a page of environments could not be kept up to date")


@database_sync_to_async
def _person(pk: int, may_see: Callable[[roles.Person], bool]) -> User | None:
    """A person as they are now, if they may sign in and see a page."""
    person = User.objects.filter(pk=pk, is_active=True).first()
    return person if person is not None and may_see(person) else None


@database_sync_to_async
def _sections(
    wanted: set[int] | None, checking: frozenset[int], *, may_change: bool
) -> dict[int, str]:
    """The pieces of some environments, or of all."""
    rows = Environment.objects.all()
    if wanted is not None:
        rows = rows.filter(pk__in=wanted)
    shown = board.sections(rows, checking)
    return {
        section.environment.pk: board.html_of(section, may_change=may_change) for section in shown
    }


@database_sync_to_async
def _is_due(pk: int) -> bool:
    environment = Environment.objects.filter(pk=pk).first()
    return environment is not None and checklist.is_due(seeing.facts_of(environment))


@database_sync_to_async
def _checklist(
    pk: int, query: dict[str, str], *, is_checking: bool
) -> tuple[Checklist, str] | None:
    """The checks of what the address asks for, as the page shows them; None if it asks for
    nothing that can be."""
    environment = Environment.objects.filter(pk=pk).first()
    form = SubjectForm(query)
    if environment is None or not form.is_valid():
        return None
    facts = seeing.facts_of(environment)
    found = checklist.of(environment, facts, form.subject(facts), is_checking=is_checking)
    return found, checklist.html_of(found)

"""The socket of a conversation: JSON in, pieces of page out. It decides nothing."""

from __future__ import annotations

import logging
from copy import copy
from typing import Any

from asgiref.sync import sync_to_async
from channels.db import database_sync_to_async
from django.db.models import Q
from django.utils.translation import gettext

from admin_models import preflight, row_numbers, switcher
from admin_models.models import AIModel
from admin_models.page_sockets import NOT_FOUND, SIGNED_OUT, PageConsumer, parsed
from admin_models.preflight import asking
from admin_models.switcher import Choice, Switcher
from chat import live_choices, tracing
from chat.cloudbase.errors import CloudBaseError
from chat.forms import pace
from chat.forms.messages import MessageForm
from chat.limits import notices, rules
from chat.limits.notices import Notice
from chat.models import Conversation, Message
from chat.rendering import fragments
from chat.turns import engine, owner
from chat.turns.questions import Question
from chat.turns.watching import Page

logger = logging.getLogger(__name__)


class ConversationConsumer(PageConsumer):
    """One open page that shows one conversation."""

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Handle one message with pieces of page for the person who is there."""
        with fragments.shown_to(staff=getattr(self.scope["user"], "is_staff", False)):
            await super().dispatch(message)

    async def connect(self) -> None:
        """Accept whoever may be here, and bring the page up to date.

        A refusal comes after accepting: only then does the browser learn its code, and whether
        trying again can help.
        """
        self.conversation_pk: int = self.scope["url_route"]["kwargs"]["pk"]
        self.page = Page(self.send, self.channel_name, self._show_notices)
        self.notices: list[Notice] | None = None  # those that the page was loaded with
        self.questions: set[int] = set()
        self.user_pk: int | None = None
        await self.accept()
        user = self.scope["user"]
        if user is None or not user.is_authenticated:
            await self.close(SIGNED_OUT)
            return
        await self.join(owner.group_of(self.conversation_pk))
        messages, revision = await _state(self.conversation_pk, user.pk)
        if revision is None:
            await self.close(NOT_FOUND)
            return
        self.user_pk = user.pk
        await self.join(asking.ALL_CHANGES)
        self.choices = self.query("choices")
        live_choices.of_this_process.join(self._show_choices, has_loaded=bool(self.choices))
        await self._catch_up(messages, is_stale=self.query("seen") != str(revision))

    async def disconnect(self, code: int) -> None:
        live_choices.of_this_process.leave(self._show_choices)
        await self.leave_groups()
        await self.page.leave()

    # From the browser

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Do what the page asks; whatever goes wrong, what was typed stays there."""
        if self.user_pk is None:  # sent before the refusal was heard
            return
        content = parsed(text_data)
        key = _key(content)
        try:
            match content:
                case {"action": "send", "text": str()}:
                    await self._ask(self.user_pk, content, key)
                case {"action": "stop"}:
                    await self._stop()
                case {"action": "regenerate", "message": str(pk)} if row_numbers.is_one(pk):
                    await self._regenerate(self.user_pk, int(pk))
                case {"action": "choose", "model": str(pk)} if row_numbers.is_one(pk):
                    await self._choose(self.user_pk, int(pk))
                case _:
                    await self._refuse(
                        key, [gettext("This page sent something unknown. Reload it.")]
                    )
        except CloudBaseError as error:
            problem = fragments.problem(error.as_dict())
            await self._refuse(key, [problem.sentence] if problem else [])
        except Exception:  # the edge of a socket: the page hears of it and keeps what was typed
            logger.exception("a frame for conversation %s broke", self.conversation_pk)
            await self._refuse(key, [gettext("Something broke on this site. Please try again.")])

    async def _ask(self, user_pk: int, content: dict[str, Any], key: str) -> None:
        wrong: list[str] = []

        def check(conversation: Conversation) -> Question | None:
            form = MessageForm(conversation.owner_id, content, conversation=conversation)
            wrong[:] = form.sentences()
            return None if wrong else form.question()

        with tracing.step("socket frame", action="send"):
            await sync_to_async(pace.check)(user_pk)
            await engine.ask(self.conversation_pk, check)
        if wrong:
            await self._refuse(key, wrong)
        else:
            await self.send(fragments.accepted_frame(key))

    async def _stop(self) -> None:
        live = Message.objects.live().filter(conversation=self.conversation_pk)
        async for message in live.select_related("worker"):
            await owner.stop(message)

    async def _regenerate(self, user_pk: int, pk: int) -> None:
        with tracing.step("socket frame", action="regenerate"):
            await sync_to_async(pace.check)(user_pk)
            await engine.regenerate(self.conversation_pk, pk)
        await self.send(fragments.composer_error_frame([]))

    async def _choose(self, user_pk: int, pk: int) -> None:
        model = await AIModel.objects.select_related("group__environment").filter(pk=pk).afirst()
        if model is None:
            raise preflight.ModelNotEnabled
        refusal = await database_sync_to_async(switcher.refusal)(user_pk, model)
        if refusal is not None:
            raise refusal
        await Conversation.objects.filter(pk=self.conversation_pk).aupdate(model=model)
        await self.send(fragments.composer_error_frame([]))
        await self._show_notices()

    async def _refuse(self, key: str, sentences: list[str]) -> None:
        await self.send(fragments.composer_error_frame(sentences))
        await self.send(fragments.refused_frame(key))

    async def _show_notices(self) -> None:
        """Say beside the composer which limits are near or used up; nothing if there are none."""
        if self.user_pk is None or rules.are_known_to_be_none():
            return
        told = await _notices(self.user_pk, self.conversation_pk)
        if told is not None and told != self.notices:
            self.notices = told
            await self.send(fragments.notices_frame(told))

    # From other pages and processes

    async def conversation_turn(self, event: dict[str, Any]) -> None:
        """A turn began or changed: show it, and watch its answer."""
        question: int = event["question"]
        messages = self._new_turn(event) or await _turn(self.conversation_pk, question)
        for message in messages:
            self.page.unwatch(message.pk)
        for turn in fragments.turns(messages, is_live_empty=True):
            is_new = question not in self.questions
            self.questions.add(question)
            await self.send(fragments.turn_frame(turn, is_new=is_new))
        self._watch(messages, holds_shell=True)

    def _new_turn(self, event: dict[str, Any]) -> list[Message]:
        """A turn that begins in this process, without asking the database; empty for any other."""
        reply = owner.find(event["reply"])
        if reply is None or reply.new_question is None:
            return []
        return [reply.new_question, copy(reply.row)]

    async def reply_frame(self, event: dict[str, Any]) -> None:
        """A frame of an answer that another process writes."""
        self.page.deliver(event)

    async def reply_ended(self, event: dict[str, Any]) -> None:
        """Another process has sent everything of an answer."""
        self.page.deliver(event)

    async def preflight_changed(self, _event: dict[str, Any]) -> None:
        """Something is known anew about what can be called."""
        live_choices.of_this_process.look()

    # The page

    async def _show_choices(self, offered: Switcher) -> None:
        """Show what can be chosen now, if the page shows anything else; `offered` is what everybody
        may choose from together."""
        if self.user_pk is None:
            return
        theirs, chosen = await _choices(offered, self.user_pk, self.conversation_pk)
        if theirs.signature != self.choices:
            self.choices = theirs.signature
            await self.send(fragments.choices_frame(theirs, chosen, self.scope["user"]))

    async def _catch_up(self, messages: list[Message], *, is_stale: bool) -> None:
        self.questions.update(message.pk for message in messages if message.question_id is None)
        if is_stale:
            await self.send(fragments.turns_frame(fragments.turns(messages)))
        self._watch(messages, holds_shell=False)

    def _watch(self, messages: list[Message], *, holds_shell: bool) -> None:
        for message in messages:
            if message.is_live:
                self.page.watch(message.pk, holds_shell=holds_shell)


def _key(content: dict[str, Any]) -> str:
    """The page's name for a question, as far as it can be sent back."""
    key = content.get("key")
    return key[:40] if isinstance(key, str) and key.isascii() else ""


@database_sync_to_async
def _state(pk: int, user_pk: int) -> tuple[list[Message], int | None]:
    """The messages of a conversation and its revision; None for one that is not the user's.

    The revision is read last: a turn that begins in between makes the page stale, and not wrong.
    """
    messages = list(Message.objects.shown(pk).filter(conversation__owner=user_pk))
    found = Conversation.objects.filter(pk=pk, owner=user_pk).values_list("revision", flat=True)
    return messages, found.first()


@database_sync_to_async
def _turn(pk: int, question: int) -> list[Message]:
    return list(Message.objects.shown(pk).filter(Q(pk=question) | Q(question=question)))


@database_sync_to_async
def _notices(user_pk: int, pk: int) -> list[Notice] | None:
    """What to say of limits to a person in conversation `pk`; None while there are none."""
    if not rules.current():
        return None
    found = Conversation.objects.filter(pk=pk).select_related("model__group__environment").first()
    return notices.shown(user_pk, found.model if found else None)


@database_sync_to_async
def _choices(offered: Switcher, user_pk: int, pk: int) -> tuple[Switcher, Choice | None]:
    """What a person may choose from, and what conversation `pk` has chosen."""
    chosen = Conversation.objects.filter(pk=pk).values_list("model", flat=True).first()
    theirs = switcher.narrowed(offered, user_pk)
    return theirs, theirs.find(chosen)

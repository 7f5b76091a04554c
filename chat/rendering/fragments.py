"""From a row to a piece of the page, and from a change to a frame for the socket."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any
from urllib.parse import urlencode

import msgspec
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext, pgettext_lazy

from admin_models.switcher import Choice, Switcher
from chat.cloudbase import errors
from chat.limits import words
from chat.limits.notices import Notice
from chat.models import Message, Status, Usage
from chat.rendering import blocks

STAGES: dict[str, Promise] = {
    "preflight": pgettext_lazy("stage of an error", "Before the call"),
    "request": pgettext_lazy("stage of an error", "Your request"),
    "call": pgettext_lazy("stage of an error", "The model's answer"),
    "quota": pgettext_lazy("stage of an error", "Quota"),
    "transport": pgettext_lazy("stage of an error", "The connection"),
    "ours": pgettext_lazy("stage of an error", "This site"),
}


NOTHING = SafeString("")

_is_for_staff: ContextVar[bool] = ContextVar("is_for_staff", default=False)


@contextmanager
def shown_to(*, staff: bool) -> Iterator[None]:
    """Inside, pieces are for somebody who administers this site, or for somebody who does not."""
    token = _is_for_staff.set(staff)
    try:
        yield
    finally:
        _is_for_staff.reset(token)


def is_for_staff() -> bool:
    """Whether pieces are now for somebody who administers this site."""
    return _is_for_staff.get()


@dataclass(frozen=True, slots=True)
class Action:
    """The one thing to do about an error of stage preflight, or a limit, as a person reads it.

    `kind` is an `ActionKind`; `url` is empty where a page of ours does it, for which `environment`
    (its number), `group` and `model` say of what, or `limit` (its number). `until` is when waiting
    is over (ISO 8601).
    """

    kind: str
    label: str
    url: str = ""
    until: str = ""
    environment: int | None = None
    group: str = ""
    model: str = ""
    limit: int | None = None

    @property
    def is_elsewhere(self) -> bool:
        """Whether it is done on a page of the vendor's."""
        return bool(self.url)

    @property
    def checks_url(self) -> str:
        """Our page with all checks of this model; empty for an error that names no environment."""
        if self.environment is None:
            return ""
        query = urlencode({"group": self.group, "model": self.model})
        return f"{reverse('environment_preflight', args=[self.environment])}?{query}"

    @property
    def href(self) -> str:
        """Where it is done; our page offers everything that is a button there."""
        limit = reverse("limit", args=[self.limit]) if self.limit is not None else ""
        return self.url or self.checks_url or limit

    @property
    def waits_until(self) -> datetime | None:
        """When waiting is over, where that is what to do."""
        return datetime.fromisoformat(self.until) if self.until else None

    @property
    def when(self) -> str:
        """The same as people read it, with the day if that is another one."""
        return words.moment(self.waits_until) if self.waits_until else ""


@dataclass(frozen=True, slots=True)
class Problem:
    """An error as a person reads it, in their language; what only staff can do, only for staff."""

    code: str
    sentence: str
    stage: str
    stage_label: str
    fixable_by: str
    is_retryable: bool
    request_id: str
    detail: str
    action: Action | None = None
    is_for_staff: bool = False

    @property
    def has_better_way(self) -> bool:
        """Whether whoever reads this can do something about it, rather than just try again."""
        return self.is_for_staff and self.action is not None and bool(self.action.href)


@dataclass(frozen=True, slots=True)
class Bubble:
    """A message with its HTML."""

    message: Message
    blocks: SafeString = NOTHING
    tail: SafeString = NOTHING
    error: Problem | None = None
    usage: Usage | None = None
    is_current: bool = True


@dataclass(slots=True)
class Turn:
    """A question and its answers; the newest answer counts."""

    question: Bubble
    answer: Bubble | None = None
    earlier: list[Bubble] = field(default_factory=list)


# Rows → pieces


def turns(messages: Iterable[Message], *, is_live_empty: bool = False) -> list[Turn]:
    """The turns of a conversation, oldest first, from its messages with what `shown` loads.

    With `is_live_empty` an answer that is being written is an empty shell for its reader to fill.
    """
    by_question = groupby(
        sorted(messages, key=lambda message: (message.question_id or message.pk, message.pk)),
        key=lambda message: message.question_id or message.pk,
    )
    return [_turn(list(group), is_live_empty) for _pk, group in by_question]


def _turn(messages: list[Message], is_live_empty: bool) -> Turn:
    question, *answers = messages
    turn = Turn(question=Bubble(question))
    if answers:
        *earlier, newest = answers
        turn.answer = _shell(newest) if newest.is_live and is_live_empty else saved_bubble(newest)
        turn.earlier = [saved_bubble(answer, is_current=False) for answer in earlier if answer.text]
    return turn


def _shell(message: Message) -> Bubble:
    message.status = Status.QUEUED
    return Bubble(message)


def saved_bubble(message: Message, *, is_current: bool = True) -> Bubble:
    """An answer as far as it is saved: its text, or while it is written, its checkpoints."""
    document = blocks.Document()
    if message.is_live:
        for checkpoint in message.checkpoints.all():
            document.feed(checkpoint.text)
            message.reasoning += checkpoint.reasoning
    else:
        document.feed(message.text)
        document.finish()
    return bubble_of(message, document, is_current=is_current)


def bubble_of(message: Message, document: blocks.Document, *, is_current: bool = True) -> Bubble:
    """The bubble of an answer whose text is `document`."""
    change, _position = document.change_since(blocks.START)
    tail = change.tail.html if isinstance(change.tail, blocks.Replace) else ""
    return Bubble(
        message,
        blocks=mark_safe(change.appended),  # noqa: S308  # sanitised by rendering
        tail=mark_safe(tail),  # noqa: S308  # sanitised by rendering
        error=problem(message.error),
        usage=_usage_of(message),
        is_current=is_current,
    )


def _usage_of(message: Message) -> Usage | None:
    """The ledger row of an answer that rests; one that is being written has none yet."""
    return None if message.is_live else getattr(message, "usage", None)


def problem(error: dict[str, Any] | None) -> Problem | None:
    """A stored error, in the language that is active."""
    if not error:
        return None
    places = (error.get("params") or {}) | words.told(error.get("limit"))
    sentence = gettext(errors.user_message_for(error["code"])) % places
    return Problem(
        code=error["code"],
        sentence=sentence,
        stage=error["stage"],
        stage_label=str(STAGES[error["stage"]]),
        fixable_by=error["fixable_by"],
        is_retryable=error["is_retryable"],
        request_id=error.get("request_id") or "",
        detail=error.get("detail") or "",
        action=_action(error.get("next_action")),
        is_for_staff=is_for_staff(),
    )


def _action(stored: dict[str, Any] | None) -> Action | None:
    if not stored:
        return None
    named = {name: stored[name] for name in _ACTION_MEMBERS if name in stored}
    label = gettext(stored["label"]) % (stored.get("params") or {})
    return Action(kind=stored["kind"], label=label, **named)


_ACTION_MEMBERS = ("url", "until", "environment", "group", "model", "limit")


def turn_html(turn: Turn) -> str:
    return render_to_string("chat/_turn.html", {"turn": turn})


def bubble_html(bubble: Bubble) -> str:
    return render_to_string("chat/_bubble.html", {"bubble": bubble})


# Changes → frames


def partial(target: str, swap: str, html: str) -> str:
    """One change to the page: htmx swaps `html` at the element with id `target`, or below it at
    what a selector behind the id finds."""
    return f'<hx-partial hx-target="#{target}" hx-swap="{swap}">{html}</hx-partial>'


def change_frame(pk: int, change: blocks.Change, reasoning: str) -> str:
    """What a reader of answer `pk` lacks, as one frame; empty if nothing shows."""
    parts: list[str] = []
    if reasoning:
        parts.append(partial(f"message-{pk}-reasoning", "beforeend", escape(reasoning)))
    if change.appended:
        parts.append(partial(f"message-{pk}-blocks", "beforeend", change.appended))
    match change.tail:
        case blocks.Replace(html):
            parts.append(partial(f"message-{pk}-tail", "innerHTML", html))
        case blocks.Append(html, tip):
            if html:
                parts.append(partial(f"message-{pk}-tail [data-grow]", "beforeend", html))
            if tip is not None:
                parts.append(partial(f"message-{pk}-tail [data-tip]", "innerHTML", tip))
    return "".join(parts)


def bubble_frame(bubble: Bubble) -> str:
    """The whole bubble anew, whatever the page holds of it."""
    return partial(f"message-{bubble.message.pk}", "outerHTML", bubble_html(bubble))


def footer_frame(message: Message) -> str:
    """What stands under an answer that rests."""
    bubble = Bubble(message, error=problem(message.error), usage=_usage_of(message))
    html = render_to_string("chat/_footer.html", {"bubble": bubble})
    return partial(f"message-{message.pk}-footer", "outerHTML", html)


def turn_frame(turn: Turn, *, is_new: bool) -> str:
    """A turn at the end of the page, or in the place of what the page holds of it."""
    html = turn_html(turn)
    if is_new:
        return partial("turns", "beforeend", html)
    return partial(f"turn-{turn.question.message.pk}", "outerHTML", html)


def turns_frame(all_turns: Iterable[Turn]) -> str:
    """All turns anew."""
    return partial("turns", "innerHTML", "".join(turn_html(turn) for turn in all_turns))


def composer_error_frame(sentences: list[str]) -> str:
    html = render_to_string("chat/_composer_error.html", {"sentences": sentences})
    return partial("composer-error", "innerHTML", html)


def choices_frame(offered: Switcher, chosen: Choice | None, user: object) -> str:
    """What the switcher of a page of `user` offers now, and what is to be said of the chosen
    model."""
    context = {"switcher": offered, "chosen": chosen, "user": user}
    options = render_to_string("chat/_options.html", context)
    notices = render_to_string("chat/_model_notices.html", context)
    return partial("models", "innerHTML", options) + partial("model-notices", "innerHTML", notices)


def notices_frame(notices: Sequence[Notice]) -> str:
    """What is to be said beside the composer of limits."""
    html = render_to_string("chat/_limit_notices.html", {"notices": notices})
    return partial("limit-notices", "innerHTML", html)


def status_frame(pk: int, status: str) -> str:
    """Data for the page's script: answer `pk` has another status now."""
    return msgspec.json.encode({"message": pk, "status": status}).decode()


def accepted_frame(key: str) -> str:
    return msgspec.json.encode({"accepted": key}).decode()


def refused_frame(key: str) -> str:
    return msgspec.json.encode({"refused": key}).decode()

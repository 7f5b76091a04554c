"""The list, a new conversation, and an old one."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from asgiref.sync import async_to_sync
from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import get_language, gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from admin_models import row_numbers, switcher
from admin_models.models import AIModel
from admin_models.switcher import Choice, Switcher
from chat.cloudbase.errors import CloudBaseError
from chat.forms import pace
from chat.forms.messages import MessageForm
from chat.limits import notices
from chat.models import Conversation, Message, title_from
from chat.rendering import fragments
from chat.turns import engine
from chat.views.requests import AppRequest

LIST_LENGTH = 60
"""Conversations that the list shows at a time."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A part of a person's conversations, and the address of what comes after it."""

    items: list[Conversation]
    older: str


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def home(request: AppRequest) -> HttpResponse:
    """Where a conversation begins; sending the first message makes it and asks the model.

    htmx gets only the list, for the link to older conversations.
    """
    if request.htmx:
        return render(request, "chat/_conversations.html", {"listed": _listed(request)})
    if request.method != "POST":
        return _page(request, None, None)
    form = MessageForm(request.user.pk, request.POST)
    if not form.is_valid():
        return _page(request, None, form, status=422)
    if (refusal := _refusal(request.user.pk)) is not None:
        form.add_error("text", refusal)
        return _page(request, None, form, status=429)
    asked = Message.objects.asked_before(request.user, form.cleaned_data["key"])
    if asked is not None:
        return redirect(asked.conversation)
    question = form.question()
    conversation = Conversation.objects.create(
        owner=request.user,
        title=title_from(question.text),
        model=question.model or _default(request.user.pk),
    )
    turn = engine.saved(conversation.pk, question)
    if turn is not None:
        async_to_sync(engine.begin)(turn)
    return redirect(conversation)


def _refusal(user_pk: int) -> str | None:
    """Why somebody may not ask just now, in their language."""
    try:
        pace.check(user_pk)
    except CloudBaseError as error:
        return gettext(error.user_message) % error.params
    return None


@never_cache
@require_safe
def conversation(request: AppRequest, pk: int) -> HttpResponse:
    """One conversation, as far as it is saved; the socket brings the rest."""
    found = get_object_or_404(Conversation.objects.owned_by(request.user), pk=pk)
    return _page(request, found, None)


def _page(
    request: AppRequest, current: Conversation | None, form: MessageForm | None, status: int = 200
) -> HttpResponse:
    """A page with `form` as it was sent, or an empty one."""
    offered = switcher.loaded(request.user.pk)
    chosen = current.model_id if current else offered.default
    form = form or MessageForm(request.user.pk, initial={"model": chosen})
    choice = _chosen(current, offered, form)
    context = {
        "conversation": current,
        "listed": _listed(request),
        "turns": _turns(request, current) if current else [],
        "form": form,
        "switcher": offered,
        "chosen": choice,
        "notices": notices.shown(request.user.pk, choice.model if choice else None),
        "socket_url": _socket_url(current, offered) if current else "",
        "max_length": settings.MAX_MESSAGE_LENGTH,
    }
    return render(request, "chat/conversation.html", context, status=status)


def _default(user_pk: int) -> AIModel | None:
    """What a person's conversation begins with if they chose nothing; where nothing is ready, a
    model whose refusal says why. One that they may not use only if there is no other."""
    offered = switcher.loaded(user_pk)
    if offered.default is not None or not offered.choices:
        return offered.default or AIModel.objects.default()
    theirs = [choice.model.pk for choice in offered.choices]
    return AIModel.objects.filter(pk__in=theirs).default()


def _chosen(current: Conversation | None, offered: Switcher, form: MessageForm) -> Choice | None:
    """What the switcher shows as chosen; a conversation keeps its model even if it is not ready."""
    choice = offered.find(form["model"].value())
    return choice if choice is not None and (current or choice.is_ready) else None


def _turns(request: AppRequest, current: Conversation) -> list[fragments.Turn]:
    with fragments.shown_to(staff=request.user.is_staff):
        return fragments.turns(Message.objects.shown(current.pk))


def _listed(request: AppRequest) -> Listed:
    conversations = Conversation.objects.owned_by(request.user)
    before = request.GET.get("before", "")
    if row_numbers.is_one(before):
        conversations = conversations.less_recent_than(int(before))
    items = list(conversations[: LIST_LENGTH + 1])
    shown = items[:LIST_LENGTH]
    older = reverse("home") + f"?before={shown[-1].pk}" if len(items) > LIST_LENGTH else ""
    return Listed(shown, older)


def _socket_url(current: Conversation, offered: Switcher) -> str:
    seen = {"seen": current.revision, "choices": offered.signature, "lang": get_language() or ""}
    page = reverse("conversation_socket", "chat.routing", args=[current.pk])
    return f"{page}?{urlencode(seen)}"

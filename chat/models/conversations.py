"""Conversations, their messages, and the log of answers that are still being written."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from admin_models.models import AIModel

TITLE_LENGTH = 80


class Status(models.TextChoices):
    """Where an answer stands; the last four are final."""

    QUEUED = "queued", _("waiting")
    STREAMING = "streaming", _("answering")
    DONE = "done", _("done")
    STOPPED = "stopped", _("stopped")
    FAILED = "failed", _("failed")
    INTERRUPTED = "interrupted", _("interrupted")


LIVE = (Status.QUEUED, Status.STREAMING)


class ConversationQuerySet(models.QuerySet["Conversation"]):
    def owned_by(self, user: AbstractBaseUser | AnonymousUser) -> ConversationQuerySet:
        """Those of `user`; everybody else's do not exist."""
        return self.filter(owner_id=user.pk)

    def less_recent_than(self, pk: int) -> ConversationQuerySet:
        """Those that come after conversation `pk` in the list; all if it is not among them."""
        mark = self.filter(pk=pk).values_list("active_at", flat=True).first()
        if mark is None:
            return self
        return self.filter(models.Q(active_at__lt=mark) | models.Q(active_at=mark, pk__lt=pk))


class Conversation(models.Model):
    """A person's exchange with models, newest activity first."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="conversations"
    )
    title = models.CharField(_("title"), max_length=TITLE_LENGTH)
    model = models.ForeignKey(
        AIModel, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("model")
    )
    revision = models.PositiveIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    active_at = models.DateTimeField(_("last active"), auto_now_add=True)

    objects: ClassVar[ConversationQuerySet] = ConversationQuerySet.as_manager()  # type: ignore[assignment]  # as_manager() is typed as a plain Manager

    class Meta:
        verbose_name = _("conversation")
        verbose_name_plural = _("conversations")
        ordering = ["-active_at", "-pk"]
        indexes = [models.Index(fields=["owner", "-active_at", "-id"], name="conversation_list")]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("conversation", args=[self.pk])


def title_from(text: str) -> str:
    """A title from the first words of a question, cut at a word where there is one."""
    line = " ".join(text.split())
    if len(line) <= TITLE_LENGTH:
        return line
    cut = line[: TITLE_LENGTH - 1]
    head, space, _rest = cut.rpartition(" ")
    return (head if space and len(head) > TITLE_LENGTH // 2 else cut) + "…"


class Worker(models.Model):
    """A server process that writes answers; when its heartbeat stops, its answers are orphans."""

    channel = models.CharField(max_length=120, unique=True)
    started_at = models.DateTimeField(auto_now_add=True)
    heartbeat_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.channel


class MessageQuerySet(models.QuerySet["Message"]):
    def live(self) -> MessageQuerySet:
        """Answers that are still being written."""
        return self.filter(status__in=LIVE)

    def asked_before(self, user: AbstractBaseUser, key: str) -> Message | None:
        """The question that `user` sent under the name `key`; an empty name is no name."""
        found = self.filter(conversation__owner_id=user.pk, key=key).exclude(key="")
        return found.select_related("conversation").first()

    def shown(self, conversation_pk: int) -> MessageQuerySet:
        """The messages of a conversation with everything that showing them needs."""
        return (
            self.filter(conversation=conversation_pk)
            .select_related("usage")
            .prefetch_related("checkpoints")
        )


class Message(models.Model):
    """A question, or one answer to it. A question can have several answers; the newest counts."""

    class Role(models.TextChoices):
        USER = "user", _("user")
        ASSISTANT = "assistant", _("assistant")

    conversation = models.ForeignKey(Conversation, models.CASCADE, related_name="messages")
    role = models.CharField(max_length=16, choices=Role)
    status = models.CharField(max_length=16, choices=Status, default=Status.DONE)
    text = models.TextField(blank=True)
    reasoning = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    # On questions only: the sender's own name for it, so that sending twice asks once.
    key = models.CharField(max_length=40, blank=True)

    # On answers only.
    question = models.ForeignKey(
        "self", models.CASCADE, null=True, blank=True, related_name="answers"
    )
    model = models.ForeignKey(AIModel, models.SET_NULL, null=True, blank=True, related_name="+")
    requested_model = models.CharField(max_length=120, blank=True)
    answered_model = models.CharField(max_length=120, blank=True)
    finish_reason = models.CharField(max_length=32, blank=True)
    left_out = models.PositiveIntegerField(default=0)
    error = models.JSONField(null=True, blank=True)
    request_id = models.CharField(max_length=32, blank=True)
    """Which log lines are about this answer, and which ledger row; people are shown it."""
    worker = models.ForeignKey(
        Worker, models.SET_NULL, null=True, blank=True, related_name="replies"
    )
    finished_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[MessageQuerySet] = MessageQuerySet.as_manager()  # type: ignore[assignment]  # as_manager() is typed as a plain Manager

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["conversation"],
                condition=models.Q(status__in=["queued", "streaming"]),
                name="one_reply_at_a_time",
            ),
            models.UniqueConstraint(
                fields=["conversation", "key"],
                condition=~models.Q(key=""),
                name="a_question_is_asked_once",
            ),
            models.CheckConstraint(
                condition=models.Q(role="user", question__isnull=True, status="done")
                | models.Q(role="assistant", question__isnull=False),
                name="answers_have_questions",
            ),
        ]
        indexes = [
            models.Index(
                fields=["status"],
                condition=models.Q(status__in=["queued", "streaming"]),
                name="live_replies",
            )
        ]

    def __str__(self) -> str:
        return f"{self.role} {self.pk}"

    @property
    def is_live(self) -> bool:
        """Whether this answer is still being written."""
        return self.status in LIVE

    @property
    def was_cut_off(self) -> bool:
        """Whether the model stopped because it may not write more at a time."""
        return self.finish_reason == "length"

    @property
    def was_answered_by_another_model(self) -> bool:
        """Whether the service named a model other than the one that was asked for."""
        return bool(self.answered_model) and self.answered_model != self.requested_model


class Checkpoint(models.Model):
    """A piece of an answer in flight; only ever added, and folded into the message at its end."""

    message = models.ForeignKey(Message, models.CASCADE, related_name="checkpoints")
    text = models.TextField(blank=True)
    reasoning = models.TextField(blank=True)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"checkpoint {self.pk} of message {self.message_id}"

"""Erases a person: what they wrote and who they were; what was used stays as numbers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from allauth.account.models import EmailAddress
from django.contrib.admin.models import LogEntry
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.db import connection, transaction
from django.db.models import Q, TextField
from django.db.models.functions import Cast
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from admin_models import append_only, audit, roles
from admin_models.models import AuditEntry
from chat.ledger import totals
from chat.limits import words as words_of_limits
from chat.models import AlertRecipient, ApiToken, Conversation, Counter, Limit, Message, Usage
from chat.operations.jobs import in_database
from chat.turns import owner

PATIENCE: Final = 20.0
"""Seconds that answers which are being written get to come to rest, a dead process's as well."""
_PAUSE: Final = 0.05
"""Seconds between two transactions, in which others write."""
_AT_A_TIME: Final = 20
_ERASED: Final = "erased"
"""What stands where an e-mail address stood."""


class StillAnswering(Exception):
    """An answer could not be stopped; nothing was deleted yet."""

    user_message = _(
        "An answer of theirs is still being written. They are kept out already; nothing was "
        "deleted yet. Try again in a minute."
    )


@dataclass(frozen=True, slots=True)
class Preview:
    """What erasing a person would do, in numbers."""

    conversations: int
    messages: int
    live: int
    sessions: int
    tokens: int
    teams: int
    limits: int
    """Those that are for this person alone."""
    ledger_rows: int
    about_them: int
    """Entries of the audit log that name them as what was changed."""
    by_them: int
    """Entries that name them as who made the change; those stay."""


def preview(person: User) -> Preview:
    """Count it."""
    conversations = Conversation.objects.owned_by(person)
    messages = Message.objects.filter(conversation__in=conversations)
    return Preview(
        conversations=conversations.count(),
        messages=messages.count(),
        live=messages.live().count(),
        sessions=len(_sessions(person.pk)),
        tokens=ApiToken.objects.filter(owner=person).count(),
        teams=person.teams.count(),
        limits=Limit.objects.filter(person=person).count(),
        ledger_rows=Usage.objects.filter(user=person).count(),
        about_them=len(_entries_about(person)),
        by_them=AuditEntry.objects.filter(actor_pk=person.pk).count(),
    )


async def erase(actor: User, person: User) -> None:
    """Erase `person`, because `actor` (who may be the same) says so.

    They are kept out first. Broken off anywhere, it can be done again. Raises roles.LastAdmin,
    with nothing changed, and StillAnswering.
    """
    before = await in_database(preview)(person)
    await in_database(_keep_out)(person)
    await _stop_answers(person.pk)
    has_more = True
    while has_more:
        has_more = await in_database(_delete_conversations)(person.pk)
        await asyncio.sleep(_PAUSE)
    await in_database(_forget)(actor, person, before)


def name_after(person: User) -> str:
    """As whom somebody who was erased is written down."""
    return f"person {person.pk}"


@transaction.atomic
def _keep_out(person: User) -> None:
    roles.refuse_last(person)
    User.objects.filter(pk=person.pk).update(is_active=False)


async def _stop_answers(user_pk: int) -> None:
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while live := await in_database(_live)(user_pk):
        if asyncio.get_running_loop().time() > deadline:
            raise StillAnswering
        for message in live:
            await owner.stop(message)
        await asyncio.sleep(0.2)


def _live(user_pk: int) -> list[Message]:
    rows = Message.objects.live().filter(conversation__owner=user_pk)
    return list(rows.select_related("worker"))


@transaction.atomic
def _delete_conversations(user_pk: int) -> bool:
    """Delete some; False if there are none any more."""
    pks = Conversation.objects.filter(owner=user_pk).values_list("pk", flat=True)[:_AT_A_TIME]
    return bool(Conversation.objects.filter(pk__in=list(pks)).delete()[0])


@transaction.atomic
def _forget(actor: User, person: User, before: Preview) -> None:
    """All that is left, at once: the ledger never has totals of somebody whom it does not name."""
    with append_only.opened(connection, Usage, AuditEntry):
        _clear_ledger(person.pk)
        for pk, changes in _entries_about(person).items():
            AuditEntry.objects.filter(pk=pk).update(**changes)
    _tell_no_alerts(person)
    Counter.objects.filter(person_pk=person.pk).delete()
    Session.objects.filter(pk__in=_sessions(person.pk)).delete()
    people = ContentType.objects.get_for_model(User)
    LogEntry.objects.filter(content_type=people, object_id=str(person.pk)).delete()
    actor = _as_whom(actor, person)
    _record(actor, person, before)
    _delete(actor, person)


def _clear_ledger(user_pk: int) -> None:
    theirs = Usage.objects.filter(user=user_pk)
    theirs.update(user=None, conversation=None, message=None, request_id="", reason="")
    Usage.objects.filter(corrected_by=user_pk).update(corrected_by=None)
    totals.forget_person(user_pk)


def _tell_no_alerts(person: User) -> None:
    theirs = _addresses(person)
    for row in AlertRecipient.objects.all():
        if theirs & {*row.emails}:
            row.emails = [address for address in row.emails if address not in theirs]
            row.save(update_fields=["emails"])


def _as_whom(actor: User, person: User) -> User:
    """Who erases themselves is not named by that."""
    if actor.pk != person.pk:
        return actor
    return User(pk=person.pk, username=name_after(person))


def _delete(actor: User, person: User) -> None:
    """Without their name, which nothing that goes with them and is recorded shall have."""
    User.objects.filter(pk=person.pk).update(username=name_after(person))
    with audit.acting(actor):
        User.objects.get(pk=person.pk).delete()


def _record(actor: User, person: User, before: Preview) -> None:
    name = name_after(person)
    after = {"conversations": before.conversations, "ledger_rows": before.ledger_rows}
    audit.record(actor, "person.erased", ("person", name, name), after=after)


def _sessions(user_pk: int) -> list[str]:
    """The keys of somebody's sessions; who a session is of stands inside of it."""
    rows = Session.objects.filter(expire_date__gte=timezone.now())
    return [row.pk for row in rows.iterator() if row.get_decoded().get(SESSION_KEY) == f"{user_pk}"]


# The audit log


_NAMES: Final = frozenset({"email", "emails", "members", "person", "username"})
"""Members of what was before and after that name people."""


def _entries_about(person: User) -> dict[int, dict[str, Any]]:
    """The entries that name somebody in anything but who made the change, by number, with what
    has to be changed of each. Others may have had the name before this person was here."""
    rows = AuditEntry.objects.annotate(
        old=Cast("before", TextField()), new=Cast("after", TextField())
    )
    words = _words_of(person)
    name = person.get_username()
    is_named = Q(subject_kind="person", subject_key=name)
    is_named |= Q(subject_kind="limit", subject__contains=name)
    for text in words:
        # SQLite keeps JSON as it was written, with everything but ASCII escaped.
        for spelling in {json.dumps(text), json.dumps(text, ensure_ascii=False)}:
            is_named |= Q(old__contains=spelling) | Q(new__contains=spelling)
    found = rows.filter(is_named, at__gte=person.date_joined)
    changes = {entry.pk: _changes(entry, person, words) for entry in found.iterator()}
    return {pk: changed for pk, changed in changes.items() if changed}


def _words_of(person: User) -> dict[str, str]:
    """What names somebody, and what stands there instead."""
    words = dict.fromkeys(_addresses(person), _ERASED)
    return words | {person.get_username(): name_after(person)}


def _addresses(person: User) -> set[str]:
    """Their e-mail addresses."""
    more = EmailAddress.objects.filter(user=person).values_list("email", flat=True)
    return {*filter(None, [person.email, *more])}


def _changes(entry: AuditEntry, person: User, words: dict[str, str]) -> dict[str, Any]:
    states = {"before": entry.before, "after": entry.after}
    replaced = {name: _replaced(state, words) for name, state in states.items()}
    changes = {name: state for name, state in replaced.items() if state != states[name]}
    if entry.subject_kind == "person" and entry.subject_key == person.get_username():
        changes |= dict.fromkeys(("subject_key", "subject"), name_after(person))
    if entry.subject_kind == "limit":
        name = person.get_username()
        subject = words_of_limits.renamed(entry.subject, name, name_after(person))
        changes |= {"subject": subject} if subject != entry.subject else {}
    return changes


def _replaced(value: Any, words: dict[str, str], *, is_name: bool = False) -> Any:
    """The same with the names and addresses of `words` replaced, where such stand."""
    match value:
        case str() if is_name:
            return words.get(value, value)
        case list():
            return [_replaced(item, words, is_name=is_name) for item in value]
        case dict():
            return {
                name: _replaced(held, words, is_name=is_name or name in _NAMES)
                for name, held in value.items()
            }
    return value


def obstacles(person: User) -> Iterator[str]:
    """What stands in the way of erasing somebody, in words."""
    try:
        with transaction.atomic():
            roles.refuse_last(person)
    except roles.LastAdmin as refusal:
        yield str(refusal.user_message)

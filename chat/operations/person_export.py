"""What is kept about a person, as a ZIP of files: theirs to take along. No keys, nobody else's."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import IO, Any, Final
from zipfile import ZIP_DEFLATED, ZipFile

from allauth.account.models import EmailAddress
from django.contrib.auth.models import User
from django.core.serializers.json import DjangoJSONEncoder

from admin_models import roles, spreadsheets
from admin_models.models import AuditEntry
from chat.models import ApiToken, Conversation, Message, Usage

USAGE_COLUMNS: Final = (
    "id",
    "created_at",
    "kind",
    "environment_name",
    "group_name",
    "requested_model",
    "answered_model",
    "agent",
    "prompt_tokens",
    "completion_tokens",
    "cached_tokens",
    "reasoning_tokens",
    "total_tokens",
    "units",
    "confidence",
    "currency",
    "cost",
    "first_token_seconds",
    "duration_seconds",
    "final_status",
    "error_code",
    "request_id",
    "conversation_id",
    "corrects_id",
)
"""Of usage.csv; see docs/operations.md."""
AUDIT_COLUMNS: Final = ("id", "time", "action", "role", "before", "after")
_AT_A_TIME: Final = 500
_README: Final = """What this site keeps about {name}, as of {time}.

account.json          the account, its teams, e-mail addresses and API tokens (not the tokens)
conversations/*.json  every conversation with all that was asked and answered
conversations/*.md    the same to read
usage.csv             what the requests to models used and cost
audit.csv             what administrators changed about the account, and what this person changed
"""


def write(person: User, file: IO[bytes], now: datetime) -> None:
    """Write everything about `person` into `file`; one conversation at a time is in memory."""
    with ZipFile(file, "w", ZIP_DEFLATED) as archive:
        words = _README.format(name=person.get_username(), time=now.isoformat(timespec="minutes"))
        archive.writestr("README.txt", words)
        archive.writestr("account.json", _json(_account(person)))
        for conversation in Conversation.objects.owned_by(person).order_by("pk").iterator():
            messages = list(_messages(conversation))
            name = f"conversations/{conversation.pk}"
            archive.writestr(f"{name}.json", _json(_conversation(conversation, messages)))
            archive.writestr(f"{name}.md", _markdown(conversation, messages))
        _write_table(archive, "usage.csv", USAGE_COLUMNS, _usage(person))
        _write_table(archive, "audit.csv", AUDIT_COLUMNS, _audit(person))


def _account(person: User) -> dict[str, Any]:
    addresses = EmailAddress.objects.filter(user=person).values_list("email", flat=True)
    tokens = ApiToken.objects.filter(owner=person).values(
        "name", "prefix", "scopes", "created_at", "expires_at", "revoked_at", "last_used_at"
    )
    return {
        "username": person.get_username(),
        "first_name": person.first_name,
        "last_name": person.last_name,
        "email": person.email,
        "email_addresses": list(addresses),
        "role": roles.role_of(person).value,
        "teams": list(person.teams.values_list("name", flat=True)),
        "is_active": person.is_active,
        "joined_at": person.date_joined,
        "last_sign_in_at": person.last_login,
        "api_tokens": list(tokens),
    }


def _messages(conversation: Conversation) -> Iterator[dict[str, Any]]:
    rows = conversation.messages.prefetch_related("checkpoints").order_by("pk")
    for row in rows:
        yield {
            "id": row.pk,
            "role": row.role,
            "status": row.status,
            "created_at": row.created_at,
            "finished_at": row.finished_at,
            "text": _whole(row, "text"),
            "reasoning": _whole(row, "reasoning"),
            "question": row.question_id,
            "requested_model": row.requested_model,
            "answered_model": row.answered_model,
            "error": row.error,
            "request_id": row.request_id,
        }


def _whole(row: Message, name: str) -> str:
    """Of an answer that is being written, what was saved of it."""
    pieces = [getattr(piece, name) for piece in row.checkpoints.all()] if row.is_live else []
    return "".join([getattr(row, name), *pieces])


def _conversation(row: Conversation, messages: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": row.pk,
        "title": row.title,
        "created_at": row.created_at,
        "active_at": row.active_at,
        "messages": messages,
    }


def _markdown(row: Conversation, messages: Iterable[dict[str, Any]]) -> str:
    parts = [f"# {row.title}"]
    for said in messages:
        who = said["answered_model"] or said["requested_model"] or said["role"]
        state = "" if said["status"] == "done" else f" ({said['status']})"
        parts.append(f"## {who}, {said['created_at']:%Y-%m-%d %H:%M} UTC{state}")
        parts.append(said["text"])
    return "\n\n".join(parts) + "\n"


def _usage(person: User) -> Iterator[tuple[Any, ...]]:
    rows = Usage.objects.filter(user=person).order_by("pk")
    return rows.values_list(*USAGE_COLUMNS).iterator(_AT_A_TIME)


def _audit(person: User) -> Iterator[tuple[Any, ...]]:
    """What was changed about the person, without who did it, and that they changed something,
    without about whom."""
    since = AuditEntry.objects.filter(at__gte=person.date_joined).order_by("pk")
    about = since.filter(subject_kind="person", subject_key=person.get_username())
    for row in about.iterator(_AT_A_TIME):
        states = (json.dumps(state, ensure_ascii=False) for state in (row.before, row.after))
        yield (row.pk, row.at, row.action, "subject", *states)
    for row in since.filter(actor_pk=person.pk).iterator(_AT_A_TIME):
        yield (row.pk, row.at, row.action, "actor", "", "")


def _write_table(
    archive: ZipFile, name: str, columns: tuple[str, ...], rows: Iterable[tuple[Any, ...]]
) -> None:
    with archive.open(name, "w", force_zip64=True) as file:
        file.write((spreadsheets.BYTE_ORDER_MARK + spreadsheets.lines([columns])).encode())
        for row in rows:
            file.write(spreadsheets.lines([row]).encode())


def _json(value: Any) -> str:
    return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False, indent=2)

"""`python3 manage.py connect`: use an OpenAI-compatible endpoint."""

from __future__ import annotations

import getpass
import sys
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from admin_models import audit, group_records, local
from admin_models.forms.addresses import validate_outgoing
from admin_models.models import AIModel, GroupStatus, ModelGroup
from chat.cloudbase import group_names


class Command(BaseCommand):
    """Makes or changes a custom group of the local environment."""

    help = (
        "Connects an OpenAI-compatible endpoint as a custom group of this installation, for "
        "example: connect custom-lab https://llm.example/v1 lab-7b. The API key is asked for, or "
        "read from standard input if that is not a terminal; it is stored sealed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("group", help="its name: custom- and what you like, small letters")
        parser.add_argument("base_url", help="up to and including the version")
        parser.add_argument("models", nargs="+", help="the exact model names of the endpoint")
        parser.add_argument(
            "--context-length", type=int, metavar="TOKENS", help="longest context of these models"
        )
        parser.add_argument("--no-key", action="store_true", help="the endpoint wants no key")

    @transaction.atomic
    def handle(
        self,
        *,
        group: str,
        base_url: str,
        models: list[str],
        context_length: int | None,
        no_key: bool,
        **_: Any,
    ) -> None:
        """Save the group and its models; models that it had before stay."""
        row = _group(group)
        before = _state_of(row) if row.pk else {}
        row.base_url = base_url.rstrip("/")
        row.status = GroupStatus.ON
        _check(row)
        _check_group(row)
        if not no_key:
            row.keep_key(_read_key())
        row.save()
        for name in models:
            _offer(row, name, context_length)
        _record(row, before)
        names = ", ".join(models)
        self.stdout.write(f"Connected {names} at {row.base_url} as {group}. It can be chosen now.")


def _group(name: str) -> ModelGroup:
    """The group as it is, or a new one."""
    environment = local.environment()
    row = ModelGroup.objects.filter(environment=environment, name=name).first()
    return row or ModelGroup(environment=environment, name=name)


def _offer(group: ModelGroup, name: str, context_length: int | None) -> None:
    model = AIModel.objects.filter(group=group, name=name).first() or AIModel(
        group=group, name=name
    )
    model.is_enabled = True
    model.context_length = context_length or model.context_length
    _check(model)
    model.save()


def _record(row: ModelGroup, before: dict[str, Any]) -> None:
    after = _state_of(row)
    if before != after:
        action = "group.updated" if before else "group.created"
        subject = group_records.subject_of(row.environment, row.name)
        audit.record(None, action, subject, before=before, after=after)


def _state_of(row: ModelGroup) -> dict[str, Any]:
    lengths = row.models.filter(is_enabled=True).values_list("name", "context_length")
    models = {name: {"context_length": length} for name, length in lengths}
    return audit.state_of(row, ("base_url", "status", "sealed_key")) | {"models": models}


def _check(row: ModelGroup | AIModel) -> None:
    try:
        row.full_clean(validate_unique=False)
    except ValidationError as error:
        raise CommandError(" ".join(error.messages)) from error


def _check_group(row: ModelGroup) -> None:
    if not group_names.is_custom(row.name):
        raise CommandError(f"{row.name} is there by itself. Groups of your own begin with custom-.")
    try:
        validate_outgoing(row.base_url)
    except ValidationError as error:
        raise CommandError(" ".join(error.messages)) from error


def _read_key() -> str:
    if sys.stdin.isatty():
        return getpass.getpass("API key (not shown): ").strip()
    return sys.stdin.readline().strip()

"""`python3 manage.py connect`: use an OpenAI-compatible endpoint."""

from __future__ import annotations

import getpass
import sys
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from admin_models import local
from admin_models.models import AIModel, GroupStatus, ModelGroup


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
        environment = local.environment()
        row = ModelGroup.objects.filter(environment=environment, name=group).first()
        row = row or ModelGroup(environment=environment, name=group)
        row.base_url = base_url.rstrip("/")
        row.status = GroupStatus.ON
        _check(row)
        if not no_key:
            row.keep_key(_read_key())
        row.save()
        for name in models:
            model = AIModel.objects.filter(group=row, name=name).first()
            model = model or AIModel(group=row, name=name)
            model.is_enabled = True
            model.context_length = context_length or model.context_length
            _check(model)
            model.save()
        names = ", ".join(models)
        self.stdout.write(f"Connected {names} at {row.base_url} as {group}. It can be chosen now.")


def _check(row: ModelGroup | AIModel) -> None:
    try:
        row.full_clean(validate_unique=False)
    except ValidationError as error:
        raise CommandError(" ".join(error.messages)) from error


def _read_key() -> str:
    if sys.stdin.isatty():
        return getpass.getpass("API key (not shown): ").strip()
    return sys.stdin.readline().strip()

"""`python3 manage.py import_configuration`: a configuration from a file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from admin_models.configuration import applying, reading
from admin_models.configuration.applying import NotApplied
from admin_models.configuration.planning import Plan
from admin_models.configuration.steps import Problem
from admin_models.forms.configuration import LARGEST
from admin_models.showing import configuration as showing


class Command(BaseCommand):
    """Does what the page of the configuration does, without asking."""

    help = (
        "Imports a configuration (docs/configuration-file.md): adds and changes what the file "
        "says, all of it or nothing, deletes nothing, and never touches a stored key."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="what export_configuration wrote")
        parser.add_argument(
            "--dry-run", action="store_true", help="only say what would be done, and change nothing"
        )

    def handle(self, *, file: Path, dry_run: bool, **_: Any) -> None:
        """Import the file, or only say what that would do."""
        found = reading.read(_text_of(file))
        if found.configuration is None:
            raise CommandError(_told(found.problems))
        plan = applying.planned(found.configuration)
        if plan.problems:
            raise CommandError(_told(plan.problems))
        self._tell(plan)
        if dry_run:
            self.stdout.write("Nothing was changed (--dry-run).")
            return
        try:
            applying.apply(None, found.configuration, plan.digest)
        except NotApplied as refusal:
            told = _told(refusal.plan.problems) or "Something changed meanwhile; try again."
            raise CommandError(told) from None
        self.stdout.write("Imported.")

    def _tell(self, plan: Plan) -> None:
        preview = showing.of(plan)
        for section in preview.sections:
            for line in section.lines:
                self.stdout.write(f"{line.name} {line.state_label}")
                if line.values:
                    self.stdout.write(f"    {line.values}")
                for row in line.rows:
                    before, after = ", ".join(row.before), ", ".join(row.after)
                    self.stdout.write(f"    {row.name}: {before} → {after}")
        for lacking in preview.missing:
            self.stdout.write(lacking.sentence)
            for name, places in lacking.names:
                self.stdout.write(f"    {name} ({places})")
        self.stdout.write(
            f"Added: {preview.added}, changed: {preview.changed}, left as they are: {preview.same}."
        )


def _text_of(file: Path) -> str:
    try:
        if file.stat().st_size > LARGEST:
            raise CommandError(f"{file} is larger than {LARGEST:,} bytes.")
        return file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise CommandError(f"Cannot read {file}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise CommandError(f"{file} is no text in UTF-8 (byte {error.start:,}).") from error


def _told(problems: Iterable[Problem]) -> str:
    return "\n".join(f"{problem.place}: {problem.sentence}" for problem in problems)

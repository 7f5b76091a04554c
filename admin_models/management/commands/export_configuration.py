"""`python3 manage.py export_configuration`: the configuration as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from admin_models.configuration import exporting
from admin_models.configuration.format import written


class Command(BaseCommand):
    """Writes what the page of the configuration exports."""

    help = (
        "Writes environments, groups, models, prices, token packs, teams and limits as JSON, "
        "without secrets (docs/configuration-file.md), to a file or to standard output."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", nargs="?", type=Path, help="where to write; left out: here")

    def handle(self, *, file: Path | None, **_: Any) -> None:
        """Write it; two exports of the same configuration are equal."""
        text = written(exporting.current())
        if file is None:
            self.stdout.write(text, ending="")
            return
        try:
            file.write_text(text, encoding="utf-8")
        except OSError as error:
            raise CommandError(f"Cannot write {file}: {error.strerror}.") from error
        self.stderr.write(f"Wrote {file}.")

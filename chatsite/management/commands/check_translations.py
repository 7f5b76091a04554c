"""Check that no string of ours lacks its translation, and that what is compiled is current."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polib  # type: ignore[import-untyped]  # polib comes without types
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

LOCALES = ("zh_Hans",)
"""English needs no catalogue: it is what the sources say."""

NOT_OURS = (".*", "__pycache__", "build", "data", "node_modules", "static", "tests")


class Command(BaseCommand):
    help = "Fail if a string is untranslated, fuzzy or obsolete, or a .mo is older than its .po."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        if shutil.which("xgettext") is None:
            self._skip()
            return
        with tempfile.TemporaryDirectory() as scratch:
            copy = _copy_with_fresh_catalogues(Path(scratch))
            problems = [problem for locale in LOCALES for problem in _problems(copy, locale)]
        if problems:
            raise CommandError("\n".join([*problems, REMEDY]))
        self.stdout.write("Every string is translated, and every catalogue is compiled.")

    def _skip(self) -> None:
        """Without gettext nothing can be said; where everything must be checked, that fails."""
        sentence = "GNU gettext is missing (Debian and Ubuntu: apt-get install gettext)"
        if os.environ.get("CI", "").lower() in ("1", "true"):
            raise CommandError(sentence)
        self.stdout.write(f"skipped: {sentence}")


REMEDY = (
    "What to do: python3 manage.py makemessages --locale=zh_Hans --no-location --no-obsolete "
    "--ignore=tests; translate what is empty or fuzzy in locale/; python3 manage.py compilemessages"
)


def _copy_with_fresh_catalogues(scratch: Path) -> Path:
    """Copy the sources and bring the catalogues of the copy up to date; the copy's path."""
    copy = scratch / "project"
    shutil.copytree(settings.BASE_DIR, copy, ignore=shutil.ignore_patterns(*NOT_OURS))
    flags = [f"--locale={locale}" for locale in LOCALES]
    result = subprocess.run(  # noqa: S603  # this very interpreter, with arguments of our own
        [sys.executable, "-m", "django", "makemessages", *flags],
        cwd=copy,
        env=os.environ
        | {
            "CHATSITE_DATA_DIR": str(settings.DATA_DIR),
            "DJANGO_SETTINGS_MODULE": "chatsite.settings",
            "PYTHONPATH": str(copy),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        raise CommandError(f"makemessages failed:\n{result.stderr}")
    return copy


def _problems(copy: Path, locale: str) -> Iterator[str]:
    """What is wrong with the catalogue of `locale`, one sentence each."""
    inside = Path("locale") / locale / "LC_MESSAGES" / "django.po"
    fresh = polib.pofile(str(copy / inside))
    for word, entries in (
        ("untranslated", fresh.untranslated_entries()),
        ("fuzzy", fresh.fuzzy_entries()),
        ("obsolete", fresh.obsolete_entries()),
    ):
        for entry in entries:
            yield f"{inside}: {word}: {entry.msgid!r}"
    ours = settings.BASE_DIR / inside
    if not _is_compiled(ours):
        yield f"{inside.with_suffix('.mo')}: is missing, or not made of its .po"


def _is_compiled(catalogue: Path) -> bool:
    compiled = catalogue.with_suffix(".mo")
    if not catalogue.is_file() or not compiled.is_file():
        return False
    said = {_words(entry) for entry in polib.pofile(str(catalogue)).translated_entries()}
    return said == {_words(entry) for entry in polib.mofile(str(compiled))}


def _words(entry: Any) -> tuple[object, ...]:
    """What an entry says, whatever file it comes from."""
    plurals = tuple(sorted((int(index), text) for index, text in entry.msgstr_plural.items()))
    return entry.msgctxt, entry.msgid, entry.msgid_plural, entry.msgstr, plurals

"""The whole configuration as a file without secrets: written, read, compared and merged.

docs/configuration-file.md describes the file for people.
"""

from __future__ import annotations

section_names: list[str] = []
"""What other apps keep in the file, in the order in which it is applied."""


def add_section(name: str) -> None:
    """Keep a list of another app in the file: the Section of this dotted name."""
    section_names.append(name)

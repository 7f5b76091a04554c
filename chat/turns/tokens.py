"""How many tokens a text may have, where nobody counted."""

from __future__ import annotations

CHARACTERS_A_TOKEN = 4
"""Of text in Latin letters; what the providers' own guides give as a rule of thumb."""


def estimate(text: str) -> int:
    """About how many tokens `text` has: four ASCII characters, or one other, make one."""
    others = sum(character > "\x7f" for character in text)
    return -(-(len(text) - others) // CHARACTERS_A_TOKEN) + others

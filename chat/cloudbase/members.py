"""Members of a JSON object, read as services really write them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

_NUMBER: Final = re.compile(r"-?[0-9]{1,18}(?:\.[0-9]{1,18})?")

Time = str | int | float | None
"""A time as it came: some calls write text, some Unix seconds; None if it is missing."""


class Members:
    """Finds members in any casing, with or without underscores; what is null is missing.

    Of several names the first that is there counts, and for text the first that is not empty.
    Missing text is "", a missing list (), every other missing or unreadable thing None: `raw`
    tells what really came.
    """

    __slots__ = ("_by_name", "raw")

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self.raw = raw
        self._by_name: dict[str, Any] = {}
        for name, value in raw.items():
            if value is not None:
                self._by_name.setdefault(_plain(name), value)

    def value(self, *names: str) -> Any:
        """The member as it came, None if there is none."""
        found = (self._by_name.get(_plain(name)) for name in names)
        return next((value for value in found if value is not None), None)

    def text(self, *names: str) -> str:
        """Text; a number is taken for its digits."""
        return next(filter(None, (_text(self.value(name)) for name in names)), "")

    def whole(self, *names: str) -> int | None:
        """A whole number, also one written as text."""
        number = self.number(*names)
        return None if number is None else int(number)

    def number(self, *names: str) -> int | float | None:
        """A number, also one written as text."""
        value = self.value(*names)
        return _number(value) if isinstance(value, str) else _unless_flag(value)

    def flag(self, *names: str) -> bool | None:
        """A boolean, nothing else."""
        value = self.value(*names)
        return value if isinstance(value, bool) else None

    def time(self, *names: str) -> Time:
        """A time, untouched."""
        value = self.value(*names)
        return value if isinstance(value, str) else _unless_flag(value)

    def mapping(self, *names: str) -> Mapping[str, Any] | None:
        """An object."""
        value = self.value(*names)
        return value if isinstance(value, dict) else None

    def texts(self, *names: str) -> tuple[str, ...]:
        """The texts of a list."""
        texts = (_text(item) for item in self._items(*names))
        return tuple(text for text in texts if text is not None)

    def objects(self, *names: str) -> tuple[Mapping[str, Any], ...]:
        """The objects of a list."""
        return tuple(item for item in self._items(*names) if isinstance(item, dict))

    def _items(self, *names: str) -> list[Any]:
        value = self.value(*names)
        return value if isinstance(value, list) else []


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


def _text(value: object) -> str | None:
    if isinstance(value, str):
        return value
    number = _unless_flag(value)
    return None if number is None else str(number)


def _unless_flag(value: object) -> int | float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _number(text: str) -> int | float | None:
    if not _NUMBER.fullmatch(text):
        return None
    return float(text) if "." in text else int(text)

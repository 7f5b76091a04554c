"""What every table that is exported can do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from chat.operations.exports.columns import Column, Row

Mark = tuple[Any, ...]
"""Where in a table one stopped reading, as JSON can hold it."""


class Table(Protocol):
    """Rows in a fixed order, and of a fixed shape."""

    @property
    def columns(self) -> Sequence[Column]:
        """What each row holds."""

    def batches(self, after: Mark | None = None) -> Iterator[Sequence[Row]]:
        """The rows behind a mark, some at a time; each with queries of its own. Raises ValueError
        for what is no mark of this table."""

    def mark(self, row: Row) -> Mark:
        """Where one stops who has read as far as `row`."""

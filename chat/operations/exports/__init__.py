"""The ledger for other programs: its rows or its sums, as CSV, JSON Lines or Parquet.

    for piece in written(table, Format.CSV): ...

Tables are read and written piece by piece, so that one of any length takes the same memory. Their
columns are a promise to whoever reads them: docs/usage-export.md.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from importlib import import_module
from typing import Final

from django.db.models import TextChoices
from django.utils.translation import pgettext_lazy

from chat.operations.exports import as_csv, as_json_lines
from chat.operations.exports.columns import Column, Row, Writer
from chat.operations.exports.tables import Table


class Format(TextChoices):
    CSV = "csv", pgettext_lazy("a format", "CSV, for spreadsheets")
    JSON_LINES = "jsonl", pgettext_lazy("a format", "JSON Lines")
    PARQUET = "parquet", pgettext_lazy("a format", "Parquet")

    @property
    def content_type(self) -> str:
        return CONTENT_TYPES[self]


def _as_parquet(
    columns: Sequence[Column], batches: Iterable[Sequence[Row]]
) -> Generator[bytes, None, None]:
    """Loads its library, some ten megabytes of memory, only now."""
    writer: Writer = import_module("chat.operations.exports.as_parquet").pieces
    yield from writer(columns, batches)


CONTENT_TYPES: Final[Mapping[Format, str]] = {
    Format.CSV: "text/csv; charset=utf-8",
    Format.JSON_LINES: "application/x-ndjson",
    Format.PARQUET: "application/vnd.apache.parquet",
}
_WRITERS: Final[Mapping[Format, Writer]] = {
    Format.CSV: as_csv.pieces,
    Format.JSON_LINES: as_json_lines.pieces,
    Format.PARQUET: _as_parquet,
}


def written(table: Table, form: Format, start: bytes = b"") -> Generator[bytes, None, None]:
    """The file of a table behind `start`, piece by piece; reads the database as it goes. To be
    closed by whoever does not want the rest."""
    if start:
        yield start
    yield from _WRITERS[form](table.columns, table.batches())

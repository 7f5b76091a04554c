"""JSON Lines: an object a row, with the same members in the same order."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence

import msgspec

from chat.operations.exports.columns import Column, Row, plain


def pieces(
    columns: Sequence[Column], batches: Iterable[Sequence[Row]]
) -> Generator[bytes, None, None]:
    """In UTF-8; money and moments are texts."""
    encoder = msgspec.json.Encoder()
    for rows in batches:
        yield encoder.encode_lines(objects(columns, rows))


def objects(columns: Sequence[Column], rows: Iterable[Row]) -> list[dict[str, object]]:
    """Rows as JSON has them."""
    names = [column.name for column in columns]
    return [dict(zip(names, map(plain, row), strict=True)) for row in rows]

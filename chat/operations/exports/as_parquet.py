"""Parquet: typed columns, money as exact decimal numbers, some ten thousand rows a row group.

The library writes a file in one call that asks for rows as it needs them. That call is made on a
thread of its own, which waits while we fetch rows and while the reader takes what was written.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from io import BytesIO
from queue import SimpleQueue
from threading import Thread
from typing import Any, Final

from arro3.core import Array, DataType, Field, RecordBatch, RecordBatchReader, Schema
from arro3.io import write_parquet

from chat.models.amounts import PLACES
from chat.operations.exports.columns import Column, Kind, Row, Value

ROWS_A_GROUP: Final = 20_000
"""What the library holds in memory, compressed, before it writes."""
DIGITS: Final = 38
"""Of a decimal number: as many as 128 bits can hold."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TYPES: Final[Mapping[Kind, DataType]] = {
    Kind.TEXT: DataType.string(),
    Kind.INTEGER: DataType.int64(),
    Kind.NUMBER: DataType.float64(),
    Kind.AMOUNT: DataType.decimal128(DIGITS, PLACES),
    Kind.MOMENT: DataType.timestamp("us", tz="UTC"),
}


class _Abandoned(Exception):
    """Nobody wants the rest of the file."""


def pieces(
    columns: Sequence[Column], batches: Iterable[Sequence[Row]]
) -> Generator[bytes, None, None]:
    """The file; a piece is empty where rows were only taken in."""
    writing = _Writing(columns)
    try:
        for rows in batches:
            yield writing.take(rows)
        yield writing.take(None)
    finally:
        writing.abandon()


class _Writing:
    """A file that is being written, on a thread of its own."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = columns
        self._schema = Schema([_field(column) for column in columns])
        self._given: SimpleQueue[Sequence[Row] | type[_Abandoned] | None] = SimpleQueue()
        self._answers: SimpleQueue[bytes | BaseException] = SimpleQueue()
        self._file = BytesIO()
        self._thread = Thread(target=self._run, name="parquet", daemon=True)
        self._thread.start()

    def take(self, rows: Sequence[Row] | None) -> bytes:
        """Hand rows over, or None for the end; returns what was written since, or raises what went
        wrong."""
        self._given.put(rows)
        answer = self._answers.get()
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def abandon(self) -> None:
        """Have the thread end, if it has not ended by itself."""
        self._given.put(_Abandoned)
        self._thread.join()

    # On the thread. Only what the library reads may raise: a file that raises is a panic to it.
    # It writes from the beginning to the end, so what was written can be taken away.

    def _run(self) -> None:
        try:
            reader = RecordBatchReader.from_batches(self._schema, self._asked_for())
            write_parquet(
                reader, self._file, compression="zstd(3)", max_row_group_size=ROWS_A_GROUP
            )
            self._answers.put(self._taken())
        except BaseException as error:  # the edge of a thread: whoever waits is told
            self._answers.put(error)

    def _asked_for(self) -> Iterator[RecordBatch]:
        while (rows := self._given.get()) is not None:
            if isinstance(rows, type):
                raise rows
            yield self._batch(rows)
            self._answers.put(self._taken())

    def _taken(self) -> bytes:
        taken = self._file.getvalue()
        self._file.seek(0)
        self._file.truncate()
        return taken

    def _batch(self, rows: Sequence[Row]) -> RecordBatch:
        values = zip(*rows, strict=True)
        arrays = [
            _array(column.kind, each) for column, each in zip(self._columns, values, strict=True)
        ]
        return RecordBatch.from_arrays(arrays, schema=self._schema)


def _field(column: Column) -> Field:
    return Field(column.name, _TYPES[column.kind], nullable=column.kind is not Kind.TEXT)


def _array(kind: Kind, values: Sequence[Value]) -> Array:
    """The library makes neither decimal numbers nor moments of Python's; it casts to them."""
    if kind is Kind.AMOUNT:
        return _cast(kind, [_each(value, "{:f}".format) for value in values], DataType.string())
    if kind is Kind.MOMENT:
        return _cast(kind, [_each(value, _microseconds) for value in values], DataType.int64())
    return Array(values, _TYPES[kind])


def _each(value: Any, told: Callable[[Any], Any]) -> Any:
    return None if value is None else told(value)


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _cast(kind: Kind, values: list[Any], plain: DataType) -> Array:
    """Raises ValueError for a value that has no place in its column: the library would leave it
    out."""
    found = Array(values, plain).cast(_TYPES[kind])
    if found.null_count != values.count(None):
        raise ValueError(f"a value is no {kind.name.lower()}")
    return found
